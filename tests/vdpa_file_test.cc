// SPDX-License-Identifier: BSD-3-Clause
//
// The simulated vhost-vdpa against the rules of drivers/vhost/vdpa.c, without
// any front-end.

#include "backend_sim/vdpa_file.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "backend_sim/kernel_server.h"
#include "backend_sim/sim_clock.h"
#include "virtio_user/os/vdpa_requests.h"

namespace backend_sim {
namespace {

using namespace virtio_user;  // Of its many requests.

constexpr char kPath[] = "/dev/vhost-vdpa-0";

class VdpaFileTest : public testing::Test {
 protected:
  explicit VdpaFileTest(VdpaPersonality personality = VdpaPersonality::Full())
      : vdpa_(std::move(personality), {.process = fds_, .kernel = kernel_fds_},
              trace_),
        server_(fds_, clock_) {
    server_.AddDevice(kPath, [this] { return vdpa_.Open(); });
    fd_ = server_.Open(kPath);
    EXPECT_GE(fd_, 0);
  }
  ~VdpaFileTest() override {
    if (fd_ >= 0) fds_.Close(fd_);
  }

  template <typename T>
  int Ask(const VdpaRequest& request, T argument) {
    return server_.Ioctl(fd_, request.number, &argument);
  }
  int SetStatus(uint8_t status) { return Ask(kVdpaSetStatus, status); }
  int Own() { return server_.Ioctl(fd_, kVhostSetOwner.number, nullptr); }
  int State(const VdpaRequest& request, uint32_t index, uint32_t num) {
    return Ask(request, VdpaVringState{.index = index, .num = num});
  }
  int Map(uint64_t iova, uint64_t size, uint32_t asid = 0,
          uint8_t kind = kIotlbUpdate) {
    VdpaIotlbMessage message{};
    message.type = kIotlbMessage2;
    message.asid = asid;
    message.iova = iova;
    message.size = size;
    message.uaddr = std::bit_cast<uint64_t>(page_.data());
    message.perm = kIotlbReadWrite;
    message.kind = kind;
    return server_.Write(fd_, std::as_bytes(std::span(&message, 1)));
  }
  void SpeakAll() {
    ASSERT_EQ(Ask(kVhostSetBackendFeatures, uint64_t{0x1e}), 0);
  }

