// SPDX-License-Identifier: BSD-3-Clause
//
// What a device says to the kernel, call by call, over the simulated vhost-net:
// the order that Linux's drivers/vhost and drivers/net/tun.c ask for.

#include "backend_sim/kernel_transcript.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/fakes/vhost_net_rig.h"

namespace virtio_user {
namespace {

using testing_support::VhostNetRig;

TEST(KernelTranscript, OnePairIsOneOfEachAndNoQueueIsSwitched) {
  VhostNetRig rig;

  ASSERT_TRUE(rig.Create(1));

  EXPECT_EQ(rig.TakeTranscript(),
            "open /dev/vhost-net = 0 vhost0\n"
            "open /dev/net/tun = 0 tun0\n"
            "TUNGETFEATURES fd=tun0 = 0 value=0x7173\n"
            "TUNSETIFF fd=tun0 name=tap%d flags=0x5002 = 0 name=tap0\n"
            "TUNSETSNDBUF fd=tun0 value=2147483647 = 0\n"
            "read /sys/module/vhost/parameters/max_mem_regions = 0 '64'\n"
            "VHOST_SET_OWNER fd=vhost0 = 0\n"
            "VHOST_GET_FEATURES fd=vhost0 = 0 features=0x33d008000\n");
}

TEST(KernelTranscript, StartSetsTheRingsUpAndGivesThemTheTap) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  rig.TakeTranscript();

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.TakeTranscript(),
            "VHOST_SET_VRING_CALL fd=vhost0 index=0 file=fd = 0\n"
            "VHOST_SET_VRING_CALL fd=vhost0 index=1 file=fd = 0\n"
            "VHOST_SET_FEATURES fd=vhost0 features=0x110008000 = 0\n"
            "TUNSETVNETHDRSZ fd=tun0 value=12 = 0\n"
            "TUNSETOFFLOAD fd=tun0 value=0x7 = 0\n"
            "VHOST_SET_MEM_TABLE fd=vhost0 regions=2 = 0\n"
            "VHOST_SET_VRING_NUM fd=vhost0 index=0 num=8 = 0\n"
            "VHOST_SET_VRING_BASE fd=vhost0 index=0 num=0 = 0\n"
            "VHOST_SET_VRING_ADDR fd=vhost0 index=0 = 0\n"
            "VHOST_SET_VRING_KICK fd=vhost0 index=0 file=fd = 0\n"
            "VHOST_SET_VRING_NUM fd=vhost0 index=1 num=8 = 0\n"
            "VHOST_SET_VRING_BASE fd=vhost0 index=1 num=0 = 0\n"
            "VHOST_SET_VRING_ADDR fd=vhost0 index=1 = 0\n"
            "VHOST_SET_VRING_KICK fd=vhost0 index=1 file=fd = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=tun0 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=tun0 = 0\n");
}

TEST(KernelTranscript, StopTakesTheTapAwayAndAsksWhereTheRingsAre) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.TakeTranscript();

  ASSERT_TRUE(rig.device->Stop());

  EXPECT_EQ(rig.TakeTranscript(),
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=-1 = 0\n"
            "VHOST_GET_VRING_BASE fd=vhost0 index=0 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost0 index=1 = 0 num=0\n");
}

TEST(KernelTranscript, AStartAfterAStopOpensNothingAndTakesNoOwner) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Prepare(1));
  rig.TakeTranscript();
  ASSERT_TRUE(rig.device->Start());
  const std::string first = rig.TakeTranscript();
  ASSERT_TRUE(rig.device->Stop());
  rig.TakeTranscript();

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.TakeTranscript(), first);
}

TEST(KernelTranscript, ReattachOpensAllOfItAnew) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.TakeTranscript();

  ASSERT_TRUE(rig.device->Reattach());

  EXPECT_EQ(rig.TakeTranscript(),
            "open /dev/vhost-net = 0 vhost1\n"
            "open /dev/net/tun = 0 tun1\n"
            "TUNGETFEATURES fd=tun1 = 0 value=0x7173\n"
            "TUNSETIFF fd=tun1 name=tap%d flags=0x5002 = 0 name=tap0\n"
            "TUNSETSNDBUF fd=tun1 value=2147483647 = 0\n"
            "read /sys/module/vhost/parameters/max_mem_regions = 0 '64'\n"
            "VHOST_SET_OWNER fd=vhost1 = 0\n"
            "VHOST_GET_FEATURES fd=vhost1 = 0 features=0x33d008000\n");
}

