// SPDX-License-Identifier: BSD-3-Clause
//
// A driver of the control queue that cuts its requests into descriptors as it
// pleases.

#ifndef TESTS_CONTROL_SUPPORT_H_
#define TESTS_CONTROL_SUPPORT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tests/fakes/wire_bytes.h"
#include "tests/ring_support.h"
#include "virtio_user/device/control_queue.h"

namespace virtio_user {

// How a request lies in descriptors.
struct Framing {
  std::vector<uint32_t>
      readable{};  // Bytes of each; they sum up to the request.
  std::vector<uint32_t> writable{};
  // So many descriptors stand in the ring, the rest in an indirect table that
  // one more names. Nothing: all stand in the ring.
  std::optional<size_t> before_table{};
};

// A device that can do whatever it is asked.
inline ControlTarget WillingTarget(FeatureSet accepted, ControlState& state) {
  static constexpr auto kPairs = [](uint16_t) -> Result<void> { return {}; };
  static constexpr auto kOffloads = [](FeatureSet) -> Result<void> {
    return {};
  };
  static constexpr auto kAnnounce = [] {};
  return {.accepted = accepted,
          .state = state,
          .set_queue_pairs = kPairs,
          .set_guest_offloads = kOffloads,
          .clear_announce = kAnnounce};
}

// A device's control queue in plain memory whose device addresses are no
// pointers, and the driver's hands.
class ControlRig {
 public:
  explicit ControlRig(RingFormat format = RingFormat::kSplit)
      : layout_(TakeRing(arena_, kNum, format)) {}

  static constexpr uint16_t kNum = 32;
  static constexpr uint16_t kMaxPairs = 4;
  static constexpr std::byte kUntouched{0xee};

  bool packed() const { return layout_.format == RingFormat::kPacked; }
  // Served so far from index 0 on.
  ControlQueue& queue() { return queue_; }
  const BareRing& bare() const { return bare_; }
  const RingLayout& layout() const { return layout_; }
  TestArena& arena() { return arena_; }
  const TestArena& arena() const { return arena_; }
  std::span<std::byte> buffers() { return buffers_; }
  std::span<std::byte> table() { return table_; }

  FeatureSet accepted = {
      Feature::kNetCtrlRx,      Feature::kNetCtrlMacAddr,
      Feature::kNetCtrlVlan,    Feature::kNetMq,
      Feature::kNetCtrlRxExtra, Feature::kNetCtrlGuestOffloads,
      Feature::kNetGuestCsum,   Feature::kNetGuestAnnounce};
  ControlState state;
  uint16_t pairs = 1;
  std::optional<FeatureSet> offloads;
  bool announce = true;
  bool refuse_pairs = false;

  Result<size_t> Serve() {
    const auto set_pairs = [this](uint16_t wanted) -> Result<void> {
      if (refuse_pairs || wanted > kMaxPairs) {
        return Fail(ErrorCode::kInvalidArgument, "no");
      }
      pairs = wanted;
      return {};
    };
    const auto set_offloads = [this](FeatureSet wanted) -> Result<void> {
      offloads = wanted;
      return {};
    };
    const auto clear_announce = [this] { announce = false; };
    const auto resolve = [this](DeviceBuffer buffer) {
      return arena_.Resolve(buffer);
    };
    return queue_.Serve(resolve, {.accepted = accepted,
                                  .state = state,
                                  .set_queue_pairs = set_pairs,
                                  .set_guest_offloads = set_offloads,
                                  .clear_announce = clear_announce});
  }

  // Makes `head` the next available one.
  void Offer(uint16_t head) {
    const uint16_t index = bare_.avail_idx();
    bare_.SetAvail(index, head);
    bare_.set_avail_idx(static_cast<uint16_t>(index + 1));
  }

  // Writes `request` into fresh buffers, chains them from descriptor `head` on
  // and offers it; packed: as the list with the id `head`, which has no table
  // or nothing else. All writable bytes are kUntouched.
  void OfferRequest(uint16_t head, const Framing& framing,
                    std::span<const std::byte> request) {
    std::memset(buffers_.data(), static_cast<int>(kUntouched), buffers_.size());
    next_byte_ = 1;
    chain_.clear();
    writable_.clear();
    for (const uint32_t bytes : framing.readable) {
      const std::span<std::byte> place = Place(bytes);
      std::ranges::copy(request.first(bytes), place.begin());
      request = request.subspan(bytes);
      Append(place, 0);
    }
    for (const uint32_t bytes : framing.writable) {
      const std::span<std::byte> place = Place(bytes);
      for (std::byte& byte : place) writable_.push_back(&byte);
      Append(place, kDescFlagWrite);
    }
    const size_t in_ring = framing.before_table.value_or(chain_.size());
    const bool has_table = framing.before_table.has_value();
    if (has_table) PutTable(in_ring);
    if (packed()) {
      OfferPacked(head, in_ring, has_table);
      return;
    }
    Chain(head, in_ring, has_table);
    Offer(head);
  }

  // Packed: makes a list of `descs` available, flags as given.
  void OfferList(uint16_t id, std::vector<PackedDesc> descs) {
    for (size_t i = 0; i < descs.size(); ++i) {
      PackedDesc desc = descs[i];
      desc.id = id;
      if (i + 1 < descs.size()) desc.flags |= kDescFlagNext;
      desc.flags |= BarePacked::AvailIn(avail_.wrap);
      BarePacked(layout_).SetDesc(avail_.index, desc);
      Skip(1, avail_);
    }
    list_sizes_.push_back(static_cast<uint16_t>(descs.size()));
  }

