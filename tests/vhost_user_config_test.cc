// SPDX-License-Identifier: BSD-3-Clause
//
// GET_CONFIG and SET_CONFIG of VhostUserBackend.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Text(const Error& error) { return std::string(error.text()); }

class VhostUserConfigTest : public ::testing::Test {
 protected:
  ~VhostUserConfigTest() override { EXPECT_THAT(peer_.violations, IsEmpty()); }
  // From now on every GET_CONFIG is answered with `payload`.
  void AnswerWith(const Bytes& payload) {
    peer_.spoil = [payload](size_t, const WireRequest& request,
                            WireAnswer& answer) {
      if (request.request == kReqGetConfig) {
        answer.bytes = Message(kReqGetConfig, 5, payload);
      }
    };
  }
  static Bytes ConfigPayload(uint32_t offset, uint32_t size, size_t bytes) {
    Bytes payload;
    Put(payload, offset, 4);
    Put(payload, size, 4);
    Put(payload, 0, 4);
    payload.resize(12 + bytes, std::byte{0x77});
    return payload;
  }

  VhostUserRig rig_;
  VhostPeer& peer_ = rig_.peer;
  ScriptedChannel& channel_ = rig_.channel;
  VhostUserBackend& backend_ = rig_.backend;
};

TEST_F(VhostUserConfigTest, ConfigurationIsReadFromItsOffset) {
  ASSERT_TRUE(rig_.Open().has_value());
  Bytes bytes(4, std::byte{0xff});
  ASSERT_TRUE(backend_.GetConfig(6, bytes).has_value());
  EXPECT_EQ(bytes, FromInts({7, 8, 9, 10}));
  // What was in the buffer stays at home.
  EXPECT_EQ(peer_.log.back().payload,
            FromInts({6, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
}

TEST_F(VhostUserConfigTest, OffloadsCannotBeChangedAndNothingIsSent) {
  ASSERT_TRUE(rig_.Open().has_value());
  const size_t messages = peer_.log.size();
  const auto set = backend_.SetGuestOffloads({});
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(Text(set.error()), HasSubstr("GUEST_OFFLOADS_SET"));
  EXPECT_EQ(peer_.log.size(), messages);
  EXPECT_EQ(rig_.backend.link().Poll(), LinkState::kUp);
}

TEST_F(VhostUserConfigTest, ConfigurationIsWrittenToItsOffset) {
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_TRUE(backend_.SetConfig(6, FromInts({1, 2})).has_value());
  EXPECT_EQ(peer_.log.back().payload,
            FromInts({6, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 2}));
}

TEST_F(VhostUserConfigTest, OneMessageCarries1To256Bytes) {
  ASSERT_TRUE(rig_.Open().has_value());
  const size_t before = peer_.log.size();
  for (const size_t size : {size_t{0}, size_t{257}, size_t{100000}}) {
    Bytes bytes(size);
    const auto got = backend_.GetConfig(0, bytes);
    const auto set = backend_.SetConfig(0, bytes);
    ASSERT_TRUE(!got && !set) << size;
    EXPECT_EQ(got.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(set.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(Text(got.error()), HasSubstr(std::to_string(size) + " bytes"));
  }
  EXPECT_EQ(peer_.log.size(), before);
  Bytes most(256);
  EXPECT_TRUE(backend_.GetConfig(0, most).has_value());
  EXPECT_TRUE(backend_.SetConfig(0, most).has_value());
}

TEST_F(VhostUserConfigTest, WithoutTheFeatureNeitherMessageIsSent) {
  peer_.protocol = kProtoReplyAck;
  ASSERT_TRUE(rig_.Open().has_value());
  const size_t before = peer_.log.size();
  Bytes bytes(4);
  const auto got = backend_.GetConfig(0, bytes);
  const auto set = backend_.SetConfig(0, bytes);
  ASSERT_TRUE(!got && !set);
  EXPECT_EQ(got.error().code(), ErrorCode::kUnsupported);
  EXPECT_EQ(set.error().code(), ErrorCode::kUnsupported);
  EXPECT_THAT(Text(got.error()), HasSubstr("VHOST_USER_PROTOCOL_F_CONFIG"));
  EXPECT_EQ(peer_.log.size(), before);
}

TEST_F(VhostUserConfigTest, AnAnswerForAnotherRangeBreaksTheProtocol) {
  for (const auto& [offset, size] :
       {std::pair{7u, 4u}, std::pair{6u, 3u}, std::pair{6u, 5u},
        std::pair{0u, 0xffffffffu}, std::pair{0x6000000u, 4u}}) {
    ASSERT_TRUE(rig_.Open().has_value());
    AnswerWith(ConfigPayload(offset, size, 4));
    Bytes bytes(4, std::byte{0xff});
    const auto got = backend_.GetConfig(6, bytes);
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code(), ErrorCode::kProtocol);
    EXPECT_THAT(Text(got.error()),
                AllOf(HasSubstr("4 bytes at 6"),
                      HasSubstr(std::to_string(size) + " at " +
                                std::to_string(offset))));
    EXPECT_FALSE(channel_.attached());
    EXPECT_THAT(bytes, Each(std::byte{0}));
    peer_.spoil = nullptr;
  }
}

TEST_F(VhostUserConfigTest, AnAnswerOfAnotherLengthBreaksTheProtocol) {
  for (const size_t bytes_sent : {0, 1, 3, 5, 256}) {
    ASSERT_TRUE(rig_.Open().has_value());
    AnswerWith(ConfigPayload(6, 4, bytes_sent));
    Bytes bytes(4);
    const auto got = backend_.GetConfig(6, bytes);
    ASSERT_FALSE(got.has_value()) << bytes_sent;
    EXPECT_EQ(got.error().code(), ErrorCode::kProtocol);
    EXPECT_FALSE(channel_.attached());
    peer_.spoil = nullptr;
  }
}

// "Back-end uses zero length of payload to indicate an error."
TEST_F(VhostUserConfigTest, AnAnswerWithoutPayloadIsARefusal) {
  ASSERT_TRUE(rig_.Open().has_value());
  AnswerWith({});
  Bytes bytes(4);
  const auto got = backend_.GetConfig(6, bytes);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), ErrorCode::kRefused);
  EXPECT_THAT(Text(got.error()), HasSubstr("4 bytes at 6"));
  EXPECT_TRUE(channel_.attached());
  // Nobody waited for the bytes that do not come, and the stream goes on.
  EXPECT_EQ(channel_.now().count(), 0);
  peer_.spoil = nullptr;
  EXPECT_TRUE(backend_.GetConfig(6, bytes).has_value());
}

// What rust-vmm's servers say instead.
TEST_F(VhostUserConfigTest, AnAnswerOfSizeZeroWithItsHeaderIsARefusal) {
  ASSERT_TRUE(rig_.Open().has_value());
  AnswerWith(ConfigPayload(6, 0, 0));
  Bytes bytes(4);
  const auto got = backend_.GetConfig(6, bytes);
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), ErrorCode::kRefused);
  EXPECT_TRUE(channel_.attached());
  EXPECT_EQ(channel_.now().count(), 0);
}