TEST(KernelTranscript, MemoryIsSharedWhileNoRingRuns) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.TakeTranscript();

  ASSERT_TRUE(rig.world.memory().AddRegion(4096));

  EXPECT_EQ(rig.TakeTranscript(),
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=-1 = 0\n"
            "VHOST_SET_MEM_TABLE fd=vhost0 regions=3 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=tun0 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=tun0 = 0\n");
}

TEST(KernelTranscript, FourPairsAreFourQueuesOfOneTapOfWhichOneIsOn) {
  VhostNetRig rig;

  ASSERT_TRUE(rig.Create(4));

  EXPECT_EQ(rig.TakeTranscript(),
            "open /dev/vhost-net = 0 vhost0\n"
            "open /dev/vhost-net = 0 vhost1\n"
            "open /dev/vhost-net = 0 vhost2\n"
            "open /dev/vhost-net = 0 vhost3\n"
            "open /dev/net/tun = 0 tun0\n"
            "TUNGETFEATURES fd=tun0 = 0 value=0x7173\n"
            "TUNSETIFF fd=tun0 name=tap%d flags=0x5102 = 0 name=tap0\n"
            "read /sys/class/net/tap0/queues/tx-1/tx_timeout = 0 ''\n"
            "open /dev/net/tun = 0 tun1\n"
            "TUNSETIFF fd=tun1 name=tap0 flags=0x5102 = 0 name=tap0\n"
            "open /dev/net/tun = 0 tun2\n"
            "TUNSETIFF fd=tun2 name=tap0 flags=0x5102 = 0 name=tap0\n"
            "open /dev/net/tun = 0 tun3\n"
            "TUNSETIFF fd=tun3 name=tap0 flags=0x5102 = 0 name=tap0\n"
            "TUNSETSNDBUF fd=tun0 value=2147483647 = 0\n"
            "TUNSETQUEUE fd=tun1 flags=0x400 = 0\n"
            "TUNSETQUEUE fd=tun2 flags=0x400 = 0\n"
            "TUNSETQUEUE fd=tun3 flags=0x400 = 0\n"
            "read /sys/module/vhost/parameters/max_mem_regions = 0 '64'\n"
            "VHOST_SET_OWNER fd=vhost0 = 0\n"
            "VHOST_SET_OWNER fd=vhost1 = 0\n"
            "VHOST_SET_OWNER fd=vhost2 = 0\n"
            "VHOST_SET_OWNER fd=vhost3 = 0\n"
            "VHOST_GET_FEATURES fd=vhost0 = 0 features=0x33d008000\n");
}

