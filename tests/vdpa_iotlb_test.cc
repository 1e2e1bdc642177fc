// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vdpa_iotlb.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tests/fakes/outcome.h"
#include "tests/fakes/vdpa_rig.h"

namespace virtio_user {
namespace {

using backend_sim::VdpaPersonality;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing_support::CodeOf;
using testing_support::kVdpaPath;
using testing_support::Suspendable;
using testing_support::TextOf;
using testing_support::VdpaRig;

// The kernel says EFAULT of a write, whatever its reason is.
TEST(VdpaIotlbTest, TheLimitOfLockedMemoryIsNamedWithTheBytesNeeded) {
  VdpaPersonality personality = VdpaPersonality::Bare();
  personality.memlock_bytes = 400 << 10;
  VdpaRig rig(personality);
  rig.server.AddText("/proc/self/limits",
                     "Limit                     Soft Limit           Hard\n"
                     "Max locked memory         409600               8388608 "
                     "             bytes     \n");
  ASSERT_TRUE(rig.Prepare());
  const auto started = rig.device->Start();
  EXPECT_THAT(TextOf(started), AllOf(HasSubstr("524288 bytes"),
                                     HasSubstr("RLIMIT_MEMLOCK is 409600"),
                                     HasSubstr("ulimit -l 512")));
  EXPECT_EQ(rig.vdpa.maps().size(), 0u);
  EXPECT_EQ(rig.vdpa.status(), 0);
}

// It counts the pages of all devices and address spaces of the process: here
// the control queue is in one of its own.
TEST(VdpaIotlbTest, WhatIsPinnedAlreadyIsWhatTheKernelSays) {
  VdpaPersonality personality = VdpaPersonality::Full();
  personality.memlock_bytes = 520 << 10;
  VdpaRig rig(personality);
  rig.server.AddText("/proc/self/limits",
                     "Max locked memory         532480               8388608 "
                     "             bytes     \n");
  rig.server.AddText("/proc/self/status",
                     "VmLck:\t       4 kB\nVmPin:\t     512 kB\n"
                     "VmHWM:\t    5000 kB\n");
  ASSERT_TRUE(rig.Prepare({.control_queue = true}));
  const auto started = rig.device->Start();
  EXPECT_THAT(TextOf(started), AllOf(HasSubstr("540672 bytes"),
                                     HasSubstr("RLIMIT_MEMLOCK is 532480"),
                                     HasSubstr("ulimit -l 528")));
  EXPECT_EQ(rig.vdpa.maps().size(), 0u);
}

TEST(VdpaIotlbTest, AFailedUpdateLeavesTheTableAsItWas) {
  VdpaPersonality personality = Suspendable();
  personality.memlock_bytes = 600 << 10;
  VdpaRig rig(personality);
  ASSERT_TRUE(rig.Run());
  ASSERT_TRUE(rig.memory.AddRegion(1 << 20));
  EXPECT_EQ(rig.vdpa.maps().size(), 2u);
  EXPECT_TRUE(rig.device->Poll().memory_trouble);
  EXPECT_EQ(rig.Complaints(), "");
}

// --- Regions that grow, shrink and merge -------------------------------------

constexpr size_t kPage = 4096;
constexpr uint64_t kIova = 0x10000;

// By itself on a device that is open and has an owner.
class MappedPages : public testing::Test {
 protected:
  MappedPages() {
    EXPECT_TRUE(node_.Open());
    EXPECT_TRUE(node_.Ask(kVhostSetOwner, nullptr));
    (void)rig_.calls.Take();
  }

  // Pages `from` to `to`, the second one not included: page i of the memory is
  // at kIova + i * 4096.
  VdpaMapping Pages(size_t from, size_t to) {
    return {.iova = kIova + from * kPage,
            .host = std::span(memory_->bytes)
                        .subspan(from * kPage, (to - from) * kPage)};
  }
  // What that took.
  std::vector<std::string> Change(const std::vector<VdpaMapping>& wanted) {
    EXPECT_TRUE(iotlb_.Change(wanted));
    return rig_.calls.Take();
  }

