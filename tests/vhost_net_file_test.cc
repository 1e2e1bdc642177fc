// SPDX-License-Identifier: BSD-3-Clause
//
// The simulated vhost-net answers as Linux's drivers/vhost/net.c and vhost.c.
// What is expected here was asked of Linux 6.1 as well, which takes a table of
// addresses that are no memory, and finds out later.

#include "backend_sim/vhost_net_file.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_tun.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "backend_sim/vhost_net_world.h"
#include "virtio_user/os/linux_vhost.h"

namespace backend_sim {
namespace {

constexpr unsigned kTap = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

class VhostNetFileTest : public testing::Test {
 protected:
  VhostNetFileTest() : fd_(world_.calls().Open("/dev/vhost-net")) {}
  ~VhostNetFileTest() override {
    if (fd_ >= 0) world_.fds().Close(fd_);
    for (const int fd : fds_) world_.fds().Close(fd);
    for (const auto memory : blocks_) world_.memory().Free(memory);
  }

  int Call(unsigned long request, void* argument = nullptr) {
    return world_.calls().Ioctl(fd_, request, argument);
  }
  int State(unsigned long request, uint32_t index, uint32_t num) {
    vhost_vring_state state = {.index = index, .num = num};
    return Call(request, &state);
  }
  int Vring(unsigned long request, uint32_t index, int fd) {
    vhost_vring_file file = {.index = index, .fd = fd};
    return Call(request, &file);
  }
  uint32_t Base(uint32_t index) {
    vhost_vring_state state = {.index = index, .num = 99};
    EXPECT_EQ(Call(VHOST_GET_VRING_BASE, &state), 0);
    return state.num;
  }
  // `count` regions of one page each; gives the first.
  int Table(uint32_t count, uint64_t skip = 0, uint32_t padding = 0) {
    std::vector<uint64_t> words(1 + 4 * count);
    const vhost_memory head = {.nregions = count, .padding = padding};
    std::memcpy(words.data(), &head, 8);
    for (uint32_t i = 0; i < count; ++i) {
      const vhost_memory_region region = {
          .guest_phys_addr = 0x10000 * (uint64_t{i} + 1),
          .memory_size = 4096,
          .userspace_addr = Memory() + skip,
          .flags_padding = 0};
      std::memcpy(&words[1 + 4 * i], &region, sizeof(region));
    }
    return Call(VHOST_SET_MEM_TABLE, words.data());
  }
  // The address of a zeroed page.
  uint64_t Memory() {
    if (blocks_.empty()) {
      blocks_.push_back(*world_.memory().Allocate(4096, 4096));
    }
    return reinterpret_cast<uintptr_t>(blocks_.front().data());
  }
  int Addr(uint32_t index, uint64_t desc, uint64_t avail, uint64_t used) {
    vhost_vring_addr addr{};
    addr.index = index;
    addr.desc_user_addr = desc;
    addr.avail_user_addr = avail;
    addr.used_user_addr = used;
    return Call(VHOST_SET_VRING_ADDR, &addr);
  }
  int Event() { return Keep(*world_.fds().CreateEvent()); }
  int Tap(unsigned flags = kTap) {
    const int fd = Keep(world_.calls().Open("/dev/net/tun"));
    ifreq request{};
    std::ranges::copy(std::string_view("vm%d"), request.ifr_name);
    request.ifr_flags = static_cast<short>(flags);
    EXPECT_EQ(world_.calls().Ioctl(fd, TUNSETIFF, &request), 0);
    return fd;
  }
  int Keep(int fd) {
    fds_.push_back(fd);
    return fd;
  }
  // All that a ring of 8 needs but its backend.
  void Prepare(uint32_t index) {
    ASSERT_EQ(State(VHOST_SET_VRING_NUM, index, 8), 0);
    ASSERT_EQ(Addr(index, Memory(), Memory() + 1024, Memory() + 2048), 0);
  }

  VhostNetWorld world_;
  int fd_;
  std::vector<int> fds_;
  std::vector<std::span<std::byte>> blocks_;
};

// Past SET_OWNER and SET_MEM_TABLE.
class OwnedVhostNetTest : public VhostNetFileTest {
 protected:
  OwnedVhostNetTest() {
    EXPECT_EQ(Call(VHOST_SET_OWNER), 0);
    EXPECT_EQ(Table(1), 0);
  }
};

TEST_F(VhostNetFileTest, WithoutAnOwnerFeaturesAloneAreServed) {
  uint64_t word = 0;

  EXPECT_EQ(Call(VHOST_GET_FEATURES, &word), 0);
  EXPECT_EQ(word, 0x33d008000u);
  EXPECT_EQ(Call(VHOST_SET_FEATURES, &word), 0);
  EXPECT_EQ(Table(1), -EPERM);
  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 0, 8), -EPERM);
  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, -1), -EPERM);
}

TEST_F(VhostNetFileTest, AnOwnerIsTakenOnce) {
  EXPECT_EQ(Call(VHOST_SET_OWNER), 0);
  EXPECT_EQ(Call(VHOST_SET_OWNER), -EBUSY);
}

