// SPDX-License-Identifier: BSD-3-Clause
//
// A world with a personality, and pair 0 of a driver that accepted features.

#ifndef TESTS_SIM_PACKET_RIG_H_
#define TESTS_SIM_PACKET_RIG_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "backend_sim/sim_world.h"
#include "tests/sim/model_session.h"
#include "tests/sim/pair_rig.h"
#include "tests/sim/raw_client.h"

namespace sim_test {

inline constexpr uint64_t kMrgRxbuf = 1ull << 15;
inline constexpr uint64_t kIndirect = 1ull << 28;
inline constexpr uint64_t kEventIdx = 1ull << 29;
inline constexpr uint64_t kPacked = 1ull << 34;
inline constexpr uint64_t kInOrder = 1ull << 35;
inline constexpr uint64_t kHashReport = 1ull << 57;

// A world, a negotiated client, and pair 0 with rings as the features say.
struct PacketRig {
  explicit PacketRig(uint64_t features, backend_sim::Personality personality,
                     uint16_t num = 16)
      : world(WithPersonality(std::move(personality))),
        client(world, features),
        pair(client, 0,
             PairRigOptions{.format = backend_sim::HasBit(features, 34)
                                          ? virtio_user::RingFormat::kPacked
                                          : virtio_user::RingFormat::kSplit,
                            .num = num,
                            .in_order = backend_sim::HasBit(features, 35),
                            .event_idx = backend_sim::HasBit(features, 29)}),
        header(backend_sim::HasBit(features, 57) ? 20 : 12) {
    pair.Start();
  }
  PacketRig(uint64_t features, std::string_view name, uint16_t num = 16)
      : PacketRig(features, *backend_sim::FindPersonality(name), num) {}

  static backend_sim::SimWorldOptions WithPersonality(
      backend_sim::Personality personality) {
    backend_sim::SimWorldOptions options;
    options.personality = std::move(personality);
    return options;
  }
  struct NegotiatedClient : RawClient {
    NegotiatedClient(backend_sim::SimWorld& world, uint64_t features)
        : RawClient(world) {
      Negotiate(features, 0x1);
      Send(MemTable());
    }
  };

  void Send(const Bytes& packet) { pair.SendTx(Header(header), packet); }
  // What came back, without its header; empty: nothing.
  Bytes Receive() {
    const std::optional<Bytes> back = pair.TakeRx();
    if (!back) return {};
    return Bytes(back->begin() + static_cast<std::ptrdiff_t>(header),
                 back->end());
  }
  void Run() { world.RunUntilIdle(); }
  std::vector<backend_sim::Rule> Rules() { return RulesOf(world.violations()); }

  backend_sim::SimWorld world;
  NegotiatedClient client;
  PairRig pair;
  size_t header;
};

}  // namespace sim_test

#endif  // TESTS_SIM_PACKET_RIG_H_
