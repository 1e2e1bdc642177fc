// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/told_kernel.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "virtio_user/os/linux_vhost.h"

namespace fuzz {
namespace {

constexpr int kVhost = 3;
constexpr int kTap = 4;
constexpr int kVdpa = 5;

template <typename T>
std::span<const std::byte> BytesOf(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

using Step = std::function<void(ToldKernel&)>;
using Steps = std::vector<std::pair<std::string, Step>>;

template <typename T>
Step Tell(int fd, unsigned long request, T value) {
  return [=](ToldKernel& kernel) { kernel.Ioctl(fd, request, BytesOf(value)); };
}
Step Tell(int fd, unsigned long request) {
  return [=](ToldKernel& kernel) { kernel.Ioctl(fd, request, {}); };
}

// struct vhost_memory with one region.
using Table = std::array<uint64_t, 5>;

// All that ring 0 of vhost-net needs, the backend last.
Steps VhostNet() {
  ifreq interface{};
  interface.ifr_flags = IFF_TAP;
  constexpr Table kTable = {1, 0x1000, 0x1000, 0x1000, 0};
  return {
      {"open",
       [](ToldKernel& kernel) {
         kernel.Opened("/dev/vhost-net", kVhost);
         kernel.Opened("/dev/net/tun", kTap);
       }},
      {"TUNSETIFF", Tell(kTap, TUNSETIFF, interface)},
      {"VHOST_SET_OWNER", Tell(kVhost, VHOST_SET_OWNER)},
      {"VHOST_SET_FEATURES", Tell(kVhost, VHOST_SET_FEATURES, uint64_t{0})},
      {"TUNSETVNETHDRSZ", Tell(kTap, TUNSETVNETHDRSZ, int{12})},
      {"TUNSETOFFLOAD",
       [](ToldKernel& kernel) { kernel.IoctlNumber(kTap, TUNSETOFFLOAD, 0); }},
      {"VHOST_SET_MEM_TABLE", Tell(kVhost, VHOST_SET_MEM_TABLE, kTable)},
      {"VHOST_SET_VRING_CALL",
       Tell(kVhost, VHOST_SET_VRING_CALL, vhost_vring_file{0, 8})},
      {"VHOST_SET_VRING_NUM",
       Tell(kVhost, VHOST_SET_VRING_NUM, vhost_vring_state{0, 8})},
      {"VHOST_SET_VRING_BASE",
       Tell(kVhost, VHOST_SET_VRING_BASE, vhost_vring_state{0, 0})},
      {"VHOST_SET_VRING_ADDR",
       Tell(kVhost, VHOST_SET_VRING_ADDR, vhost_vring_addr{})},
      {"VHOST_SET_VRING_KICK",
       Tell(kVhost, VHOST_SET_VRING_KICK, vhost_vring_file{0, 9})},
      {"VHOST_NET_SET_BACKEND",
       Tell(kVhost, VHOST_NET_SET_BACKEND, vhost_vring_file{0, kTap})}};
}

vhost_msg_v2 Message(uint8_t type, uint64_t iova) {
  vhost_msg_v2 message{};
  message.type = VHOST_IOTLB_MSG;
  message.iotlb.iova = iova;
  message.iotlb.size = 4096;
  message.iotlb.perm = VHOST_ACCESS_RW;
  message.iotlb.type = type;
  return message;
}

Step Write(const vhost_msg_v2& message) {
  return [=](ToldKernel& kernel) { kernel.Wrote(kVdpa, BytesOf(message)); };
}

// Of a vDPA device, DRIVER_OK last.
Steps Vdpa() {
  Steps steps = {
      {"open",
       [](ToldKernel& kernel) { kernel.Opened("/dev/vhost-vdpa-0", kVdpa); }},
      {"VHOST_SET_OWNER", Tell(kVdpa, VHOST_SET_OWNER)},
      {"ACKNOWLEDGE", Tell(kVdpa, VHOST_VDPA_SET_STATUS, uint8_t{1})},
      {"DRIVER", Tell(kVdpa, VHOST_VDPA_SET_STATUS, uint8_t{3})},
      {"VHOST_SET_FEATURES", Tell(kVdpa, VHOST_SET_FEATURES, uint64_t{0})},
      {"FEATURES_OK", Tell(kVdpa, VHOST_VDPA_SET_STATUS, uint8_t{11})},
      {"VHOST_IOTLB_UPDATE", Write(Message(VHOST_IOTLB_UPDATE, 0))}};
  for (const unsigned ring : {0u, 1u}) {
    const std::string of = " of " + std::to_string(ring);
    steps.insert(
        steps.end(),
        {{"NUM" + of,
          Tell(kVdpa, VHOST_SET_VRING_NUM, vhost_vring_state{ring, 8})},
         {"BASE" + of,
          Tell(kVdpa, VHOST_SET_VRING_BASE, vhost_vring_state{ring, 0})},
         {"ADDR" + of, Tell(kVdpa, VHOST_SET_VRING_ADDR,
                            vhost_vring_addr{ring, 0, 0, 0, 0, 0})},
         {"KICK" + of,
          Tell(kVdpa, VHOST_SET_VRING_KICK, vhost_vring_file{ring, 9})},
         {"ENABLE" + of, Tell(kVdpa, VHOST_VDPA_SET_VRING_ENABLE,
                              vhost_vring_state{ring, 1})}});
  }
  steps.emplace_back("DRIVER_OK",
                     Tell(kVdpa, VHOST_VDPA_SET_STATUS, uint8_t{15}));
  return steps;
}

void TellAll(const Steps& steps, size_t left_out) {
  ToldKernel kernel;
  for (size_t i = 0; i < steps.size(); ++i) {
    if (i != left_out) steps[i].second(kernel);
  }
}

TEST(ToldKernelTest, AllInItsOrder_IsTakenAndKept) {
  for (const Steps& steps : {VhostNet(), Vdpa()}) TellAll(steps, steps.size());
  ToldKernel kernel;
  for (const auto& [name, step] : VhostNet()) step(kernel);
  const ToldState& state = kernel.state();
  EXPECT_EQ(state.Number({.what = Told::kNum}), 8u);
  EXPECT_EQ(state.Number({.what = Told::kKick}), 9u);
  EXPECT_EQ(state.Number({.what = Told::kBackend}), uint64_t{kTap});
  EXPECT_EQ(state.Number({.what = Told::kHeaderBytes}), 12u);
  EXPECT_EQ(state.DifferenceTo(state), std::nullopt);
  EXPECT_NE(state.DifferenceTo(ToldState()), std::nullopt);
}

// The last one needs all of them.
TEST(ToldKernelTest, WhatIsLeftOut_IsMissed) {
  for (const Steps& steps : {VhostNet(), Vdpa()}) {
    for (size_t i = 0; i + 1 < steps.size(); ++i) {
      EXPECT_DEATH(TellAll(steps, i), "finding: order") << steps[i].first;
    }
  }
}

TEST(ToldKernelTest, WhatComesTooLate_IsAFinding) {
  const std::pair<Steps, Step> kLate[] = {
      {VhostNet(), Tell(kVhost, VHOST_SET_OWNER)},
      {VhostNet(), Tell(kVhost, VHOST_SET_VRING_NUM, vhost_vring_state{0, 8})},
      {VhostNet(), Tell(kVhost, VHOST_GET_VRING_BASE, vhost_vring_state{0, 0})},
      {Vdpa(), Tell(kVdpa, VHOST_SET_FEATURES, uint64_t{0})},
      {Vdpa(), Tell(kVdpa, VHOST_SET_VRING_BASE, vhost_vring_state{0, 0})},
      {Vdpa(), Tell(kVdpa, VHOST_VDPA_SET_STATUS, uint8_t{11})},
      {Vdpa(), Tell(kVdpa, VHOST_VDPA_SUSPEND)},
      {Vdpa(), Write(Message(VHOST_IOTLB_UPDATE, 0))},
      {Vdpa(), Write(Message(VHOST_IOTLB_INVALIDATE, 8192))},
      {Vdpa(), Write(Message(VHOST_IOTLB_BATCH_BEGIN, 0))},
      {Vdpa(), Write(Message(VHOST_IOTLB_BATCH_END, 0))}};
  for (const auto& [before, late] : kLate) {
    ToldKernel kernel;
    for (const auto& [name, step] : before) step(kernel);
    EXPECT_DEATH(late(kernel), "finding: order");
  }
}

TEST(ToldKernelTest, AReset_EndsWhatWasSaidOfRings) {
  ToldKernel kernel;
  for (const auto& [name, step] : Vdpa()) step(kernel);
  Tell(kVdpa, VHOST_VDPA_SET_STATUS, uint8_t{0})(kernel);
  for (const Told what : {Told::kStatus, Told::kNum, Told::kFeatures}) {
    EXPECT_FALSE(kernel.state().Has({.what = what}));
  }
  EXPECT_TRUE(kernel.state().Has({.what = Told::kMapping}));
}

}  // namespace
}  // namespace fuzz