constexpr const char* kStartOfFourPairs =
    "VHOST_SET_VRING_CALL fd=vhost0 index=0 file=fd = 0\n"
    "VHOST_SET_VRING_CALL fd=vhost0 index=1 file=fd = 0\n"
    "VHOST_SET_VRING_CALL fd=vhost1 index=0 file=fd = 0\n"
    "VHOST_SET_VRING_CALL fd=vhost1 index=1 file=fd = 0\n"
    "VHOST_SET_VRING_CALL fd=vhost2 index=0 file=fd = 0\n"
    "VHOST_SET_VRING_CALL fd=vhost2 index=1 file=fd = 0\n"
    "VHOST_SET_VRING_CALL fd=vhost3 index=0 file=fd = 0\n"
    "VHOST_SET_VRING_CALL fd=vhost3 index=1 file=fd = 0\n"
    "VHOST_SET_FEATURES fd=vhost0 features=0x110008000 = 0\n"
    "VHOST_SET_FEATURES fd=vhost1 features=0x110008000 = 0\n"
    "VHOST_SET_FEATURES fd=vhost2 features=0x110008000 = 0\n"
    "VHOST_SET_FEATURES fd=vhost3 features=0x110008000 = 0\n"
    "TUNSETVNETHDRSZ fd=tun0 value=12 = 0\n"
    "TUNSETOFFLOAD fd=tun0 value=0x7 = 0\n"
    "VHOST_SET_MEM_TABLE fd=vhost0 regions=2 = 0\n"
    "VHOST_SET_MEM_TABLE fd=vhost1 regions=2 = 0\n"
    "VHOST_SET_MEM_TABLE fd=vhost2 regions=2 = 0\n"
    "VHOST_SET_MEM_TABLE fd=vhost3 regions=2 = 0\n"
    "VHOST_SET_VRING_NUM fd=vhost0 index=0 num=8 = 0\n"
    "VHOST_SET_VRING_BASE fd=vhost0 index=0 num=0 = 0\n"
    "VHOST_SET_VRING_ADDR fd=vhost0 index=0 = 0\n"
    "VHOST_SET_VRING_KICK fd=vhost0 index=0 file=fd = 0\n"
    "VHOST_SET_VRING_NUM fd=vhost0 index=1 num=8 = 0\n"
    "VHOST_SET_VRING_BASE fd=vhost0 index=1 num=0 = 0\n"
    "VHOST_SET_VRING_ADDR fd=vhost0 index=1 = 0\n"
    "VHOST_SET_VRING_KICK fd=vhost0 index=1 file=fd = 0\n"
    "VHOST_SET_VRING_NUM fd=vhost1 index=0 num=8 = 0\n"
    "VHOST_SET_VRING_BASE fd=vhost1 index=0 num=0 = 0\n"
    "VHOST_SET_VRING_ADDR fd=vhost1 index=0 = 0\n"
    "VHOST_SET_VRING_KICK fd=vhost1 index=0 file=fd = 0\n"
    "VHOST_SET_VRING_NUM fd=vhost1 index=1 num=8 = 0\n"
    "VHOST_SET_VRING_BASE fd=vhost1 index=1 num=0 = 0\n"
    "VHOST_SET_VRING_ADDR fd=vhost1 index=1 = 0\n"
    "VHOST_SET_VRING_KICK fd=vhost1 index=1 file=fd = 0\n"
    "VHOST_SET_VRING_NUM fd=vhost2 index=0 num=8 = 0\n"
    "VHOST_SET_VRING_BASE fd=vhost2 index=0 num=0 = 0\n"
    "VHOST_SET_VRING_ADDR fd=vhost2 index=0 = 0\n"
    "VHOST_SET_VRING_KICK fd=vhost2 index=0 file=fd = 0\n"
    "VHOST_SET_VRING_NUM fd=vhost2 index=1 num=8 = 0\n"
    "VHOST_SET_VRING_BASE fd=vhost2 index=1 num=0 = 0\n"
    "VHOST_SET_VRING_ADDR fd=vhost2 index=1 = 0\n"
    "VHOST_SET_VRING_KICK fd=vhost2 index=1 file=fd = 0\n"
    "VHOST_SET_VRING_NUM fd=vhost3 index=0 num=8 = 0\n"
    "VHOST_SET_VRING_BASE fd=vhost3 index=0 num=0 = 0\n"
    "VHOST_SET_VRING_ADDR fd=vhost3 index=0 = 0\n"
    "VHOST_SET_VRING_KICK fd=vhost3 index=0 file=fd = 0\n"
    "VHOST_SET_VRING_NUM fd=vhost3 index=1 num=8 = 0\n"
    "VHOST_SET_VRING_BASE fd=vhost3 index=1 num=0 = 0\n"
    "VHOST_SET_VRING_ADDR fd=vhost3 index=1 = 0\n"
    "VHOST_SET_VRING_KICK fd=vhost3 index=1 file=fd = 0\n"
    "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=tun0 = 0\n"
    "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=tun0 = 0\n";

TEST(KernelTranscript, AStartOfFourPairsRunsTheFirst) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Prepare(4));
  rig.TakeTranscript();

  ASSERT_TRUE(rig.device->Start());

  EXPECT_EQ(rig.TakeTranscript(), kStartOfFourPairs);
}

