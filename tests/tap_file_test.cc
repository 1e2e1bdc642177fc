// SPDX-License-Identifier: BSD-3-Clause
//
// The simulated tun driver answers as Linux's drivers/net/tun.c. What is
// expected here was asked of Linux 6.18 as well.

#include "backend_sim/tap_file.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <string>
#include <vector>

#include "backend_sim/vhost_net_world.h"

namespace backend_sim {
namespace {

constexpr unsigned kTap = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
constexpr unsigned kMany = kTap | IFF_MULTI_QUEUE;

class TapFileTest : public testing::Test {
 protected:
  ~TapFileTest() override {
    for (const int fd : fds_) world_.fds().Close(fd);
  }
  int Open() {
    fds_.push_back(world_.calls().Open("/dev/net/tun"));
    return fds_.back();
  }
  int SetIff(int fd, const std::string& name, unsigned flags) {
    ifreq request{};
    std::ranges::copy(name, request.ifr_name);
    request.ifr_flags = static_cast<short>(flags);
    const int set = world_.calls().Ioctl(fd, TUNSETIFF, &request);
    name_ = request.ifr_name;
    return set;
  }
  int SetQueue(int fd, unsigned flags) {
    ifreq request{};
    request.ifr_flags = static_cast<short>(flags);
    return world_.calls().Ioctl(fd, TUNSETQUEUE, &request);
  }
  int SetInt(int fd, unsigned long request, int value) {
    return world_.calls().Ioctl(fd, request, &value);
  }
  int SetOffload(int fd, unsigned flags) {
    return world_.calls().IoctlNumber(fd, TUNSETOFFLOAD, flags);
  }
  int SetMac(int fd, uint8_t first, unsigned family = ARPHRD_ETHER) {
    ifreq request{};
    request.ifr_hwaddr.sa_family = static_cast<sa_family_t>(family);
    request.ifr_hwaddr.sa_data[0] = static_cast<char>(first);
    return world_.calls().Ioctl(fd, SIOCSIFHWADDR, &request);
  }

  VhostNetWorld world_;
  std::vector<int> fds_;
  std::string name_;  // That TUNSETIFF gave.
};

TEST_F(TapFileTest, BeforeTunsetiffFeaturesAloneAreTold) {
  const int fd = Open();
  unsigned features = 0;

  EXPECT_EQ(world_.calls().Ioctl(fd, TUNGETFEATURES, &features), 0);
  EXPECT_EQ(features, 0x7173u);
  EXPECT_EQ(SetInt(fd, TUNSETVNETHDRSZ, 12), -EBADFD);
  EXPECT_EQ(SetOffload(fd, 0), -EBADFD);
  EXPECT_EQ(SetQueue(fd, IFF_ATTACH_QUEUE), -EINVAL);
}

TEST_F(TapFileTest, APatternGivesTheFirstFreeName) {
  EXPECT_EQ(SetIff(Open(), "vm%d", kTap), 0);
  EXPECT_EQ(name_, "vm0");
  EXPECT_EQ(SetIff(Open(), "vm%d", kTap), 0);
  EXPECT_EQ(name_, "vm1");
}

TEST_F(TapFileTest, AFileIsOfOneInterface) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm0", kTap), 0);

  EXPECT_EQ(SetIff(fd, "vm1", kTap), -EEXIST);
}

TEST_F(TapFileTest, WhoJoinsATapIsOfItsKind) {
  ASSERT_EQ(SetIff(Open(), "one", kTap), 0);
  ASSERT_EQ(SetIff(Open(), "many", kMany), 0);

  EXPECT_EQ(SetIff(Open(), "one", kTap), -EBUSY);
  EXPECT_EQ(SetIff(Open(), "one", kMany), -EINVAL);
  EXPECT_EQ(SetIff(Open(), "one", IFF_TUN | IFF_NO_PI), -EINVAL);
  EXPECT_EQ(SetIff(Open(), "many", kTap), -EINVAL);
  EXPECT_EQ(SetIff(Open(), "many", kMany), 0);
}

TEST_F(TapFileTest, ANewInterfaceHasAKindAndAName) {
  EXPECT_EQ(SetIff(Open(), "vm0", IFF_NO_PI), -EINVAL);
  EXPECT_EQ(SetIff(Open(), "a/b", kTap), -EINVAL);
  EXPECT_EQ(SetIff(Open(), "", kTap), -EINVAL);
}

TEST_F(TapFileTest, ANewInterfaceTakesTheCapability) {
  world_.taps().SetAdmin(false);

  EXPECT_EQ(SetIff(Open(), "vm0", kTap), -EPERM);
}

TEST_F(TapFileTest, ATapHas256QueuesCountingThoseThatAreOff) {
  const int first = Open();
  ASSERT_EQ(SetIff(first, "vm0", kMany), 0);
  for (int i = 1; i < 256; ++i) ASSERT_EQ(SetIff(Open(), "vm0", kMany), 0);
  ASSERT_EQ(SetQueue(first, IFF_DETACH_QUEUE), 0);

  EXPECT_EQ(SetIff(Open(), "vm0", kMany), -E2BIG);
}

TEST_F(TapFileTest, AQueueIsTakenOffOnceAndPutOnOnce) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm0", kMany), 0);

