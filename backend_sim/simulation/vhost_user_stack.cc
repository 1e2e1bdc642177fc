// SPDX-License-Identifier: BSD-3-Clause

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "backend_sim/sim_world.h"
#include "backend_sim/simulation/asked_requests.h"
#include "backend_sim/simulation/stack.h"
#include "backend_sim/wire.h"
#include "virtio_user/base/check.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace backend_sim {
namespace {

// A fault comes at one of the next so many messages or calls.
constexpr uint32_t kFaultSpread = 32;

Personality PersonalityOf(const Scenario& scenario) {
  auto found = FindPersonality(scenario.backend);
  VU_CHECK(found.has_value());
  found->max_slots = scenario.max_regions;
  if (scenario.max_pairs < found->max_pairs) {
    LimitPairs(*found, scenario.max_pairs);
  }
  found->starts_at_first_kick |= scenario.first_kick != 0;
  found->rings.sleeps |= scenario.sleeps != 0;
  return *std::move(found);
}

SimWorldOptions WorldOptions(const StackOptions& options) {
  const Scenario& scenario = options.scenario;
  SimWorldOptions world;
  world.personality = PersonalityOf(scenario);
  world.channel.server_mode = scenario.server_mode != 0;
  world.channel.pace = static_cast<ServerPace>(scenario.pace);
  world.channel.short_send_percent = scenario.short_send_percent;
  world.channel.short_receive_percent = scenario.short_receive_percent;
  world.memory = MemoryOptionsOf(options);
  world.trace = options.trace;
  world.fd_limit = static_cast<int>(scenario.fd_limit);
  return world;
}

// virtio: "Device configuration layout", of mtu.
constexpr size_t kConfigMtuAt = 10;
constexpr size_t kConfigMtuEnd = 12;

// The counter of the connection's by which a fault's place is counted.
uint64_t ChannelStats::* PlaceOf(FaultKind kind) {
  switch (kind) {
    case FaultKind::kCloseBefore:
    case FaultKind::kCloseAfter:
    case FaultKind::kCloseUnanswered:
    case FaultKind::kStall:
    case FaultKind::kRefuse:
    case FaultKind::kReadInPieces:
      return &ChannelStats::messages;
    case FaultKind::kShortSend:
    case FaultKind::kSendNothing:
    case FaultKind::kSendBroken:
      return &ChannelStats::sends;
    case FaultKind::kShortReceive:
    case FaultKind::kReceiveNothing:
    case FaultKind::kReceiveBroken:
      return &ChannelStats::receives;
    case FaultKind::kAttachRefused:
      return &ChannelStats::attaches;
    case FaultKind::kFdsLost:
    case FaultKind::kFdsExtra:
    case FaultKind::kFdsWrongKind:
      return &ChannelStats::fd_messages;
    case FaultKind::kReplyFdsLost:
    case FaultKind::kReplyFdsWrongKind:
      return &ChannelStats::fd_answers;
    default:
      return &ChannelStats::answers;
  }
}

// What its configuration space says, where it has one that says it.
std::optional<uint16_t> MtuOf(const VhostModel& model) {
  const Personality& has = model.personality();
  if (!HasBit(has.features, kBitMtu) || has.config.size() < kConfigMtuEnd ||
      !HasBit(model.session().protocol_features, kProtocolConfig)) {
    return std::nullopt;
  }
  return static_cast<uint16_t>(
      std::to_integer<unsigned>(has.config[kConfigMtuAt]) |
      std::to_integer<unsigned>(has.config[kConfigMtuAt + 1]) << 8);
}

class VhostUserStack final : public SimStack {
 public:
  VhostUserStack(const StackOptions& options, std::unique_ptr<OpEntropy> source)
      : SimStack(source.get()),
        personality_(PersonalityOf(options.scenario)),
        world_(WorldOptions(options), std::move(source)) {}

  std::unique_ptr<virtio_user::VhostBackend> MakeBackend() override {
    return std::make_unique<virtio_user::VhostUserBackend>(
        std::make_unique<SeamChannel>(world_.MakeChannel(), watch_));
  }
  FdTable& fds() override { return world_.fds(); }
  SimMemory& memory() override { return world_.memory(); }
  SimQuiescer& quiescer() override { return world_.quiescer(); }
  Trace& trace() override { return world_.trace(); }
  SimClock& clock() override { return world_.clock(); }
  FdTable& peer_fds() override { return world_.server_fds(); }
  size_t Step() override { return world_.Step(); }
  size_t ServeRings() override { return world_.server().Step(); }

  PeerView View() override {
    VhostModel& model = world_.model();
    PeerView view{
        .connected = world_.server().connected(),
        .offered = model.personality().features,
        .told = model.session().features,
        .was_told = model.session().features_set,
        .by_itself = Bit(kBitProtocolFeatures),
        .region_lists = {{}},
        .forgets_calls = model.personality().messages.features_wipe_rings};
    view.rings.reserve(model.rings().size());
    for (const RingModel& ring : model.rings()) view.rings.push_back(&ring);
    for (const RegionDescription& region : model.memory().Descriptions()) {
      view.region_lists[0].emplace_back(region.user, region.size);
    }
    view.mtu = MtuOf(model);
    if (model.session().mtu != 0) view.told_mtu = model.session().mtu;
    return view;
  }