  // The used elements that came since the last call.
  std::vector<VirtqUsedElem> TakeUsed() {
    std::vector<VirtqUsedElem> used;
    while (!packed() && split_used_ != bare_.used_idx()) {
      used.push_back(bare_.Used(split_used_++));
    }
    while (packed() && !list_sizes_.empty()) {
      const PackedDesc desc = BarePacked(layout_).Desc(used_.index);
      if ((desc.flags & 0x8080) != BarePacked::UsedIn(used_.wrap)) break;
      const bool has_length = (desc.flags & kDescFlagWrite) != 0;
      used.push_back({desc.id, has_length ? desc.len : 0});
      Skip(list_sizes_.front(), used_);
      list_sizes_.pop_front();
    }
    return used;
  }

  // The writable bytes of the last request, in order.
  Bytes Written() const {
    Bytes bytes;
    for (const std::byte* const at : writable_) bytes.push_back(*at);
    return bytes;
  }
  // Of the last request: the number of its buffers.
  size_t ChainLength() const { return chain_.size(); }

  // Everything that the driver alone writes: table and available ring; packed:
  // its event area.
  Bytes DriverMemory() const {
    return {packed() ? layout_.driver : layout_.desc,
            layout_.driver + layout_.DriverBytes()};
  }
  // The used ring.
  Bytes DeviceMemory() const {
    return {layout_.device, layout_.device + UsedRingBytes(kNum)};
  }
  // The used element that was pushed last.
  VirtqUsedElem LastUsed() const { return bare_.Used(bare_.used_idx() - 1u); }

 private:
  // Each buffer ends a byte before the next one begins.
  std::span<std::byte> Place(uint32_t bytes) {
    const std::span<std::byte> place = buffers_.subspan(next_byte_, bytes);
    next_byte_ += bytes + 1;
    return place;
  }
  void Append(std::span<std::byte> place, uint16_t flags) {
    // An empty buffer is nowhere.
    const uint64_t addr = place.empty() ? 0 : arena_.Addr(place.data()).value;
    chain_.push_back({addr, static_cast<uint32_t>(place.size()), flags, 0});
  }
  void Chain(uint16_t head, size_t in_ring, bool has_table) {
    uint16_t index = head;
    for (size_t i = 0; i < in_ring; ++i) {
      const auto next = static_cast<uint16_t>((index + 5) % kNum);
      VirtqDesc desc = chain_[i];
      if (i + 1 < in_ring || has_table) desc.flags |= kDescFlagNext;
      desc.next = next;
      bare_.SetDesc(index, desc);
      index = next;
    }
    if (has_table) bare_.SetDesc(index, TableDesc(in_ring));
  }
  // Split and packed: the descriptors of chain_ from `in_ring` on.
  void PutTable(size_t in_ring) {
    const size_t count = chain_.size() - in_ring;
    for (size_t i = 0; i < count; ++i) {
      VirtqDesc desc = chain_[in_ring + i];
      if (packed()) {  // {id, flags}, and NEXT has no meaning.
        desc.next = std::exchange(desc.flags, uint16_t{0xbeef});
      } else {
        desc.next = static_cast<uint16_t>(i + 1);
        if (i + 1 < count) desc.flags |= kDescFlagNext;
      }
      std::memcpy(table_.data() + i * sizeof(desc), &desc, sizeof(desc));
    }
  }
  VirtqDesc TableDesc(size_t in_ring) const {
    const size_t count = chain_.size() - in_ring;
    return {arena_.Addr(table_.data()).value,
            static_cast<uint32_t>(count * sizeof(VirtqDesc)), kDescFlagIndirect,
            0};
  }
  void OfferPacked(uint16_t id, size_t in_ring, bool has_table) {
    std::vector<PackedDesc> descs;
    for (size_t i = 0; i < in_ring; ++i) {
      descs.push_back({chain_[i].addr, chain_[i].len, 0, chain_[i].flags});
    }
    if (has_table) {
      const VirtqDesc desc = TableDesc(in_ring);
      descs.push_back({desc.addr, desc.len, 0, desc.flags});
    }
    OfferList(id, std::move(descs));
  }
  static void Skip(uint16_t count, RingPosition& at) {
    for (uint16_t i = 0; i < count; ++i) {
      at.index = static_cast<uint16_t>((at.index + 1) % kNum);
      if (at.index == 0) at.wrap = !at.wrap;
    }
  }

  TestArena arena_{ArenaBytes(kNum, 32768)};
  RingLayout layout_;
  BareRing bare_{layout_};
  RingPosition avail_;  // Packed.
  RingPosition used_;
  std::deque<uint16_t> list_sizes_;
  uint16_t split_used_ = 0;
  std::span<std::byte> table_ = arena_.Take(1024);
  std::span<std::byte> buffers_ = arena_.Take(2048);
  ControlQueue queue_{layout_};
  std::vector<VirtqDesc> chain_;
  std::vector<const std::byte*> writable_;
  size_t next_byte_ = 0;
};

}  // namespace virtio_user

#endif  // TESTS_CONTROL_SUPPORT_H_
