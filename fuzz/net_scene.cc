// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/net_scene.h"

#include <algorithm>
#include <array>
#include <bitset>

#include "fuzz/finding.h"
#include "tests/net_layouts.h"
#include "virtio_user/base/check.h"
#include "virtio_user/net/vlan.h"

namespace fuzz {

using virtio_user::BufferPool;
using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::NetLayout;
using virtio_user::NetQueueStats;
using virtio_user::Offload;
using virtio_user::Packet;
using virtio_user::RingFormat;

namespace {

constexpr int kTagBytes = 4;

// A layout, with all that may be said in a header but for `offloads`, or with
// those alone.
FeatureSet FeaturesOf(uint8_t choice, uint8_t offloads) {
  static const std::vector<NetLayout> kLayouts = virtio_user::AllLayouts();
  static const std::array<FeatureSet, 8> kOffloads = {
      FeatureSet{Feature::kNetCsum},
      FeatureSet{Feature::kNetHostTso4, Feature::kNetHostTso6},
      FeatureSet{Feature::kNetHostEcn},
      FeatureSet{Feature::kNetGuestCsum},
      FeatureSet{Feature::kNetGuestTso4, Feature::kNetGuestTso6},
      FeatureSet{Feature::kNetGuestEcn},
      FeatureSet{Feature::kNetHostUso},
      FeatureSet{Feature::kNetGuestUso4, Feature::kNetGuestUso6}};
  FeatureSet features = kLayouts[choice % 16 % kLayouts.size()].features;
  const auto wanted =
      static_cast<uint8_t>(offloads ^ ((choice & 0x10) != 0 ? 0xff : 0));
  for (size_t i = 0; i < kOffloads.size(); ++i) {
    if ((wanted >> i & 1) != 0) features = features | kOffloads[i];
  }
  if ((choice & 0x20) != 0) features.Add(Feature::kIndirectDesc);
  if ((choice & 0x40) != 0) features.Add(Feature::kOrderPlatform);
  return features;
}

// virtio: "Device Operation", struct virtio_net_hdr.
uint32_t HeaderBytesOf(FeatureSet features) {
  if (features.Has(Feature::kNetHashReport)) return 20;
  return features.Has(Feature::kVersion1) || features.Has(Feature::kNetMrgRxbuf)
             ? 12
             : 10;
}

OfferKind KindOf(FeatureSet features, Direction direction) {
  return {.device_writes = direction == Direction::kReceive,
          .indirect = features.Has(Feature::kIndirectDesc),
          .in_order = features.Has(Feature::kInOrder),
          .header_bytes = HeaderBytesOf(features)};
}

// "Legacy Interface: Framing Requirements": a header has a descriptor of its
// own, unless frames may have several buffers, of which one alone has a header.
bool HeaderIsApart(FeatureSet features) {
  return !features.HasAny(
      {Feature::kVersion1, Feature::kAnyLayout, Feature::kNetMrgRxbuf});
}

RxChecks::Terms RxTermsOf(FeatureSet features) {
  const uint32_t header_bytes = HeaderBytesOf(features);
  return {.frames = {.accepted = features,
                     .header_bytes = header_bytes,
                     .buffer_bytes = NetMemory::kBufferBytes},
          .room_bytes =
              NetMemory::kBufferBytes - BufferPool::kHeadroom + header_bytes,
          .descriptors = HeaderIsApart(features) ? uint16_t{2} : uint16_t{1}};
}

// Bytes that differ from place to place.
const std::array<std::byte, 2048>& Pattern() {
  static const auto kPattern = [] {
    std::array<std::byte, 2048> bytes;
    uint32_t state = 1;
    for (std::byte& byte : bytes) {
      state = state * 1664525 + 1013904223;
      byte = static_cast<std::byte>(state >> 24);
    }
    return bytes;
  }();
  return kPattern;
}

// What is asked of a packet: what can be, or anything.
Offload OffloadFrom(Reader& input) {
  Offload offload;
  const uint8_t what = input.Byte();
  offload.checksum = static_cast<virtio_user::Checksum>(what % 3);
  offload.segmentation = static_cast<virtio_user::Segmentation>(what / 3 % 4);
  offload.ecn = what >= 0x80;
  offload.csum_start = input.Byte();
  offload.csum_offset = input.Byte();
  offload.segment_bytes = input.Word();
  offload.header_bytes = input.Byte();
  return offload;
}

}  // namespace

NetScene::Choice::Choice(Reader& input)
    : Choice{input.Byte(), input.Byte(), input.Byte()} {}

// The way round an index takes long: it is gone with scratch memory, without
// the platform's barriers, in rings of 8 and 16, so that it is gone seldom. A
// packed ring's places come round by themselves.
NetScene::Choice::Choice(uint8_t what, uint8_t ring, uint8_t offloads)
    : passed((ring & 0x40) != 0 &&
             !FeaturesOf(what, 0).Has(Feature::kRingPacked)),
      scratch(passed || (what & 0x80) != 0),
      unlaned((ring & 0x20) != 0),
      left(static_cast<uint16_t>(1 + offloads % kMostLeft)),
      features(passed ? FeaturesOf(what & 0x3f, 0)
                      : FeaturesOf(what, offloads)),
      memory(NetMemory::Wiped(features.Has(Feature::kRingPacked)
                                  ? RingFormat::kPacked
                                  : RingFormat::kSplit,
                              passed ? ring | 2 : ring)) {
  memory.fd_ops().refuse = (ring & 0x80) != 0;
}

NetScene::NetScene(Reader& input, Direction direction)
    : NetScene(Choice(input), direction) {}

NetScene::NetScene(const Choice& choice, Direction direction)
    : held(choice.memory.held()),
      choice_(choice),
      direction_(direction),
      kind_(KindOf(choice.features, direction)),
      shared_(choice.memory.shared()),
      pool_(choice.memory.pool()),
      sent_(choice.features, HeaderBytesOf(choice.features)),
      rx_(shared_, kind_, RxTermsOf(choice.features)),
      tx_(shared_, kind_,
          {.accepted = choice.features,
           .header_bytes = HeaderBytesOf(choice.features),
           .num = shared_.layout.num,
           .scratch = choice.scratch}),
      device_(shared_, kind_, direction == Direction::kSend ? &sent_ : nullptr),
      kicks_(shared_, choice.memory.fd_ops()),
      peer_(shared_.ring, shared_.buffers) {
  options_.features = choice.features;
  if (choice.scratch) {
    options_.scratch = shared_.scratch;
    options_.scratch_addr = {shared_.scratch_addr};
  }
}

void NetScene::BeginAt(virtio_user::RingPosition at) {
  device_.Restart(at);
  rx_.chains().Restart(at);
  tx_.chains().Restart(at);
  // What waits in the ring already.
  if (direction_ == Direction::kReceive) rx_.chains().TakeNew();
}

std::unique_ptr<virtio_user::RxQueue> NetScene::Make(
    std::type_identity<virtio_user::RxQueue>) {
  virtio_user::VringState& vring = choice_.memory.vring();
  if (choice_.unlaned) {
    return MakeUnlanedRx(vring, choice_.memory.pool(), options_);
  }
  auto made = virtio_user::RxQueue::Create(vring, pool_, options_);
  Expect(made.has_value(), "create", "refused");
  return *std::move(made);
}

std::unique_ptr<virtio_user::TxQueue> NetScene::Make(
    std::type_identity<virtio_user::TxQueue>) {
  virtio_user::VringState& vring = choice_.memory.vring();
  if (choice_.unlaned) {
    return MakeUnlanedTx(vring, choice_.memory.pool(), options_);
  }
  auto made = virtio_user::TxQueue::Create(vring, pool_, options_);
  Expect(made.has_value(), "create", "refused");
  return *std::move(made);
}

void NetScene::FreeHeld() {
  for (const Packet& packet : held) pool_.Free(packet);
  held.clear();
}

void NetScene::MakePacket(Reader& input) {
  constexpr size_t kMostBytes = 1024;
  const uint8_t how = input.Byte();
  const size_t bytes = how % 4 == 0 ? 1 + input.Word() % kMostBytes : 60;
  auto packet = pool_.Make(std::span(Pattern()).subspan(how, bytes));
  if (!packet) return;
  const size_t room = std::min<size_t>(bytes, pool_.room_bytes());
  tx_.rule().Made(*packet, static_cast<uint32_t>(bytes - room));
  if ((how & 4) != 0) {
    // A tag in front is there no longer, or one was added.
    const auto front =
        static_cast<uint16_t>(input.Byte() % (BufferPool::kHeadroom + room));
    packet->bytes = packet->bytes + packet->offset - front;
    packet->offset = front;
  }
  if ((how & 8) != 0) pool_.SetOffload(*packet, OffloadFrom(input));
  held.push_back(*packet);
}

void NetScene::MoveTags(Reader& input) {
  const uint8_t how = input.Byte();
  if (how % 4 < 2) return;
  During(input, [&] {
    for (Packet& packet : held) {
      const uint32_t bytes = packet.bytes;
      const int moved =
          how % 4 == 2
              ? (virtio_user::StripVlan(pool_, packet) ? -kTagBytes : 0)
              : (virtio_user::InsertVlan(pool_, packet, how) ? kTagBytes : 0);
      Expect(packet.bytes == bytes + static_cast<uint32_t>(moved), "tag",
             "another length than it says");
    }
    return held.size();
  });
}

void NetScene::CheckHeader(const Packet& packet) const {
  const size_t header_bytes = HeaderBytesOf(options_.features);
  const std::span header(pool_.Front(packet).data() - header_bytes,
                         header_bytes);
  const auto must = OffloadOf(header, packet.bytes, options_.features);
  Expect(must.has_value(), "header", "a frame that no device may hand on");
  Expect(*must == pool_.offload(packet), "header",
         "another than the device wrote");
  const bool mergeable = options_.features.Has(Feature::kNetMrgRxbuf);
  Expect(packet.buffer_count == (mergeable ? ValueAt<uint16_t>(header, 10) : 1),
         "header", "another count of buffers");
}

void NetScene::CheckBuffers(size_t in_ring) {
  size_t out = in_ring;
  for (const Packet& packet : held) out += packet.buffer_count;
  Expect(pool_.size() - pool_.free_count() == out, "buffers",
         "one is lost, or in two places");
}

void NetScene::CheckInFlight(size_t packets) {
  size_t out = pool_.size() - pool_.free_count();
  for (const Packet& packet : held) out -= packet.buffer_count;
  Expect(out >= packets && (packets != 0 || out == 0), "buffers",
         "one is lost, or in two places");
}

void NetScene::CheckKicks(const NetQueueStats& before,
                          const NetQueueStats& after, int kicks) const {
  const auto must = static_cast<uint64_t>(kicks);
  Expect(after.kicks - before.kicks == must, "counters", "not each kick");
  Expect(
      after.failed_kicks - before.failed_kicks == (kicks_.refused() ? must : 0),
      "counters", "not each kick that failed");
}

// "Used Buffer Notification Suppression": VIRTQ_AVAIL_F_NO_INTERRUPT. Packed:
// RING_EVENT_FLAGS_DISABLE or _ENABLE, in the second word.
void NetScene::CheckInterrupts() const {
  if (!known()) return;
  const auto& layout = shared_.layout;
  const bool packed = layout.format == RingFormat::kPacked;
  const auto flags = ValueAt<uint16_t>({layout.driver, 4}, packed ? 2 : 0);
  Expect(flags == (quiet_ ? 1 : 0), "interrupts", "not as they were asked for");
}

void NetScene::CheckBroken(const std::optional<Error>& broken) {
  if (!broken) {
    return Expect(broken_.empty(), "broken-for-good", "it goes on");
  }
  Expect(broken->code() == ErrorCode::kProtocol, "broken",
         "not called the device's fault");
  Expect(!broken->text().empty(), "broken", "no reason");
  Expect(broken_.empty() || broken_ == broken->text(), "broken-for-good",
         "for another reason than before");
  broken_ = broken->text();
}

void NetScene::TakeAllBack() {
  broken_.clear();
  FreeHeld();
  Expect(pool_.free_count() == pool_.size(), "buffers", "one is lost");
  BeginAt({});
}

void NetScene::CheckAllFree() {
  constexpr std::byte kFrame[1] = {};
  std::bitset<NetMemory::kBuffers> seen;
  for (uint32_t i = 0; i < pool_.size(); ++i) {
    const auto packet = pool_.Make(kFrame);
    Expect(packet.has_value() && packet->buffer < NetMemory::kBuffers &&
               !seen[packet->buffer],
           "buffers", "one is free twice");
    seen.set(packet->buffer);
    held.push_back(*packet);
  }
  FreeHeld();
}

}  // namespace fuzz
