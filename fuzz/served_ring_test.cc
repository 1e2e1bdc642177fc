// SPDX-License-Identifier: BSD-3-Clause
//
// The oracle of served rings: it accepts what a device does that keeps to the
// spec, and finds each thing that one does which does not. The device is the
// test, byte by byte.

#include "fuzz/served_ring.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "virtio_user/spec/ring.h"

namespace fuzz {
namespace {

using virtio_user::EventIndex;
using virtio_user::PackedDesc;
using virtio_user::RingFormat;
using virtio_user::RingPosition;
using virtio_user::VirtqDesc;
using virtio_user::VirtqUsedElem;

constexpr uint16_t kNum = 4;
constexpr size_t kRequest = 0;  // Two bytes in the buffers...
constexpr size_t kAck = 16;     // ...and where the answer goes.
constexpr uint8_t kOld = 0x10;  // The request's second byte...
constexpr uint8_t kNew = 0x20;  // ...and what the driver may make of it.
constexpr uint8_t kUntouched = 0xee;

// One chain, of a request and an ack, in a ring of four.
class ServedRingTest : public testing::TestWithParam<RingFormat> {
 protected:
  ServedRingTest() : memory_(GetParam(), kNum, RingMemory::kBufferBytes) {
    memory_.Wipe();
    begin_.index = packed() ? 0 : 0xffff;
    ring_.emplace(memory_, EventIndex::kOff, begin_);
    Buffer(kRequest) = std::byte{7};
    Buffer(kRequest + 1) = std::byte{kOld};
    Buffer(kAck) = std::byte{kUntouched};
    packed() ? OfferPacked() : OfferSplit();
    ring_->Before();
  }

  bool packed() const { return GetParam() == RingFormat::kPacked; }
  std::byte& Buffer(size_t at) { return memory_.buffers()[at]; }

  template <typename T>
  void Put(std::byte* at, const T& value) {
    std::memcpy(at, &value, sizeof(value));
  }

  void OfferSplit() {
    const auto& layout = memory_.layout();
    Put(layout.desc, VirtqDesc{.addr = RingMemory::kBase + kRequest,
                               .len = 2,
                               .flags = virtio_user::kDescFlagNext,
                               .next = 1});
    Put(layout.desc + sizeof(VirtqDesc),
        VirtqDesc{.addr = RingMemory::kBase + kAck,
                  .len = 1,
                  .flags = virtio_user::kDescFlagWrite,
                  .next = 0});
    // Entry 0xffff is the fourth one; the index comes round to 0.
    Put<uint16_t>(layout.driver + virtio_user::kAvailIdxOffset, 0);
  }

  void OfferPacked() {
    const auto& layout = memory_.layout();
    constexpr uint16_t kOffered = virtio_user::kPackedFlagAvail;
    Put(layout.desc, PackedDesc{.addr = RingMemory::kBase + kRequest,
                                .len = 2,
                                .id = 9,
                                .flags = static_cast<uint16_t>(
                                    kOffered | virtio_user::kDescFlagNext)});
    Put(layout.desc + sizeof(PackedDesc),
        PackedDesc{.addr = RingMemory::kBase + kAck,
                   .len = 1,
                   .id = 9,
                   .flags = static_cast<uint16_t>(
                       kOffered | virtio_user::kDescFlagWrite)});
  }

  // Gives the chain back: `wrong` is added to its id.
  void GiveBack(uint32_t bytes = 1, uint16_t wrong = 0) {
    const auto& layout = memory_.layout();
    if (packed()) {
      Put(layout.desc, PackedDesc{.addr = RingMemory::kBase + kRequest,
                                  .len = bytes,
                                  .id = static_cast<uint16_t>(9 + wrong),
                                  .flags = virtio_user::kPackedFlagAvail |
                                           virtio_user::kPackedFlagUsed});
      return;
    }
    Put(layout.device + virtio_user::kUsedRingOffset +
            begin_.index % kNum * sizeof(VirtqUsedElem),
        VirtqUsedElem{.id = wrong, .len = bytes});
    Put<uint16_t>(layout.device + virtio_user::kUsedIdxOffset, 0);
  }

  void Answer(uint8_t ack) {
    Buffer(kAck) = std::byte{ack};
    GiveBack();
  }

  ServedRing::Judged After(const ServedCall& call,
                           const DriverWord* word = nullptr) {
    return ring_->After(
        call, word,
        [](const SeenChain& chain, const SeenChain* with_word,
           uint32_t bytes) -> std::optional<WrittenAck> {
          if (bytes == 0) return std::nullopt;
          // The answer to a request is its second byte and one.
          const auto ack = [](const SeenChain& it) {
            return static_cast<uint8_t>(std::to_integer<int>(it.Request()[1]) +
                                        1);
          };
          return WrittenAck{ack(chain), ack(with_word ? *with_word : chain)};
        });
  }

