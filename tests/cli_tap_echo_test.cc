// SPDX-License-Identifier: BSD-3-Clause
//
// The network behind a tap, on a tap of this machine's kernel.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/tap_echo.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/posix_kernel_calls.h"
#include "virtio_user/os/tap.h"

namespace virtio_user::cli {
namespace {

constexpr size_t kHeader = 12;
using Bytes = std::vector<std::byte>;

// From an experimental EtherType on; what no kernel answers.
Bytes Frame(size_t bytes, uint8_t seed) {
  Bytes frame(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    frame[i] = static_cast<std::byte>(seed + 3 * i);
  }
  frame[0] = std::byte{0x02};
  frame[6] = std::byte{0x02};
  frame[12] = std::byte{0x88};
  frame[13] = std::byte{0xb5};
  return frame;
}

class TapEchoTest : public testing::Test {
 protected:
  void Open(uint32_t max_frame_bytes = 1514, bool answers = true) {
    auto tap = Tap::Open(calls_, {.ifname = "vutest%d", .queues = 1});
    if (!tap) GTEST_SKIP() << tap.error().text();
    tap_.emplace(*std::move(tap));
    ASSERT_TRUE(tap_->SetHeaderBytes(kHeader));
    ASSERT_TRUE(tap_->SetOffloads({}));
    auto echo = TapEcho::Open(fds_, {.ifname = tap_->name(),
                                     .max_frame_bytes = max_frame_bytes,
                                     .answers = answers});
    if (!echo && echo.error().sys_errno() == EPERM) {
      GTEST_SKIP() << echo.error().text();
    }
    ASSERT_TRUE(echo) << echo.error().text();
    echo_ = *std::move(echo);
  }
  void Send(const Bytes& frame) {
    Bytes message(kHeader);
    message.insert(message.end(), frame.begin(), frame.end());
    ASSERT_EQ(calls_.Write(tap_->fd(0), message),
              static_cast<int>(message.size()));
  }
  // The next frame that is no other's: the kernel sends some of its own.
  Bytes Receive() {
    const Deadline deadline = calls_.After(std::chrono::seconds(5));
    Bytes message(70000);
    while (!calls_.HasPassed(deadline)) {
      echo_->Step();
      const int got = calls_.Read(tap_->fd(0), message);
      if (got < static_cast<int>(kHeader + 14)) continue;
      if (message[kHeader + 12] != std::byte{0x88} &&
          message[kHeader + 12] != std::byte{0x81}) {
        continue;
      }
      return {message.begin() + kHeader, message.begin() + got};
    }
    return {};
  }

  // "mtu 1500 qlen 1000 flags 0x1002 no_ipv6 0", as the kernel has it.
  std::string Settings() {
    const auto read = [](const std::string& path) {
      std::ifstream file(path);
      std::string text = "none";
      file >> text;
      return text;
    };
    const std::string folder = "/sys/class/net/" + tap_->name() + "/";
    return "mtu " + read(folder + "mtu") + " qlen " +
           read(folder + "tx_queue_len") + " flags " + read(folder + "flags") +
           " no_ipv6 " +
           read("/proc/sys/net/ipv6/conf/" + tap_->name() + "/disable_ipv6");
  }
  // `ip link set`, of one property.
  void Set(unsigned long request, const std::function<void(ifreq&)>& change) {
    ifreq asked{};
    std::ranges::copy(tap_->name(), asked.ifr_name);
    change(asked);
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(::ioctl(fd, request, &asked), 0);
    ::close(fd);
  }