TEST_F(VhostUserConfigTest, ARefusalWithMoreBehindItBreaksTheProtocol) {
  ASSERT_TRUE(rig_.Open().has_value());
  peer_.spoil = [](size_t, const WireRequest&, WireAnswer& answer) {
    answer.bytes = Message(kReqGetConfig, 5, {});
    answer.bytes.push_back(std::byte{1});
  };
  Bytes bytes(4);
  const auto got = backend_.GetConfig(6, bytes);
  ASSERT_FALSE(got.has_value());
  EXPECT_FALSE(channel_.attached());
}

TEST_F(VhostUserConfigTest, ARefusedWriteIsARefusal) {
  ASSERT_TRUE(rig_.Open().has_value());
  peer_.refuse = {peer_.log.size()};
  const auto set = backend_.SetConfig(0, FromInts({1}));
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code(), ErrorCode::kRefused);
  EXPECT_TRUE(channel_.attached());
}

TEST_F(VhostUserConfigTest, WhatWasReadAheadGoesWithTheLink) {
  Bytes bytes(kNetConfigFrontBytes);
  ASSERT_TRUE(rig_.Open().has_value());
  ASSERT_EQ(peer_.log.back().request, kReqGetConfig);
  backend_.link().Detach();
  const auto lost = backend_.GetConfig(0, bytes);
  ASSERT_FALSE(lost.has_value());
  EXPECT_EQ(lost.error().code(), ErrorCode::kDisconnected);
}

TEST_F(VhostUserConfigTest, ReadingInsideABatchIsRefused) {
  ASSERT_TRUE(rig_.Open().has_value());
  const Batch batch(backend_);
  Bytes bytes(4);
  EXPECT_EQ(backend_.GetConfig(0, bytes).error().code(),
            ErrorCode::kWrongState);
}

}  // namespace
}  // namespace virtio_user
