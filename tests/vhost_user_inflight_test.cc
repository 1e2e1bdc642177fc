// SPDX-License-Identifier: BSD-3-Clause
//
// GET_INFLIGHT_FD and SET_INFLIGHT_FD of VhostUserBackend.

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/fakes/vhost_user_rig.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr InflightShape kShape = {.num_queues = 4, .queue_size = 256};

class VhostUserInflightTest : public ::testing::Test {
 protected:
  void SetUp() override {
    rig_.peer.protocol = kProtoAll | kProtoInflight;
    ASSERT_TRUE(rig_.Open().has_value());
  }
  ~VhostUserInflightTest() override {
    EXPECT_THAT(rig_.peer.violations, IsEmpty());
  }
  // What becomes of an answer that was changed so; nothing stays open.
  Result<InflightRegion> Spoiled(
      const std::function<void(WireAnswer&)>& spoil) {
    rig_.peer.spoil = [=](size_t, const WireRequest&, WireAnswer& answer) {
      spoil(answer);
    };
    auto got = rig_.backend.GetInflight(kShape);
    EXPECT_EQ(rig_.channel.open_copies(), got && got->fd.valid() ? 1u : 0u);
    return got;
  }
  void ExpectBroken(const Result<InflightRegion>& got, const char* text) {
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code(), ErrorCode::kProtocol);
    EXPECT_THAT(std::string(got.error().text()),
                AllOf(HasSubstr("GET_INFLIGHT_FD"), HasSubstr(text)));
    EXPECT_FALSE(rig_.channel.attached());
  }

  VhostUserRig rig_;
};

TEST_F(VhostUserInflightTest, ABackendSaysThatItTakesNotes) {
  EXPECT_TRUE(rig_.backend.caps().inflight);

  VhostUserRig without;
  ASSERT_TRUE(without.Open().has_value());
  EXPECT_FALSE(without.backend.caps().inflight);
}

TEST_F(VhostUserInflightTest, WhatIsGivenIsKeptAndSentBackAsItWas) {
  const auto region = rig_.backend.GetInflight(kShape);
  ASSERT_TRUE(region.has_value());
  EXPECT_TRUE(region->fd.valid());
  EXPECT_EQ(region->mmap_size, 0x2000u);
  EXPECT_EQ(region->mmap_offset, 0x1000u);
  EXPECT_EQ(region->shape, kShape);
  const WireRequest get = rig_.peer.log.back();
  EXPECT_EQ(get.request, 31u);
  EXPECT_EQ(get.payload, FromInts({0, 0, 0, 0, 0, 0, 0, 0,  //
                                   0, 0, 0, 0, 0, 0, 0, 0,  //
                                   4, 0, 0, 1, 0, 0, 0, 0}));

  ASSERT_TRUE(rig_.backend.SetInflight(*region).has_value());

  const WireRequest set = rig_.peer.log.back();
  EXPECT_EQ(set.request, 32u);
  EXPECT_EQ(set.flags, 9u) << "its ack is asked for";
  EXPECT_EQ(set.payload, FromInts({0, 0x20, 0, 0, 0, 0, 0, 0,  //
                                   0, 0x10, 0, 0, 0, 0, 0, 0,  //
                                   4, 0,    0, 1, 0, 0, 0, 0}));
  EXPECT_THAT(set.fds, ElementsAre(region->fd.get()));
}

TEST_F(VhostUserInflightTest, TheDescriptorIsClosedWithItsRegion) {
  {
    const auto region = rig_.backend.GetInflight(kShape);
    ASSERT_TRUE(region.has_value());
    EXPECT_EQ(rig_.channel.open_copies(), 1u);
  }
  EXPECT_EQ(rig_.channel.open_copies(), 0u);
}

TEST_F(VhostUserInflightTest, AnAnswerInPiecesBringsItsDescriptorToo) {
  const auto got = Spoiled([](WireAnswer& a) { a.piece_bytes = 5; });
  ASSERT_TRUE(got.has_value());
  EXPECT_TRUE(got->fd.valid());
}

TEST_F(VhostUserInflightTest, ASizeOf0IsABackendThatTakesNone) {
  for (const size_t fds : {0, 1}) {
    const auto got = Spoiled([=](WireAnswer& a) {
      std::fill_n(a.bytes.begin() + 12, 8, std::byte{0});
      a.fd_count = fds;
    });
    ASSERT_TRUE(got.has_value());
    EXPECT_FALSE(got->fd.valid());
    EXPECT_TRUE(rig_.channel.attached());
  }
}