  Trace trace_;
  FdTable fds_;
  FdTable kernel_fds_{{.name = "kernel"}};
  SimClock clock_;
  alignas(4096) std::array<std::byte, 8192> page_{};
  VdpaDevice vdpa_;
  KernelServer server_;
  int fd_ = -1;
};

TEST_F(VdpaFileTest, OneOpenAtATimeAndEachIsAReset) {
  EXPECT_EQ(server_.Open(kPath), -EBUSY);
  EXPECT_EQ(SetStatus(3), 0);
  fds_.Close(fd_);
  EXPECT_FALSE(vdpa_.is_open());
  fd_ = server_.Open(kPath);
  EXPECT_GE(fd_, 0);
  EXPECT_EQ(vdpa_.status(), 0);
}

TEST_F(VdpaFileTest, StatusBitsGoByAResetAlone) {
  EXPECT_EQ(SetStatus(3), 0);
  EXPECT_EQ(SetStatus(1), -EINVAL);
  EXPECT_EQ(vdpa_.status(), 3);
  EXPECT_EQ(SetStatus(0), 0);
  EXPECT_EQ(vdpa_.status(), 0);
}

TEST_F(VdpaFileTest, FeaturesAreSetBeforeFeaturesOk) {
  EXPECT_EQ(Ask(kVhostSetFeatures, uint64_t{1} << 62), -EINVAL);
  EXPECT_EQ(Ask(kVhostSetFeatures, uint64_t{1} << 32), 0);
  EXPECT_EQ(SetStatus(0x0b), 0);
  EXPECT_EQ(Ask(kVhostSetFeatures, uint64_t{1} << 32), -EBUSY);
}

TEST_F(VdpaFileTest, RingsAreTheOwnersAndWithinTheCount) {
  EXPECT_EQ(State(kVhostSetVringNum, 0, 8), -EPERM);
  EXPECT_EQ(Map(0x1000, 4096), -EFAULT);
  EXPECT_EQ(vdpa_.iotlb_error(), EPERM);
  EXPECT_EQ(Own(), 0);
  EXPECT_EQ(Own(), -EBUSY);
  EXPECT_EQ(State(kVhostSetVringNum, 8, 8), 0);
  EXPECT_EQ(State(kVhostSetVringNum, 9, 8), -ENOBUFS);
  EXPECT_EQ(State(kVdpaSetVringEnable, 9, 1), -ENOBUFS);
  EXPECT_EQ(State(kVhostSetVringNum, 0, 0), -EINVAL);
  EXPECT_EQ(State(kVhostSetVringNum, 0, 6), -EINVAL);
  EXPECT_EQ(State(kVhostSetVringBase, 0, 0x10000), -EINVAL);
}

TEST_F(VdpaFileTest, NoRingMovesWhileTheDeviceRuns) {
  ASSERT_EQ(Own(), 0);
  ASSERT_EQ(SetStatus(0x0f), 0);
  EXPECT_EQ(State(kVhostSetVringBase, 0, 0), -EINVAL);
  EXPECT_EQ(Ask(kVhostSetVringAddr, VdpaVringAddr{}), -EINVAL);
  EXPECT_EQ(State(kVdpaSetGroupAsid, 1, 1), -EBUSY);
  EXPECT_EQ(server_.Ioctl(fd_, kVdpaSuspend.number, nullptr), 0);
  EXPECT_EQ(State(kVhostSetVringBase, 0, 0), 0);
}

// write(2) says EFAULT whatever the driver says.
TEST_F(VdpaFileTest, WhatCannotBeMappedIsEfaultWithTheDriversOwnReason) {
  ASSERT_EQ(Own(), 0);
  SpeakAll();
  vdpa_.personality().last_iova = 0xffff;
  vdpa_.personality().memlock_bytes = 8192;
  EXPECT_EQ(Map(0x1000, 0), -EINVAL);
  EXPECT_EQ(Map(0x1000, 4096), 72);
  struct Case {
    uint64_t iova;
    uint64_t size;
    int error;
  };
  for (const Case& c :
       {Case{0x1000, 4096, EEXIST}, Case{0, 8192, EEXIST},
        Case{0x10000, 4096, EINVAL}, Case{0xf000, 8192, EINVAL},
        Case{UINT64_MAX - 4095, 8192, EINVAL}, Case{0x2800, 4096, EINVAL},
        Case{0x2000, 100, EINVAL}, Case{0x2000, 8192, ENOMEM}}) {
    EXPECT_EQ(Map(c.iova, c.size), -EFAULT) << c.iova;
    EXPECT_EQ(vdpa_.iotlb_error(), c.error) << c.iova;
  }
  EXPECT_EQ(vdpa_.maps().size(), 1u);
  EXPECT_EQ(Map(0, 1 << 16, 0, kIotlbInvalidate), 72);
  EXPECT_EQ(vdpa_.maps().size(), 0u);
}

TEST_F(VdpaFileTest, ABatchIsOfOneAddressSpace) {
  ASSERT_EQ(Own(), 0);
  SpeakAll();
  EXPECT_EQ(Map(0, 0, 2, kIotlbBatchBegin), -EFAULT);
  EXPECT_EQ(Map(0x1000, 4096, 1, kIotlbInvalidate), -EFAULT);
  EXPECT_EQ(Map(0, 0, 1, kIotlbBatchBegin), 72);
  EXPECT_EQ(Map(0x1000, 4096, 0), -EFAULT);
  EXPECT_EQ(Map(0x1000, 4096, 1), 72);
  EXPECT_EQ(Map(0, 0, 1, kIotlbBatchEnd), 72);
  EXPECT_EQ(Map(0x1000, 4096, 0), 72);
}

TEST_F(VdpaFileTest, ConfigurationsEndIsChecked) {
  struct Message {
    VdpaConfigHead head;
    std::array<std::byte, 64> bytes;
  };
  EXPECT_EQ(Ask(kVdpaGetConfig, Message{{0, 24}, {}}), 0);
  EXPECT_EQ(Ask(kVdpaGetConfig, Message{{0, 0}, {}}), -EINVAL);
  EXPECT_EQ(Ask(kVdpaGetConfig, Message{{25, 1}, {}}), -EINVAL);
  EXPECT_EQ(Ask(kVdpaGetConfig, Message{{0, 25}, {}}), -EINVAL);
  EXPECT_EQ(Ask(kVdpaSetConfig, Message{{UINT32_MAX, 2}, {}}), -EINVAL);
}

TEST_F(VdpaFileTest, UnknownRequestsAndDescriptorsAreRefused) {
  EXPECT_EQ(Ask(VdpaRequest{0xaf99, "?"}, uint64_t{0}), -EPERM);
  ASSERT_EQ(Own(), 0);
  EXPECT_EQ(Ask(VdpaRequest{0xaf99, "?"}, uint64_t{0}), -ENOTTY);
  EXPECT_EQ(Ask(kVhostSetBackendFeatures, uint64_t{1} << 20), -EOPNOTSUPP);
  EXPECT_EQ(Ask(kVhostSetVringKick, VdpaVringFile{.index = 0, .fd = fd_}),
            -EINVAL);
  EXPECT_EQ(Ask(kVhostSetVringKick, VdpaVringFile{.index = 0, .fd = 77}),
            -EBADF);
  EXPECT_EQ(Ask(kVhostSetVringKick, VdpaVringFile{.index = 0, .fd = -1}), 0);
}

}  // namespace
}  // namespace backend_sim
