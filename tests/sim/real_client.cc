// SPDX-License-Identifier: BSD-3-Clause

#include "tests/sim/real_client.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "gtest/gtest.h"
#include "tests/support/raw_socket.h"

namespace sim_test {

bool HasAnswer(const RawMessage& message) {
  static constexpr std::array kAnswered = {1u, 11u, 15u, 17u, 24u, 36u, 40u};
  return (message.flags & 8) != 0 ||
         std::ranges::find(kAnswered, message.request) != kAnswered.end();
}

bool RealClient::Send(const RawMessage& message) {
  return testing_support::SendAll(socket_.get(), Encode(message), message.fds);
}

Bytes RealClient::Answer() {
  Bytes bytes = Read(12);
  if (bytes.size() < 12) return {};
  uint32_t size = 0;
  std::memcpy(&size, bytes.data() + 8, sizeof(size));
  const Bytes payload = Read(size);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

void RealClient::Play(const std::vector<RawMessage>& script) {
  for (const RawMessage& message : script) {
    ASSERT_TRUE(Send(message)) << message.request;
    const bool answered = !HasAnswer(message) || !Answer().empty();
    ASSERT_TRUE(answered) << message.request;
  }
}

Bytes RealClient::Read(size_t wanted) {
  Bytes bytes(wanted);
  const ssize_t got = ::recv(socket_.get(), bytes.data(), wanted, MSG_WAITALL);
  bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
  return bytes;
}

}  // namespace sim_test