  RingMemory memory_;
  RingPosition begin_;
  std::optional<ServedRing> ring_;
  static constexpr ServedCall kServed = {.chains = 1, .drained = true};
};

TEST_P(ServedRingTest, AChainThatWasServed_IsAccepted) {
  Answer(kOld + 1);
  EXPECT_EQ(After(kServed), ServedRing::Judged::kAll);
  // Once more, there is nothing.
  ring_->Before();
  EXPECT_EQ(After({.chains = 0, .drained = true}), ServedRing::Judged::kAll);
}

TEST_P(ServedRingTest, EachThingThatIsWrong_IsFound) {
  const auto found = [&](const std::string& checker, const auto& device,
                         const ServedCall& call) {
    EXPECT_DEATH(
        {
          device();
          After(call);
        },
        "finding: " + checker);
  };
  const auto nothing = [] {};
  const auto right = [&] { Answer(kOld + 1); };
  found("offered", nothing, {.chains = 0, .drained = true});
  found("offered", nothing, {.chains = 0, .broken = true});
  // A used element without its index; no descriptor that is used.
  found(packed() ? "one-used-element" : "nothing-else", nothing, kServed);
  found(packed() ? "one-used-element" : "offered", right,
        {.chains = 2, .drained = true});
  found("nothing-else", [&] { Answer(kOld); }, kServed);
  found("nothing-else", [&] { GiveBack(); }, kServed);
  found("element", [&] { GiveBack(1, 1); }, kServed);
  const auto changed = [&](std::byte& place) {
    found(
        "nothing-else",
        [&] {
          Answer(kOld + 1);
          place ^= std::byte{1};
        },
        kServed);
  };
  changed(Buffer(kRequest));
  changed(*(memory_.layout().desc + 3 * sizeof(VirtqDesc)));
  changed(*memory_.layout().driver);
  changed(*memory_.layout().device);
  // The driver wants to be told of each.
  found("interrupt", right,
        {.chains = 1, .drained = true, .wants_interrupt = false});
  ring_->AfterOthers({.chains = 0, .broken = true});
  if (packed()) return;  // Then nobody knows how far the device is.
  ring_->Before();
  found("broken-for-good", right, kServed);
}

// The driver writes the request's second byte while it is being served.
class ServedWhileWrittenTest : public ServedRingTest {
 protected:
  ServedWhileWrittenTest() {
    ring_then_.assign(memory_.ring().begin(), memory_.ring().end());
    word_ = {.at = kRequest + 1,
             .before = std::span(&kOldByte, 1),
             .after = std::span(&kNewByte, 1),
             .ring = ring_then_};
  }

  static constexpr std::byte kOldByte{kOld};
  static constexpr std::byte kNewByte{kNew};
  std::vector<std::byte> ring_then_;
  DriverWord word_;
};

TEST_P(ServedWhileWrittenTest, WhatWasThereBefore_MayBeServed) {
  Buffer(kRequest + 1) = kNewByte;
  Answer(kOld + 1);
  EXPECT_EQ(After(kServed, &word_), ServedRing::Judged::kAll);
}

TEST_P(ServedWhileWrittenTest, WhatWasWritten_MayBeServed) {
  Buffer(kRequest + 1) = kNewByte;
  Answer(kNew + 1);
  EXPECT_EQ(After(kServed, &word_), ServedRing::Judged::kWithWord);
}

TEST_P(ServedWhileWrittenTest, WhatOneLoadAloneSaw_MayBeServed) {
  word_.stays = false;
  Answer(kNew + 1);
  EXPECT_EQ(After(kServed, &word_), ServedRing::Judged::kWithWord);
}

TEST_P(ServedWhileWrittenTest, AnythingElseIsFound) {
  const auto found = [&](uint8_t request, uint8_t ack) {
    EXPECT_DEATH(
        {
          Buffer(kRequest + 1) = std::byte{request};
          Answer(ack);
          After(kServed, &word_);
        },
        "finding: nothing-else");
  };
  found(kNew, kNew + 2);
  found(kOld, kOld + 1);  // It was written, and stays.
  word_.stays = false;
  found(kNew, kNew + 1);
}

// A chain that was given back before has not seen it.
TEST_P(ServedWhileWrittenTest, AChainThatWasServedBefore_IsAsItWas) {
  Answer(kNew + 1);
  ring_then_.assign(memory_.ring().begin(), memory_.ring().end());
  word_.ring = ring_then_;
  Buffer(kRequest + 1) = kNewByte;
  EXPECT_DEATH(After(kServed, &word_), "finding: nothing-else");
  Answer(kOld + 1);
  EXPECT_EQ(After(kServed, &word_), ServedRing::Judged::kAll);
}

TEST_P(ServedWhileWrittenTest, WhereTheAnswerGoes_NothingIsKnown) {
  word_.at = kAck;
  Answer(kOld + 7);
  EXPECT_EQ(After(kServed, &word_), ServedRing::Judged::kNot);
  // The ring is judged all the same.
  EXPECT_DEATH(
      {
        ring_->Before();
        After(kServed);
      },
      packed() ? "finding: one-used-element" : "finding: offered");
}

std::string NameOf(const testing::TestParamInfo<RingFormat>& info) {
  return info.param == RingFormat::kPacked ? "Packed" : "Split";
}

const auto kFormats = testing::Values(RingFormat::kSplit, RingFormat::kPacked);
INSTANTIATE_TEST_SUITE_P(Rings, ServedRingTest, kFormats, NameOf);
INSTANTIATE_TEST_SUITE_P(Rings, ServedWhileWrittenTest, kFormats, NameOf);

}  // namespace
}  // namespace fuzz
