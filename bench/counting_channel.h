// SPDX-License-Identifier: BSD-3-Clause

#ifndef BENCH_COUNTING_CHANNEL_H_
#define BENCH_COUNTING_CHANNEL_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "virtio_user/spec/vhost_user.h"
#include "virtio_user/vhost_user/channel.h"

namespace virtio_user::bench {

struct ChannelCounts {
  uint64_t messages = 0;  // Requests sent.
  uint64_t waits = 0;     // Times that the front-end waited for the peer.
  std::array<uint64_t, 64> requests = {};  // By number; higher ones nowhere.

  uint64_t of(VhostUserRequest request) const {
    return requests[static_cast<size_t>(request)];
  }
};

// Passes everything through and counts it. Both parts outlive it.
class CountingChannel final : public Channel {
 public:
  CountingChannel(Channel& inner, ChannelCounts& counts)
      : inner_(inner), counts_(counts) {}

  Result<void> Attach() override { return inner_.Attach(); }
  void Detach() override { inner_.Detach(); }
  LinkState Poll() override { return inner_.Poll(); }
  int fd() const override { return inner_.fd(); }
  Deadline After(Duration budget) override { return inner_.After(budget); }
  void SetAttachDeadline(Deadline deadline) override {
    inner_.SetAttachDeadline(deadline);
  }
  Result<size_t> Send(std::span<const SendChunk> chunks, size_t skip) override {
    const Result<size_t> sent = inner_.Send(chunks, skip);
    for (size_t left = sent ? *sent : 0; left > 0; chunks = chunks.subspan(1)) {
      const auto bytes = chunks.front().bytes.subspan(skip);
      const size_t moved = std::min(left, bytes.size());
      Count(bytes.first(moved));
      left -= moved;
      skip = 0;
    }
    return sent;
  }
  Result<Received> Receive(std::span<std::byte> into) override {
    return inner_.Receive(into);
  }
  Result<void> WaitWritable(Deadline deadline) override {
    ++counts_.waits;
    return inner_.WaitWritable(deadline);
  }
  Result<void> WaitReadable(size_t bytes, Deadline deadline) override {
    ++counts_.waits;
    return inner_.WaitReadable(bytes, deadline);
  }
  Result<ChannelPair> MakePair() override { return inner_.MakePair(); }
  void WatchBeside(Channel* beside) override { inner_.WatchBeside(beside); }

 private:
  // Follows the stream from header to header.
  void Count(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      if (header_bytes_ < sizeof(VhostUserHeader)) {
        header_[header_bytes_++] = bytes.front();
        bytes = bytes.subspan(1);
        if (header_bytes_ < sizeof(VhostUserHeader)) continue;
        VhostUserHeader header;
        std::memcpy(&header, header_, sizeof(header));
        payload_left_ = header.size;
        ++counts_.messages;
        if (header.request < counts_.requests.size()) {
          ++counts_.requests[header.request];
        }
      }
      const size_t taken = std::min(payload_left_, bytes.size());
      bytes = bytes.subspan(taken);
      payload_left_ -= taken;
      if (payload_left_ == 0) header_bytes_ = 0;
    }
  }

  Channel& inner_;
  ChannelCounts& counts_;
  std::byte header_[sizeof(VhostUserHeader)] = {};
  size_t header_bytes_ = 0;
  size_t payload_left_ = 0;
};

}  // namespace virtio_user::bench

#endif  // BENCH_COUNTING_CHANNEL_H_