  PosixFdOps fds_;
  PosixKernelCalls calls_{fds_};
  std::optional<Tap> tap_;
  std::unique_ptr<TapEcho> echo_;
};

TEST_F(TapEchoTest, EveryFrameComesBackUnchangedAndInOrder) {
  Open();
  if (echo_ == nullptr) return;

  for (const size_t bytes : {60u, 61u, 1514u}) {
    Send(Frame(bytes, 1));
    Send(Frame(bytes, 2));
    EXPECT_EQ(Receive(), Frame(bytes, 1));
    EXPECT_EQ(Receive(), Frame(bytes, 2));
  }
  EXPECT_EQ(echo_->seen_count(), 6u);
  EXPECT_EQ(echo_->lost_count(), 0u);
}

TEST_F(TapEchoTest, AnMtuIsSetForTheLongestFrame) {
  Open(9014);
  if (echo_ == nullptr) return;

  Send(Frame(9014, 5));

  EXPECT_EQ(Receive(), Frame(9014, 5));
}

TEST_F(TapEchoTest, AVlanTagComesBackInItsPlace) {
  Open();
  if (echo_ == nullptr) return;
  Bytes frame = Frame(100, 7);
  frame[12] = std::byte{0x81};
  frame[13] = std::byte{0x00};
  frame[14] = std::byte{0x20};
  frame[15] = std::byte{0x05};

  Send(frame);

  EXPECT_EQ(Receive(), frame);
}

TEST_F(TapEchoTest, WithoutAnswersFramesAreTakenAlone) {
  Open(1514, false);
  if (echo_ == nullptr) return;

  Send(Frame(60, 1));
  const Deadline deadline = calls_.After(std::chrono::seconds(5));
  while (echo_->seen_count() == 0 && !calls_.HasPassed(deadline)) {
    echo_->Step();
  }

  EXPECT_EQ(echo_->seen_count(), 1u);
  Bytes message(2000);
  const int got = calls_.Read(tap_->fd(0), message);
  EXPECT_TRUE(got < 0 || message[kHeader + 12] != std::byte{0x88}) << got;
}

TEST_F(TapEchoTest, WhatSomebodyElseHasMadeIsAsItWasAtTheEnd) {
  auto tap = Tap::Open(calls_, {.ifname = "vutest%d", .queues = 1});
  if (!tap) GTEST_SKIP() << tap.error().text();
  tap_.emplace(*std::move(tap));
  Set(SIOCSIFMTU, [](ifreq& asked) { asked.ifr_mtu = 1400; });
  Set(SIOCSIFTXQLEN, [](ifreq& asked) { asked.ifr_qlen = 77; });
  const std::string before = Settings();
  {
    const auto echo = TapEcho::Open(
        fds_,
        {.ifname = tap_->name(), .max_frame_bytes = 9014, .is_ours = false});
    ASSERT_TRUE(echo) << echo.error().text();
    EXPECT_THAT(Settings(), testing::HasSubstr("mtu 9000 qlen 16384"));
    // Addresses would go with it, and not come back.
    EXPECT_EQ(Settings().substr(Settings().find(" no_ipv6")),
              before.substr(before.find(" no_ipv6")));
  }
  EXPECT_EQ(Settings(), before);
}

TEST_F(TapEchoTest, WhatIsEnoughAlreadyIsLeftAlone) {
  auto tap = Tap::Open(calls_, {.ifname = "vutest%d", .queues = 1});
  if (!tap) GTEST_SKIP() << tap.error().text();
  tap_.emplace(*std::move(tap));
  Set(SIOCSIFMTU, [](ifreq& asked) { asked.ifr_mtu = 9100; });
  Set(SIOCSIFTXQLEN, [](ifreq& asked) { asked.ifr_qlen = 20000; });
  Set(SIOCSIFFLAGS, [](ifreq& asked) { asked.ifr_flags = IFF_UP; });
  const std::string before = Settings();
  {
    const auto echo = TapEcho::Open(
        fds_,
        {.ifname = tap_->name(), .max_frame_bytes = 9014, .is_ours = false});
    ASSERT_TRUE(echo) << echo.error().text();
    EXPECT_THAT(Settings(), testing::HasSubstr("mtu 9100 qlen 20000"));
  }
  EXPECT_EQ(Settings(), before);
}

TEST(TapEcho, AnInterfaceThatIsNotThereIsNamed) {
  PosixFdOps fds;

  const auto echo = TapEcho::Open(fds, {.ifname = "vunothing"});

  ASSERT_FALSE(echo);
  EXPECT_EQ(echo.error().code(), ErrorCode::kSystem);
  EXPECT_THAT(std::string(echo.error().text()),
              testing::HasSubstr("vunothing"));
}

}  // namespace
}  // namespace virtio_user::cli