TEST(KernelTranscript, MorePairsArePutOnAndTakenOffWithTheirQueues) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(4));
  rig.TakeTranscript();

  ASSERT_EQ(rig.driver->SetPairs(4), kCtrlAckOk);
  EXPECT_EQ(rig.TakeTranscript(),
            "TUNSETQUEUE fd=tun1 flags=0x200 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost1 index=0 file=tun1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost1 index=1 file=tun1 = 0\n"
            "TUNSETQUEUE fd=tun2 flags=0x200 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost2 index=0 file=tun2 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost2 index=1 file=tun2 = 0\n"
            "TUNSETQUEUE fd=tun3 flags=0x200 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost3 index=0 file=tun3 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost3 index=1 file=tun3 = 0\n");
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  EXPECT_EQ(rig.TakeTranscript(),
            "VHOST_NET_SET_BACKEND fd=vhost2 index=0 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost2 index=1 file=-1 = 0\n"
            "TUNSETQUEUE fd=tun2 flags=0x400 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost3 index=0 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost3 index=1 file=-1 = 0\n"
            "TUNSETQUEUE fd=tun3 flags=0x400 = 0\n");
}

TEST(KernelTranscript, AMemoryEventReachesEveryPair) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(4));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  rig.TakeTranscript();

  ASSERT_TRUE(rig.world.memory().AddRegion(4096));

  EXPECT_EQ(rig.TakeTranscript(),
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost1 index=0 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost1 index=1 file=-1 = 0\n"
            "TUNSETQUEUE fd=tun1 flags=0x400 = 0\n"
            "VHOST_SET_MEM_TABLE fd=vhost0 regions=3 = 0\n"
            "VHOST_SET_MEM_TABLE fd=vhost1 regions=3 = 0\n"
            "VHOST_SET_MEM_TABLE fd=vhost2 regions=3 = 0\n"
            "VHOST_SET_MEM_TABLE fd=vhost3 regions=3 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=tun0 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=tun0 = 0\n"
            "TUNSETQUEUE fd=tun1 flags=0x200 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost1 index=0 file=tun1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost1 index=1 file=tun1 = 0\n");
}

TEST(KernelTranscript, StopVisitsEveryRingThatWasSetUp) {
  VhostNetRig rig;
  ASSERT_TRUE(rig.Run(4));
  ASSERT_EQ(rig.driver->SetPairs(2), kCtrlAckOk);
  rig.TakeTranscript();

  ASSERT_TRUE(rig.device->Stop());

  EXPECT_EQ(rig.TakeTranscript(),
            "VHOST_NET_SET_BACKEND fd=vhost0 index=0 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost0 index=1 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost1 index=0 file=-1 = 0\n"
            "VHOST_NET_SET_BACKEND fd=vhost1 index=1 file=-1 = 0\n"
            "TUNSETQUEUE fd=tun1 flags=0x400 = 0\n"
            "VHOST_GET_VRING_BASE fd=vhost0 index=0 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost0 index=1 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost1 index=0 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost1 index=1 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost2 index=0 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost2 index=1 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost3 index=0 = 0 num=0\n"
            "VHOST_GET_VRING_BASE fd=vhost3 index=1 = 0 num=0\n");
}

// --- The decorator -----------------------------------------------------------

struct Told {
  std::vector<std::string> lines;
  backend_sim::VhostNetWorld world;
  backend_sim::KernelTranscript calls{
      world.calls(),
      [this](const std::string& line) { lines.push_back(line); }};
};

TEST(KernelTranscript, AnErrorIsToldByItsName) {
  Told told;

  EXPECT_EQ(told.calls.Open("/dev/nothing"), -ENOENT);

  EXPECT_EQ(told.lines,
            std::vector<std::string>{"open /dev/nothing = -ENOENT"});
}

TEST(KernelTranscript, ARequestThatItDoesNotKnowIsToldByItsNumber) {
  Told told;
  const int fd = told.calls.Open("/dev/net/tun");
  told.lines.clear();
  int argument = 0;

  EXPECT_EQ(told.calls.Ioctl(fd, 0x5499, &argument), -EBADFD);

  EXPECT_EQ(told.lines,
            std::vector<std::string>{"ioctl 0x5499 fd=tun0 = -EBADFD"});
  told.world.fds().Close(fd);
}

}  // namespace
}  // namespace virtio_user
