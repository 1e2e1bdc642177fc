// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_ATTACHED_CHANNEL_H_
#define TESTS_ATTACHED_CHANNEL_H_

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "virtio_user/os/unix_socket_channel.h"

namespace virtio_user {

// A channel over a socket pair, attached.
class AttachedChannelTest : public testing_support::FdBalanceTest {
 protected:
  void SetUp() override {
    auto [ours, peer] = testing_support::ConnectedPair();
    channel_ = UnixSocketChannel::Connected(testing_support::RealFdOps(),
                                            std::move(ours));
    peer_ = std::move(peer);
    ASSERT_TRUE(channel_->Attach().has_value());
  }
  Result<void> WaitReadable(size_t bytes, Duration budget) {
    return channel_->WaitReadable(bytes, channel_->After(budget));
  }
  Result<Received> Receive(size_t bytes) {
    return channel_->Receive(std::span(buffer_).first(bytes));
  }

  std::unique_ptr<UnixSocketChannel> channel_;
  FileDescriptor peer_;
  std::array<std::byte, 8192> buffer_{};
};

}  // namespace virtio_user

#endif  // TESTS_ATTACHED_CHANNEL_H_