TEST_F(VhostNetFileTest, AFeatureThatIsNotOfferedIsRefused) {
  uint64_t guest_csum = 1 << 1;

  EXPECT_EQ(Call(VHOST_SET_FEATURES, &guest_csum), -EOPNOTSUPP);
}

TEST_F(OwnedVhostNetTest, ATableHasAtMostSoManyRegions) {
  EXPECT_EQ(Table(64), 0);
  EXPECT_EQ(Table(65), -E2BIG);
  EXPECT_EQ(Table(1, 0, 1), -EOPNOTSUPP);
}

TEST_F(OwnedVhostNetTest, ATableOfAddressesThatAreNoMemoryIsRefused) {
  EXPECT_EQ(Table(1, uint64_t{1} << 46), -EFAULT);
}

TEST_F(OwnedVhostNetTest, ThereAreTwoRings) {
  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 1, 8), 0);
  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 2, 8), -ENOBUFS);
  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 2, -1), -ENOBUFS);
}

TEST_F(OwnedVhostNetTest, ARingHasAPowerOfTwoOfDescriptors) {
  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 0, 0), -EINVAL);
  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 0, 6), -EINVAL);
  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 0, 65536), -EINVAL);
  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 0, 32768), 0);
}

TEST_F(OwnedVhostNetTest, ABaseHas16BitsAndIsKept) {
  EXPECT_EQ(State(VHOST_SET_VRING_BASE, 0, 0x10000), -EINVAL);
  EXPECT_EQ(State(VHOST_SET_VRING_BASE, 0, 0xffff), 0);
  EXPECT_EQ(Base(0), 0xffffu);
}

TEST_F(OwnedVhostNetTest, AvailAndUsedAreAligned) {
  EXPECT_EQ(Addr(0, Memory(), Memory() + 1025, Memory() + 2048), -EINVAL);
  EXPECT_EQ(Addr(0, Memory(), Memory() + 1024, Memory() + 2050), -EINVAL);
}

TEST_F(OwnedVhostNetTest, KicksAndCallsAreEventfds) {
  EXPECT_EQ(Vring(VHOST_SET_VRING_KICK, 0, Event()), 0);
  EXPECT_EQ(Vring(VHOST_SET_VRING_CALL, 0, Event()), 0);
  EXPECT_EQ(Vring(VHOST_SET_VRING_CALL, 0, -1), 0);
  EXPECT_EQ(Vring(VHOST_SET_VRING_KICK, 0, Tap()), -EINVAL);
  EXPECT_EQ(Vring(VHOST_SET_VRING_KICK, 0, 500), -EBADF);
}

TEST_F(OwnedVhostNetTest, AnUnknownRequestIsNone) {
  EXPECT_EQ(State(_IOW(VHOST_VIRTIO, 0x5f, int), 0, 0), -ENOTTY);
}

TEST_F(OwnedVhostNetTest, ABackendTakesAddressesATapAndMemory) {
  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, Tap()), -EFAULT);
  Prepare(0);
  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, Event()), -ENOTSOCK);
  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 0,
                  Keep(world_.calls().Open("/dev/net/tun"))),
            -EINVAL);
  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, Tap()), 0);
  EXPECT_NE(world_.vhosts()[0]->backend(0), nullptr);
}

TEST_F(VhostNetFileTest, WithoutATableThereIsNoBackendNotEvenNone) {
  ASSERT_EQ(Call(VHOST_SET_OWNER), 0);

  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, -1), -EFAULT);
}

TEST_F(OwnedVhostNetTest, ARingThatRunsKeepsItsSizeAndPlace) {
  Prepare(0);
  ASSERT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, Tap()), 0);

  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 0, 8), -EBUSY);
  EXPECT_EQ(State(VHOST_SET_VRING_BASE, 0, 0), -EBUSY);
  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, -1), 0);
  EXPECT_EQ(State(VHOST_SET_VRING_NUM, 0, 8), 0);
}

TEST_F(OwnedVhostNetTest, ARingGoesOnWhereItStoppedWithoutBeingSetUpAnew) {
  Prepare(0);
  const int tap = Tap();
  ASSERT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, tap), 0);
  ASSERT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, -1), 0);
  EXPECT_FALSE(world_.vhosts()[0]->rings()[0].started());

  EXPECT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, tap), 0);

  EXPECT_TRUE(world_.vhosts()[0]->rings()[0].started());
  EXPECT_EQ(Base(0), 0u);
}

TEST_F(OwnedVhostNetTest, ClosingLetsGoOfEverything) {
  Prepare(0);
  ASSERT_EQ(Vring(VHOST_SET_VRING_KICK, 0, Event()), 0);
  ASSERT_EQ(Vring(VHOST_NET_SET_BACKEND, 0, Tap()), 0);

  world_.fds().Close(fd_);
  fd_ = -1;

  EXPECT_TRUE(world_.vhosts().empty());
  EXPECT_EQ(world_.kernel_fds().Balance(), "");
}

}  // namespace
}  // namespace backend_sim
