// SPDX-License-Identifier: BSD-3-Clause
//
// A tap of this machine's kernel, where it lets us have one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "backend_sim/kernel_transcript.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/posix_kernel_calls.h"
#include "virtio_user/os/tap.h"

namespace virtio_user {
namespace {

using testing::HasSubstr;

// RTM_DELLINK, which is what `ip link del` says; whether it was done.
bool DeleteInterface(const std::string& name) {
  struct {
    nlmsghdr header;
    ifinfomsg link;
  } request{};
  request.header.nlmsg_len = sizeof(request);
  request.header.nlmsg_type = RTM_DELLINK;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_index = static_cast<int>(::if_nametoindex(name.c_str()));
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  struct {
    nlmsghdr header;
    nlmsgerr error;
  } answer{};
  const bool done =
      request.link.ifi_index != 0 &&
      ::send(fd, &request, sizeof(request), 0) == ssize_t{sizeof(request)} &&
      ::recv(fd, &answer, sizeof(answer), 0) > 0 && answer.error.error == 0;
  ::close(fd);
  return done;
}

TEST(TapOfThisKernel, IsNoticedToBeGone) {
  PosixFdOps fds;
  PosixKernelCalls calls(fds);
  auto tap = Tap::Open(calls, {.ifname = "vutest%d", .queues = 2});
  if (!tap) GTEST_SKIP() << tap.error().text();
  EXPECT_FALSE(tap->IsGone());

  ASSERT_TRUE(DeleteInterface(tap->name()));

  EXPECT_TRUE(tap->IsGone());
  for (const auto& done :
       {tap->SetMac({{2, 0, 0, 0, 0, 9}}), tap->SetHeaderBytes(12),
        tap->SetOffloads({}), tap->DisableQueue(1)}) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::kDisconnected)
        << done.error().text();
  }
}

TEST(TapOfThisKernel, DoesAllThatTheSimulatedOneDoes) {
  PosixFdOps fds;
  PosixKernelCalls calls(fds);
  std::string lines;
  backend_sim::KernelTranscript told(
      calls, [&](const std::string& line) { lines += line + "\n"; });
  auto tap = Tap::Open(told, {.ifname = "vutest%d", .queues = 3});
  if (!tap) GTEST_SKIP() << tap.error().text();

  EXPECT_TRUE(tap->SetMac({{2, 0, 0, 0, 0, 9}}));
  EXPECT_TRUE(tap->SetHeaderBytes(12));
  EXPECT_TRUE(tap->SetHeaderBytes(10));
  EXPECT_TRUE(tap->SetOffloads({Feature::kNetGuestCsum, Feature::kNetGuestTso4,
                                Feature::kNetGuestTso6}));
  EXPECT_TRUE(tap->SetOffloads({}));
  for (const size_t queue : {2u, 1u}) {
    EXPECT_TRUE(tap->DisableQueue(queue));
    EXPECT_TRUE(tap->EnableQueue(queue));
    EXPECT_TRUE(tap->DisableQueue(queue));
  }
  const auto other = Tap::Open(told, {.ifname = tap->name(), .queues = 1});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().sys_errno(), EBUSY);
  const auto tun = Tap::Open(told, {.ifname = "lo", .queues = 1});
  ASSERT_FALSE(tun);
  EXPECT_EQ(tun.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(lines, HasSubstr("TUNSETQUEUE fd=tun1 flags=0x400 = 0\n"));
  EXPECT_THAT(lines, HasSubstr("name=lo flags=0x5002 = -EINVAL\n"));
}

}  // namespace
}  // namespace virtio_user