  EXPECT_EQ(SetQueue(fd, IFF_ATTACH_QUEUE), -EINVAL);
  EXPECT_EQ(SetQueue(fd, IFF_DETACH_QUEUE), 0);
  EXPECT_EQ(SetQueue(fd, IFF_DETACH_QUEUE), -EINVAL);
  EXPECT_EQ(SetInt(fd, TUNSETVNETHDRSZ, 12), 0);
  EXPECT_EQ(SetQueue(fd, IFF_ATTACH_QUEUE), 0);
}

TEST_F(TapFileTest, TheOnlyQueueStaysOn) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm0", kTap), 0);

  EXPECT_EQ(SetQueue(fd, IFF_DETACH_QUEUE), -EINVAL);
}

TEST_F(TapFileTest, AHeaderHasTenBytesOrMore) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm0", kTap), 0);

  EXPECT_EQ(SetInt(fd, TUNSETVNETHDRSZ, 9), -EINVAL);
  EXPECT_EQ(SetInt(fd, TUNSETVNETHDRSZ, 10), 0);
  EXPECT_EQ(SetInt(fd, TUNSETVNETHDRSZ, 12), 0);
}

TEST_F(TapFileTest, ASendBufferHasBytes) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm0", kTap), 0);

  EXPECT_EQ(SetInt(fd, TUNSETSNDBUF, 0), -EINVAL);
  EXPECT_EQ(SetInt(fd, TUNSETSNDBUF, -1), -EINVAL);
  EXPECT_EQ(SetInt(fd, TUNSETSNDBUF, INT_MAX), 0);
}

TEST_F(TapFileTest, SegmentsTakeChecksums) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm0", kTap), 0);

  EXPECT_EQ(SetOffload(fd, 0), 0);
  EXPECT_EQ(SetOffload(fd, TUN_F_CSUM), 0);
  EXPECT_EQ(SetOffload(fd, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), 0);
  EXPECT_EQ(SetOffload(fd, TUN_F_TSO4), -EINVAL);
  EXPECT_EQ(SetOffload(fd, 0x100), -EINVAL);
}

TEST_F(TapFileTest, AnAddressIsAStations) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm0", kTap), 0);

  EXPECT_EQ(SetMac(fd, 0x02), 0);
  EXPECT_EQ(SetMac(fd, 0x03), -EADDRNOTAVAIL);
  EXPECT_EQ(SetMac(fd, 0x00), -EADDRNOTAVAIL);
}

TEST_F(TapFileTest, AFileWhoseInterfaceIsGoneHasFailedAndTakesAnother) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm%d", kMany), 0);
  const auto failed = [&] {
    return world_.calls().Poll(fd, virtio_user::KernelEvent::kFailure, {});
  };
  EXPECT_EQ(failed(), 0);

  world_.taps().RemoveInterface("vm0");

  EXPECT_EQ(failed(), 1);
  std::array<std::byte, 80> frame{};
  EXPECT_EQ(world_.calls().Read(fd, frame), -EBADFD);
  EXPECT_EQ(world_.calls().Write(fd, frame), -EBADFD);
  EXPECT_EQ(SetInt(fd, TUNSETVNETHDRSZ, 12), -EBADFD);
  EXPECT_EQ(SetInt(fd, TUNSETSNDBUF, 1000), -EBADFD);
  EXPECT_EQ(SetOffload(fd, 0), -EBADFD);
  EXPECT_EQ(SetMac(fd, 2), -EBADFD);
  EXPECT_EQ(SetQueue(fd, IFF_DETACH_QUEUE), -EINVAL);
  EXPECT_EQ(SetQueue(fd, IFF_ATTACH_QUEUE), -EINVAL);
  EXPECT_EQ(SetIff(fd, "vm%d", kTap), 0);
  EXPECT_EQ(failed(), 0);
}

TEST_F(TapFileTest, AnUnknownRequestIsInvalid) {
  const int fd = Open();
  ASSERT_EQ(SetIff(fd, "vm0", kTap), 0);

  EXPECT_EQ(SetInt(fd, 0x5499, 0), -EINVAL);
}

}  // namespace
}  // namespace backend_sim