  struct Memory {
    alignas(kPage) std::array<std::byte, 8 * kPage> bytes{};
  };
  std::unique_ptr<Memory> memory_ = std::make_unique<Memory>();
  VdpaRig rig_;
  VdpaNode node_{rig_.calls, kVdpaPath};
  VdpaIotlb iotlb_{node_};
};

TEST_F(MappedPages, OfARegionThatGrowsOnlyTheNewPartIsMapped) {
  Change({Pages(2, 4)});
  EXPECT_THAT(Change({Pages(2, 6)}),
              ElementsAre("IOTLB UPDATE 0x14000+0x2000 = 0"));
  EXPECT_THAT(Change({Pages(1, 6)}),
              ElementsAre("IOTLB UPDATE 0x11000+0x1000 = 0"));
  EXPECT_THAT(Change({Pages(1, 6)}), ElementsAre());
  EXPECT_THAT(Change({}), ElementsAre("IOTLB INVALIDATE 0x12000+0x2000 = 0",
                                      "IOTLB INVALIDATE 0x14000+0x2000 = 0",
                                      "IOTLB INVALIDATE 0x11000+0x1000 = 0"));
}

TEST_F(MappedPages, RegionsThatMergeGetWhatWasBetweenThem) {
  Change({Pages(0, 1), Pages(5, 6), Pages(2, 4)});
  EXPECT_THAT(Change({Pages(0, 8)}),
              ElementsAre("IOTLB UPDATE 0x11000+0x1000 = 0",
                          "IOTLB UPDATE 0x14000+0x1000 = 0",
                          "IOTLB UPDATE 0x16000+0x2000 = 0"));
  EXPECT_EQ(rig_.vdpa.maps().size(), 6u);
}

TEST_F(MappedPages, APartThatCameByItselfGoesByItself) {
  Change({Pages(0, 2)});
  Change({Pages(0, 4)});
  EXPECT_FALSE(iotlb_.FindCut(std::vector{Pages(0, 2)}));
  EXPECT_THAT(Change({Pages(0, 2)}),
              ElementsAre("IOTLB INVALIDATE 0x12000+0x2000 = 0"));
}

// Two regions of the table, one mapping: all of it is wanted still.
TEST_F(MappedPages, ARegionThatIsSplitAndLosesNothingStays) {
  Change({Pages(0, 4)});
  EXPECT_THAT(Change({Pages(0, 1), Pages(1, 4)}), ElementsAre());
}

// vhost-vdpa unmaps a mapping whole or not at all.
TEST_F(MappedPages, AMappingThatLosesAPartIsFoundAndMappedAnew) {
  Change({Pages(0, 2), Pages(4, 8)});
  const std::vector<VdpaMapping> wanted = {Pages(0, 2), Pages(4, 5),
                                           Pages(6, 8)};
  EXPECT_EQ(iotlb_.FindCut(wanted), Pages(4, 8));
  EXPECT_FALSE(iotlb_.FindCut(std::vector{Pages(4, 8)}));
  EXPECT_THAT(Change(wanted), ElementsAre("IOTLB INVALIDATE 0x14000+0x4000 = 0",
                                          "IOTLB UPDATE 0x14000+0x1000 = 0",
                                          "IOTLB UPDATE 0x16000+0x2000 = 0"));
}

TEST_F(MappedPages, ALimitThatNobodyKnowsIsNoNumber) {
  rig_.server.FailCall(1, ENOMEM);
  EXPECT_THAT(TextOf(iotlb_.Change(std::vector{Pages(0, 1)})),
              AllOf(HasSubstr("pins 4096 bytes"),
                    HasSubstr("RLIMIT_MEMLOCK is unlimited or unknown")));
}

// write(2) says EFAULT of whatever it was.
TEST_F(MappedPages, TheLimitIsBlamedFromTheFirstByteAboveIt) {
  for (const bool above : {true, false}) {
    rig_.server.AddText("/proc/self/limits",
                        std::string("Max locked memory         ") +
                            (above ? "4095" : "4096") + " 8388608 bytes\n");
    rig_.server.FailCall(1, EFAULT);
    EXPECT_THAT(TextOf(iotlb_.Change(std::vector{Pages(0, 1)})),
                HasSubstr(above ? "RLIMIT_MEMLOCK is 4095"
                                : "the kernel does not say why"));
  }
}

// The same addresses, other memory.
TEST_F(MappedPages, AMappingOfOtherMemoryIsNoPartOfWhatIsWanted) {
  VdpaMapping elsewhere = Pages(0, 2);
  elsewhere.iova = Pages(4, 6).iova;
  Change({elsewhere});
  const std::vector<VdpaMapping> wanted = {Pages(3, 6)};
  EXPECT_FALSE(iotlb_.FindCut(wanted));
  EXPECT_THAT(Change(wanted), ElementsAre("IOTLB INVALIDATE 0x14000+0x2000 = 0",
                                          "IOTLB UPDATE 0x13000+0x3000 = 0"));
}

TEST_F(MappedPages, AStretchOverTwoMappingsIsFoundWhereTheyJoin) {
  Change({Pages(4, 6)});
  Change({Pages(4, 6), Pages(2, 4)});
  VdpaMapping elsewhere = Pages(0, 1);
  elsewhere.iova = Pages(6, 7).iova;
  Change({Pages(2, 6), elsewhere});
  const auto all = iotlb_.ToHost(Pages(2, 6).iova, 4 * kPage);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->data(), Pages(2, 6).host.data());
  EXPECT_EQ(all->size(), 4 * kPage);
  EXPECT_TRUE(iotlb_.ToHost(Pages(3, 5).iova + 8, 2 * kPage - 8));
  EXPECT_TRUE(iotlb_.ToHost(Pages(4, 5).iova - 1, 1));  // A mapping's last.
  // Contiguous for the device, and not for this process.
  EXPECT_FALSE(iotlb_.ToHost(Pages(5, 6).iova, kPage + 1));
  EXPECT_FALSE(iotlb_.ToHost(Pages(6, 7).iova, kPage + 1));
  EXPECT_FALSE(iotlb_.ToHost(Pages(1, 2).iova, 2 * kPage));
  EXPECT_TRUE(iotlb_.Meets(Pages(1, 2).iova, kPage + 1));
  EXPECT_TRUE(iotlb_.Meets(Pages(3, 5).iova, 2 * kPage));
  EXPECT_FALSE(iotlb_.Meets(Pages(1, 2).iova, kPage));
  EXPECT_TRUE(iotlb_.Meets(Pages(7, 8).iova - 1, 1));
  EXPECT_FALSE(iotlb_.Meets(Pages(7, 8).iova, kPage));
}

// --- A device that runs ------------------------------------------------------

// Rings lie in the region, so that a device whose mappings come and go with
// their messages would find them gone.
VdpaPersonality BehindThePlatformsIommu() {
  VdpaPersonality personality = Suspendable();
  personality.platform_iommu = true;
  return personality;
}

TEST(VdpaIotlbTest, RingsRunOnInARegionThatGrows) {
  VdpaRig rig(BehindThePlatformsIommu(), {.initial_regions = 1,
                                          .region_bytes = 1 << 18,
                                          .reserved_bytes = 1 << 18});
  ASSERT_TRUE(rig.Run());
  (void)rig.calls.Take();
  ASSERT_TRUE(rig.memory.GrowRegion(0, 1 << 16));
  EXPECT_THAT(rig.calls.Take(),
              ElementsAre("IOTLB BATCH_BEGIN = 0",
                          "IOTLB UPDATE 0x80000040000+0x10000 = 0",
                          "IOTLB BATCH_END = 0"));
  ASSERT_TRUE(rig.memory.ShrinkRegion(0, 1 << 16));
  EXPECT_THAT(rig.calls.Take(),
              ElementsAre("IOTLB BATCH_BEGIN = 0",
                          "IOTLB INVALIDATE 0x80000040000+0x10000 = 0",
                          "IOTLB BATCH_END = 0"));
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.Complaints(), "");
  ASSERT_TRUE(rig.device->Stop());
}