TEST_F(VhostUserInflightTest, AnAnswerWithoutADescriptorBreaksTheProtocol) {
  ExpectBroken(Spoiled([](WireAnswer& a) { a.fd_count = 0; }),
               "8192 bytes and no descriptor");
}

TEST_F(VhostUserInflightTest, AnAnswerWithTwoDescriptorsBreaksTheProtocol) {
  ExpectBroken(Spoiled([](WireAnswer& a) { a.fd_count = 2; }),
               "2 descriptors came with an answer that carries one");
}

TEST_F(VhostUserInflightTest, AFileThatIsTooShortBreaksTheProtocol) {
  ExpectBroken(Spoiled([](WireAnswer& a) { a.fd_bytes = 0x2fff; }),
               "8192 bytes from 4096 of a file of 12287 bytes");
}

TEST_F(VhostUserInflightTest, WhatIsNoFileBreaksTheProtocol) {
  ExpectBroken(Spoiled([](WireAnswer& a) { a.fd_bytes = 0; }),
               "of a file of 0 bytes");
}

TEST_F(VhostUserInflightTest, SizeAndOffsetThatWrapBreakTheProtocol) {
  const auto all_ones = [](WireAnswer& a, size_t at) {
    std::fill_n(a.bytes.begin() + static_cast<ptrdiff_t>(12 + at), 8,
                std::byte{0xff});
  };
  for (const size_t at : {0, 8}) {
    ExpectBroken(Spoiled([=](WireAnswer& a) { all_ones(a, at); }),
                 "18446744073709551615");
    rig_.peer.spoil = nullptr;
    ASSERT_TRUE(rig_.Open().has_value());
  }
}

TEST_F(VhostUserInflightTest, OtherNumbersThanWereAskedForBreakTheProtocol) {
  for (const size_t at : {16, 18}) {
    ExpectBroken(Spoiled([=](WireAnswer& a) {
                   a.bytes[12 + at] = std::byte{3};
                   a.bytes[13 + at] = std::byte{0};
                 }),
                 "for 4 queues of 256 was answered for");
    rig_.peer.spoil = nullptr;
    ASSERT_TRUE(rig_.Open().has_value());
  }
}

TEST_F(VhostUserInflightTest, TheAnswerHas24Bytes) {
  for (const int more : {-4, 4}) {
    const auto got = Spoiled([=](WireAnswer& a) {
      a.bytes.resize(a.bytes.size() + static_cast<size_t>(more));
      a.bytes[8] = static_cast<std::byte>(24 + more);
    });
    ASSERT_FALSE(got.has_value());
    EXPECT_EQ(got.error().code(), ErrorCode::kProtocol);
    rig_.peer.spoil = nullptr;
    ASSERT_TRUE(rig_.Open().has_value());
  }
}

TEST_F(VhostUserInflightTest, ARefusedPlaceIsARefusal) {
  const auto region = rig_.backend.GetInflight(kShape);
  ASSERT_TRUE(region.has_value());
  rig_.peer.refuse = {rig_.peer.log.size()};
  const auto set = rig_.backend.SetInflight(*region);
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code(), ErrorCode::kRefused);
  EXPECT_TRUE(rig_.channel.attached());
}

TEST_F(VhostUserInflightTest, AskingInsideABatchIsRefused) {
  const size_t before = rig_.peer.log.size();
  const Batch batch(rig_.backend);
  EXPECT_EQ(rig_.backend.GetInflight(kShape).error().code(),
            ErrorCode::kWrongState);
  EXPECT_EQ(rig_.peer.log.size(), before);
}

TEST_F(VhostUserInflightTest, WithoutTheFeatureNeitherMessageIsSent) {
  VhostUserRig rig;
  ASSERT_TRUE(rig.Open().has_value());
  const size_t before = rig.peer.log.size();
  EXPECT_EQ(rig.backend.GetInflight(kShape).error().code(),
            ErrorCode::kUnsupported);
  EXPECT_EQ(rig.backend.SetInflight({}).error().code(),
            ErrorCode::kUnsupported);
  EXPECT_EQ(rig.peer.log.size(), before);
}

}  // namespace
}  // namespace virtio_user
