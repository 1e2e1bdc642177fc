// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost/vhost_backend.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace virtio_user {
namespace {

using ::testing::InSequence;
using ::testing::Return;
using ::testing::StrictMock;

TEST(VhostBackendTest, OperationsAreNamedAsTheSpecificationNamesThem) {
  using enum BackendOperation;
  EXPECT_EQ(ToString(kNone), "none");
  EXPECT_EQ(ToString(kSetOwner), "SET_OWNER");
  EXPECT_EQ(ToString(kGetFeatures), "GET_FEATURES");
  EXPECT_EQ(ToString(kSetFeatures), "SET_FEATURES");
  EXPECT_EQ(ToString(kSetMemTable), "SET_MEM_TABLE");
  EXPECT_EQ(ToString(kSetVringNum), "SET_VRING_NUM");
  EXPECT_EQ(ToString(kSetVringBase), "SET_VRING_BASE");
  EXPECT_EQ(ToString(kSetVringAddr), "SET_VRING_ADDR");
  EXPECT_EQ(ToString(kSetVringCall), "SET_VRING_CALL");
  EXPECT_EQ(ToString(kSetVringKick), "SET_VRING_KICK");
  EXPECT_EQ(ToString(kSetVringEnable), "SET_VRING_ENABLE");
  EXPECT_EQ(ToString(kGetVringBase), "GET_VRING_BASE");
  EXPECT_EQ(ToString(kGetStatus), "GET_STATUS");
  EXPECT_EQ(ToString(kSetStatus), "SET_STATUS");
  EXPECT_EQ(ToString(kGetConfig), "GET_CONFIG");
  EXPECT_EQ(ToString(kSetConfig), "SET_CONFIG");
  EXPECT_EQ(ToString(kSetGuestOffloads), "GUEST_OFFLOADS_SET");
  EXPECT_EQ(ToString(kSendControl), "CONTROL_COMMAND");
  EXPECT_EQ(ToString(kGetInflightFd), "GET_INFLIGHT_FD");
  EXPECT_EQ(ToString(kSetInflightFd), "SET_INFLIGHT_FD");
  EXPECT_EQ(ToString(static_cast<BackendOperation>(255)), "unknown");
}

TEST(VhostBackendTest, ABackendHasNothingUntilItSaysSo) {
  const BackendCaps caps;
  EXPECT_EQ(caps.max_queue_pairs, 1u);
  EXPECT_EQ(caps.max_memory_regions, 8u);
  EXPECT_FALSE(caps.status || caps.config || caps.ring_enable ||
               caps.multiqueue || caps.link_state || caps.own_control_queue ||
               caps.guest_offloads || caps.config_events || caps.doorbells ||
               caps.live_mem_table || caps.inflight);
  EXPECT_EQ(caps.addresses, AddressSpace::kPublished);
}

class BatchOnly : public VhostBackend {
 public:
  MOCK_METHOD(void, BeginBatch, (), (override));
  MOCK_METHOD((std::expected<void, CommitError>), Commit, (), (override));
  MOCK_METHOD(void, Discard, (), (override));
  MOCK_METHOD(PeerLink&, link, (), (override));
  MOCK_METHOD(const BackendCaps&, caps, (), (const, override));
  MOCK_METHOD(void, BeginCall, (Duration), (override));
  MOCK_METHOD(Result<void>, SetOwner, (), (override));
  MOCK_METHOD(Result<FeatureSet>, GetFeatures, (), (override));
  MOCK_METHOD(Result<void>, SetFeatures, (FeatureSet), (override));
  MOCK_METHOD(Result<void>, SetMemTable, (const MemoryTable&), (override));
  MOCK_METHOD(Result<void>, SetVringNum, (uint16_t, uint16_t), (override));
  MOCK_METHOD(Result<void>, SetVringBase, (uint16_t, VringBase), (override));
  MOCK_METHOD(Result<void>, SetVringAddr, (uint16_t, const VringAddresses&),
              (override));
  MOCK_METHOD(Result<void>, SetVringCall, (uint16_t, int), (override));
  MOCK_METHOD(Result<void>, SetVringKick, (uint16_t, int), (override));
  MOCK_METHOD(Result<void>, SetVringEnable, (uint16_t, VringEnable),
              (override));
  MOCK_METHOD(Result<void>, GetVringBases, (std::span<VringBaseQuery>),
              (override));
  MOCK_METHOD(Result<uint8_t>, GetStatus, (), (override));
  MOCK_METHOD(Result<void>, SetStatus, (uint8_t), (override));
  MOCK_METHOD(Result<void>, GetConfig, (uint32_t, std::span<std::byte>),
              (override));
  MOCK_METHOD(Result<void>, SetConfig, (uint32_t, std::span<const std::byte>),
              (override));
  MOCK_METHOD(Result<void>, SetGuestOffloads, (FeatureSet), (override));
  MOCK_METHOD(Result<uint8_t>, SendControl,
              (std::span<const std::byte>, Duration), (override));
};

TEST(VhostBackendTest, ABatchThatIsNotCommittedIsDiscarded) {
  StrictMock<BatchOnly> backend;
  const InSequence in_order;
  EXPECT_CALL(backend, BeginBatch());
  EXPECT_CALL(backend, Discard());
  const Batch batch(backend);
}

TEST(VhostBackendTest, ACommittedBatchIsNotDiscardedEvenIfItFailed) {
  StrictMock<BatchOnly> backend;
  const InSequence in_order;
  EXPECT_CALL(backend, BeginBatch());
  EXPECT_CALL(backend, Commit())
      .WillOnce(Return(std::unexpected(
          CommitError{.operation = BackendOperation::kSetVringKick,
                      .vring = uint16_t{3},
                      .error = Error::Make(ErrorCode::kRefused, "no")})));
  Batch batch(backend);
  const auto done = batch.Commit();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().vring, 3);
}

}  // namespace
}  // namespace virtio_user