  std::vector<Complaint> TakeComplaints() override {
    std::vector<Complaint> complaints;
    const auto& all = world_.violations();
    for (; seen_ < all.size(); ++seen_) {
      complaints.push_back({all[seen_].rule, all[seen_].Text()});
    }
    return complaints;
  }
  bool lies_in_rings() override {
    const Personality& now = world_.model().personality();
    return now.num_buffers_lie != NumBuffersLie::kNone ||
           now.inflight_lie != InflightLie::kNone;
  }
  uint64_t lie_count() override { return world_.server().lie_count(); }
  std::optional<std::array<uint8_t, 6>> LastRarp() override {
    const SessionState& session = world_.model().session();
    if (session.rarps == 0) return std::nullopt;
    std::array<uint8_t, 6> mac;
    std::memcpy(mac.data(), &session.rarp_word, mac.size());
    return mac;
  }
  std::optional<std::string> CheckRequests() override {
    return asked_.Check(world_.channel().requests());
  }
  bool TakeConfigChange() override {
    return asked_.TakeConfigChange(world_.channel().requests()) &&
           HasBit(world_.model().session().protocol_features, kProtocolConfig);
  }
  Temper temper() override {
    const Personality& now = world_.model().personality();
    return now.hostile || now.crash_per_mille != 0 ? Temper::kBad
                                                   : Temper::kGood;
  }

  uint32_t max_pairs() override { return personality_.max_pairs; }
  bool has_packed() override {
    return HasBit(personality_.features, kBitRingPacked);
  }
  bool takes_rarp() override {
    return HasBit(world_.model().session().protocol_features, kProtocolRarp);
  }
  bool SessionsEnd() override { return true; }

  bool PeerCloses() override {
    world_.channel().PeerCloses();
    return true;
  }
  void PeerConnects(uint32_t choice) override {
    Personality next = personality_;
    switch (choice % 4) {
      case 1: {  // Fewer features.
        const uint64_t kept = entropy().Choose(uint64_t{1} << 40);
        next.features &= kept | Bit(kBitProtocolFeatures) | Bit(kBitVersion1);
        break;
      }
      case 2:  // Fewer queues.
        next.max_pairs = 1;
        next.queue_num = 1;
        break;
      case 3: {  // Somebody else.
        const auto names = PersonalityNames();
        next = *FindPersonality(names[(choice / 4) % names.size()]);
        next.max_slots = personality_.max_slots;
        break;
      }
      default:
        break;
    }
    world_.server().SetPersonality(std::move(next));
    world_.channel().PeerConnects();
  }
  void PeerIsItselfAgain() override {
    Personality calm = personality_;
    calm.hostile = false;
    calm.crash_per_mille = 0;
    calm.successors.clear();
    calm.num_buffers_lie = NumBuffersLie::kNone;
    calm.inflight_lie = InflightLie::kNone;
    world_.server().SetPersonality(std::move(calm));
    world_.channel().PeerConnects();
  }

  void ChangeConfig(uint32_t choice) override {
    if (world_.model().personality().config.size() < kConfigMtuEnd) return;
    const uint32_t mtu = 1280 + choice % 4096;
    const std::array bytes{static_cast<std::byte>(mtu & 0xff),
                           static_cast<std::byte>(mtu >> 8)};
    world_.model().ChangeConfig(kConfigMtuAt, bytes);
    Request(2, 1, 0);
  }
  void BackendRequest(uint32_t choice) override {
    const uint32_t number = choice % 12;
    const uint32_t flags = (choice / 12) % 4 == 0 ? 9 : 1 + (choice / 12) % 16;
    // What can be a request has at most 256 bytes.
    constexpr std::array<uint32_t, 8> kSizes{0,  0,   8,     0,
                                             16, 257, 65536, 0xffffffff};
    const uint32_t size = kSizes[choice / 192 % kSizes.size()];
    Request(number, flags, size);
  }

  void AddFault(uint32_t kind_and_delay, uint32_t argument) override {
    const auto kind = static_cast<FaultKind>(kind_and_delay % kFaultKinds);
    const auto place = PlaceOf(kind);
    // Few of these come in a session.
    const bool rare =
        place == &ChannelStats::fd_answers || place == &ChannelStats::attaches;
    const uint64_t soon =
        (kind_and_delay / kFaultKinds) % (rare ? 2 : kFaultSpread);
    const uint64_t now = world_.channel().stats().*place;
    uint64_t value = argument;
    // Nanoseconds: from a moment to far behind every deadline.
    if (kind == FaultKind::kReplyLate) value = uint64_t{1} << (argument % 36);
    if (kind == FaultKind::kReplyWrongSize) value = argument % 300;
    if (kind == FaultKind::kReplyExtraFds) value = 1 + argument % 8;
    if (kind == FaultKind::kReplyGarbageIndex) value = argument % 4;
    world_.faults().Add({.kind = kind, .at = now + soon, .argument = value});
  }
  void ClearFaults() override { world_.faults().Clear(); }
  size_t waiting_faults() override { return world_.faults().waiting().size(); }
  size_t happened_faults() override {
    return world_.faults().happened().size();
  }
  void CountFaults(std::span<uint64_t> by_kind) override {
    for (const Fault& fault : world_.faults().happened()) {
      ++by_kind[static_cast<size_t>(fault.kind)];
    }
  }

 private:
  void Request(uint32_t number, uint32_t flags, uint32_t size) {
    std::vector<std::byte> bytes;
    EncodeHeader({number, flags, size}, bytes);
    bytes.resize(bytes.size() + std::min<uint32_t>(size, 64));
    if (world_.channel().SendRequest(bytes, size == 8 ? 1 : 0)) {
      asked_.Note({number, flags, size}, *world_.channel().requests());
    }
  }

  const Personality personality_;
  SimWorld world_;
  AskedRequests asked_;
  size_t seen_ = 0;  // Of violations.
};

}  // namespace

std::unique_ptr<SimStack> MakeVhostUserStack(const StackOptions& options) {
  return std::make_unique<VhostUserStack>(options,
                                          std::make_unique<OpEntropy>());
}

}  // namespace backend_sim
