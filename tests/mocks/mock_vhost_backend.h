// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_MOCKS_MOCK_VHOST_BACKEND_H_
#define TESTS_MOCKS_MOCK_VHOST_BACKEND_H_

#include <gmock/gmock.h>

#include <cstdint>
#include <expected>
#include <span>
#include <vector>

#include "virtio_user/vhost/vhost_backend.h"

namespace testing_support {

// Constructors and destructors are not in here: what they bring about takes
// seconds to compile.

class MockPeerLink : public virtio_user::PeerLink {
 public:
  MockPeerLink();
  virtual ~MockPeerLink();
  MOCK_METHOD(virtio_user::Result<void>, Attach, (), (override));
  MOCK_METHOD(void, Detach, (), (override));
  MOCK_METHOD(virtio_user::LinkState, Poll, (), (override));
  MOCK_METHOD(int, fd, (), (const, override));
};

// Every operation succeeds unless told otherwise. What a back-end has is data
// of the test: `capabilities`, and `peer`, which is up.
class MockVhostBackend : public virtio_user::VhostBackend {
 public:
  MockVhostBackend();
  virtual ~MockVhostBackend();

  virtio_user::BackendCaps capabilities = {.max_queue_pairs = 128,
                                           .status = true,
                                           .ring_enable = true,
                                           .multiqueue = true,
                                           .link_state = true};
  testing::NiceMock<MockPeerLink> peer;

  virtio_user::PeerLink& link() override { return peer; }
  const virtio_user::BackendCaps& caps() const override { return capabilities; }

  template <typename T>
  using Result = virtio_user::Result<T>;
  using CommitResult = std::expected<void, virtio_user::CommitError>;

  MOCK_METHOD(void, BeginCall, (virtio_user::Duration), (override));
  MOCK_METHOD(void, BeginBatch, (), (override));
  MOCK_METHOD(CommitResult, Commit, (), (override));
  MOCK_METHOD(void, Discard, (), (override));
  MOCK_METHOD(Result<void>, SetOwner, (), (override));
  MOCK_METHOD(Result<virtio_user::FeatureSet>, GetFeatures, (), (override));
  MOCK_METHOD(Result<void>, SetFeatures, (virtio_user::FeatureSet), (override));
  MOCK_METHOD(Result<void>, SetMemTable, (const virtio_user::MemoryTable&),
              (override));
  MOCK_METHOD(Result<void>, SetVringNum, (uint16_t, uint16_t), (override));
  MOCK_METHOD(Result<void>, SetVringBase, (uint16_t, virtio_user::VringBase),
              (override));
  MOCK_METHOD(Result<void>, SetVringAddr,
              (uint16_t, const virtio_user::VringAddresses&), (override));
  MOCK_METHOD(Result<void>, SetVringCall, (uint16_t, int), (override));
  MOCK_METHOD(Result<void>, SetVringKick, (uint16_t, int), (override));
  MOCK_METHOD(Result<void>, SetVringEnable,
              (uint16_t, virtio_user::VringEnable), (override));
  MOCK_METHOD(Result<void>, GetVringBases,
              (std::span<virtio_user::VringBaseQuery>), (override));
  MOCK_METHOD(Result<uint8_t>, GetStatus, (), (override));
  MOCK_METHOD(Result<void>, SetStatus, (uint8_t), (override));
  MOCK_METHOD(Result<void>, GetConfig, (uint32_t, std::span<std::byte>),
              (override));
  MOCK_METHOD(Result<void>, SetConfig, (uint32_t, std::span<const std::byte>),
              (override));
  MOCK_METHOD(Result<void>, SetGuestOffloads, (virtio_user::FeatureSet),
              (override));
  MOCK_METHOD(Result<uint8_t>, SendControl,
              (std::span<const std::byte>, virtio_user::Duration), (override));
};

// GET_VRING_BASE of rings 0 to n - 1, in this order, each answered with its
// entry of `bases`.
ACTION_P(AnswerBases, bases) {
  EXPECT_EQ(arg0.size(), bases.size());
  for (size_t i = 0; i < arg0.size() && i < bases.size(); ++i) {
    EXPECT_EQ(arg0[i].vring, i);
    arg0[i].base.avail = static_cast<uint16_t>(bases[i]);
    arg0[i].answered = true;
  }
  return {};
}

}  // namespace testing_support

#endif  // TESTS_MOCKS_MOCK_VHOST_BACKEND_H_
