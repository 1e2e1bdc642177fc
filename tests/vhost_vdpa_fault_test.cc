// SPDX-License-Identifier: BSD-3-Clause
//
// The life of a vDPA device in which each call of the kernel fails in turn.

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaPersonality;
using testing_support::VdpaRig;

struct Life {
  const char* name;
  VdpaPersonality personality;
  DeviceOptions options;
};

std::vector<Life> Lives() {
  VdpaPersonality suspends = VdpaPersonality::Bare();
  suspends.backend_features |= 1 << 2 | 1 << 4;
  suspends.platform_iommu = true;
  return {{"one by one", VdpaPersonality::Bare(), {}},
          {"batch and suspend", suspends, {}},
          {"own control queue",
           VdpaPersonality::Full(),
           {.queue_pairs = 2, .control_queue = true}}};
}

// One after another until one fails, and which.
Result<void> Live(VdpaRig& rig, const DeviceOptions& options) {
  if (auto done = rig.Prepare(options); !done) return done;
  if (auto done = rig.device->Start(); !done) return done;
  const auto region = rig.memory.AddRegion(1 << 16);
  if (!region) return Fail(region);
  if (auto done = rig.memory.RemoveRegion(*region); !done) return done;
  // Of the region in which the rings lie.
  if (auto done = rig.memory.GrowRegion(0, 1 << 16); !done) return done;
  if (auto done = rig.memory.ShrinkRegion(0, 1 << 16); !done) return done;
  if (options.control_queue) {
    (void)rig.driver->SetPairs(2);
    (void)rig.driver->Command(CtrlClass::kRx, kCtrlRxPromisc, {1});
  }
  const DeviceEvents events = rig.device->Poll();
  for (const auto& why :
       {events.reason, events.pairs_refused, events.command_refused}) {
    if (why) return std::unexpected(*why);
  }
  if (auto done = rig.device->Stop(); !done) return done;
  if (auto done = rig.device->Start(); !done) return done;
  if (auto done = rig.device->Reattach(); !done) return done;
  return rig.device->Start();
}

const backend_sim::SimMemoryOptions kMemory = {
    .initial_regions = 2, .region_bytes = 1 << 18, .reserved_bytes = 1 << 16};

void ExpectNothingLeft(VdpaRig& rig) {
  rig.Destroy();
  EXPECT_FALSE(rig.vdpa.is_open());
  EXPECT_EQ(rig.vdpa.status(), 0);
  EXPECT_EQ(rig.vdpa.maps().size(), 0u);
  EXPECT_EQ(rig.device_fds(), rig.memory.region_ids().size() - 2);
  EXPECT_EQ(rig.kernel_fds.open_count(), 0u);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(VhostVdpaFaultTest, EveryCallThatFailsIsNamedAndLeavesNothing) {
  for (const Life& life : Lives()) {
    VdpaRig whole(life.personality, kMemory);
    const auto lived = Live(whole, life.options);
    ASSERT_TRUE(lived) << life.name << ": " << lived.error().text();
    const uint64_t calls = whole.server.call_count();
    ASSERT_GT(calls, 60u);
    for (uint64_t nth = 1; nth <= calls; ++nth) {
      for (const int error : {EINVAL, ENOMEM, EIO, ENODEV}) {
        SCOPED_TRACE(std::string(life.name) + ", call " + std::to_string(nth) +
                     " fails with " + strerrorname_np(error));
        VdpaRig rig(life.personality, kMemory);
        rig.server.FailCall(nth, error);
        const auto done = Live(rig, life.options);
        if (!done) {
          EXPECT_GT(done.error().text().size(), 10u);
          EXPECT_NE(done.error().text().find("vhost-vdpa-0"),
                    std::string_view::npos)
              << done.error().text();
        }
        // What failed before can be done now.
        if (rig.device != nullptr && !done) {
          const auto again = rig.device->Reattach();
          EXPECT_TRUE(again) << again.error().text();
        }
        ExpectNothingLeft(rig);
      }
    }
  }
}

}  // namespace
}  // namespace virtio_user