TEST(VdpaIotlbTest, ADeviceIsStoppedBeforeAMappingOfItIsCut) {
  VdpaRig rig(BehindThePlatformsIommu(),
              {.initial_regions = 1, .region_bytes = 1 << 18});
  ASSERT_TRUE(rig.Run());
  (void)rig.calls.Take();
  ASSERT_TRUE(rig.memory.ShrinkRegion(0, 1 << 16));
  EXPECT_EQ(rig.calls.Take().front(), "VHOST_VDPA_SUSPEND = 0");
  EXPECT_EQ(rig.Complaints(), "");
  EXPECT_EQ(rig.vdpa.status(), 0);
  EXPECT_EQ(rig.vdpa.maps().size(), 0u);
  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  const DeviceEvents events = rig.device->Poll();
  EXPECT_TRUE(events.memory_trouble);
  EXPECT_TRUE(events.needs_reset);
  ASSERT_TRUE(events.reason);
  EXPECT_EQ(events.reason->code(), ErrorCode::kWrongState);
  EXPECT_THAT(std::string(events.reason->text()),
              AllOf(HasSubstr("0x80000000000 to 0x8000003ffff"),
                    HasSubstr("reattach")));
  ASSERT_TRUE(rig.device->Reattach());
  ASSERT_TRUE(rig.device->Start());
  ASSERT_EQ(rig.vdpa.maps().size(), 1u);
  EXPECT_EQ(rig.vdpa.maps()[0].size, (1u << 18) - (1u << 16));
}

}  // namespace
}  // namespace virtio_user
