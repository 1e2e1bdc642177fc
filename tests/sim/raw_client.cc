// SPDX-License-Identifier: BSD-3-Clause

#include "tests/sim/raw_client.h"

#include <cstring>
#include <utility>

#include "gtest/gtest.h"

namespace sim_test {

using virtio_user::LinkState;
using virtio_user::MemoryRegion;
using virtio_user::MemoryTable;
using virtio_user::SendChunk;

namespace {

template <typename T>
void Append(Bytes& bytes, T value) {
  const size_t at = bytes.size();
  bytes.resize(at + sizeof(T));
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

template <typename T>
T Load(std::span<const std::byte> bytes, size_t at) {
  T value{};
  if (at + sizeof(T) <= bytes.size()) {
    std::memcpy(&value, bytes.data() + at, sizeof(T));
  }
  return value;
}

}  // namespace

Payload& Payload::U32(uint32_t value) {
  Append(bytes_, value);
  return *this;
}

Payload& Payload::U64(uint64_t value) {
  Append(bytes_, value);
  return *this;
}

Payload& Payload::Zeros(size_t count) {
  bytes_.resize(bytes_.size() + count);
  return *this;
}

Payload U64(uint64_t value) { return Payload().U64(value); }

Payload State(uint32_t index, uint32_t num) {
  return Payload().U32(index).U32(num);
}

Bytes Encode(const RawMessage& message) {
  const Bytes& payload = message.payload.bytes();
  Bytes bytes;
  Append(bytes, message.request);
  Append(bytes, message.flags);
  Append(bytes, static_cast<uint32_t>(payload.size()));
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

uint64_t RawAnswer::value() const { return Load<uint64_t>(payload, 0); }

RawClient::RawClient(backend_sim::SimWorld& world) : world_(world) {
  EXPECT_TRUE(world_.channel().Attach().has_value());
}

bool RawClient::Send(const RawMessage& message) {
  const Bytes bytes = Encode(message);
  const SendChunk chunk{.bytes = bytes, .fds = message.fds};
  size_t done = 0;
  while (done < bytes.size()) {
    const auto sent = world_.channel().Send({&chunk, 1}, done);
    if (!sent) return false;
    done += *sent;
    const auto deadline =
        world_.channel().After(virtio_user::kDefaultCallBudget);
    if (*sent == 0 && !world_.channel().WaitWritable(deadline)) return false;
  }
  return true;
}

bool RawClient::Fill(Bytes& into, size_t wanted, RawAnswer& answer) {
  const auto deadline =
      world_.channel().After(virtio_user::kDefaultCallBudget / 2);
  while (into.size() < wanted) {
    const size_t left = wanted - into.size();
    if (!world_.channel().WaitReadable(left, deadline)) return false;
    Bytes piece(left);
    auto received = world_.channel().Receive(piece);
    if (!received) return false;
    answer.fd_count += received->fd_count;
    if (received->fd.valid()) answer.fd = std::move(received->fd);
    into.insert(into.end(), piece.begin(),
                piece.begin() + static_cast<std::ptrdiff_t>(received->bytes));
  }
  return true;
}

std::optional<RawAnswer> RawClient::Answer() {
  Bytes header;
  RawAnswer answer;
  if (!Fill(header, 12, answer)) return std::nullopt;
  answer.request = Load<uint32_t>(header, 0);
  answer.flags = Load<uint32_t>(header, 4);
  const auto size = Load<uint32_t>(header, 8);
  Bytes payload;
  if (!Fill(payload, size, answer)) return std::nullopt;
  answer.payload = std::move(payload);
  return answer;
}

std::optional<RawAnswer> RawClient::Ask(const RawMessage& message) {
  if (!Send(message)) return std::nullopt;
  return Answer();
}

bool RawClient::closed() {
  world_.channel().Pump();
  return world_.channel().Poll() == LinkState::kDown;
}

void RawClient::Negotiate(uint64_t features, uint64_t protocol_features) {
  EXPECT_TRUE(Ask({.request = 1}).has_value());
  if (protocol_features != 0) {
    EXPECT_TRUE(Ask({.request = 15}).has_value());
    EXPECT_TRUE(Send({.request = 16, .payload = U64(protocol_features)}));
  }
  EXPECT_TRUE(Send({.request = 3}));
  EXPECT_TRUE(Send({.request = 2, .payload = U64(features)}));
}

RawMessage RawClient::MemTable() {
  RawMessage message{.request = 5};
  world_.memory().WithTable([&](const MemoryTable& table) {
    message.payload.U32(static_cast<uint32_t>(table.regions().size())).U32(0);
    for (const MemoryRegion& region : table.regions()) {
      message.payload.U64(region.published)
          .U64(region.host.size())
          .U64(region.published)
          .U64(region.offset);
      message.fds.push_back(region.fd);
    }
  });
  return message;
}

}  // namespace sim_test
