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
#include <optional>
#include <span>
#include <vector>

#include "tests/fakes/wire_bytes.h"
#include "tests/ring_support.h"
#include "virtio_user/device/control_queue.h"

namespace virtio_user {

// How a request lies in descriptors.
struct Framing {
  std::vector<uint32_t> readable;  // Bytes of each; they sum up to the request.
  std::vector<uint32_t> writable;
  // So many descriptors stand in the ring, the rest in an indirect table that
  // one more names. Nothing: all stand in the ring.
  std::optional<size_t> before_table;
};

// A device's control queue in plain memory whose device addresses are no
// pointers, and the driver's hands.
class ControlRig {
 public:
  static constexpr uint16_t kNum = 32;
  static constexpr uint16_t kMaxPairs = 4;
  static constexpr std::byte kUntouched{0xee};

  // Served so far from index 0 on.
  ControlQueue& queue() { return queue_; }
  const BareRing& bare() const { return bare_; }
  const RingLayout& layout() const { return layout_; }
  TestArena& arena() { return arena_; }
  std::span<std::byte> buffers() { return buffers_; }
  std::span<std::byte> table() { return table_; }

  FeatureSet accepted = {Feature::kNetCtrlRx, Feature::kNetCtrlMacAddr,
                         Feature::kNetCtrlVlan, Feature::kNetMq};
  ControlState state;
  uint16_t pairs = 1;
  bool refuse_pairs = false;

  Result<size_t> Serve() {
    const auto set_pairs = [this](uint16_t wanted) -> Result<void> {
      if (refuse_pairs || wanted > kMaxPairs) {
        return Fail(ErrorCode::kInvalidArgument, "no");
      }
      pairs = wanted;
      return {};
    };
    const auto resolve = [this](DeviceBuffer buffer) {
      return arena_.Resolve(buffer);
    };
    return queue_.Serve(
        resolve,
        {.accepted = accepted, .state = state, .set_queue_pairs = set_pairs});
  }

  // Makes `head` the next available one.
  void Offer(uint16_t head) {
    const uint16_t index = bare_.avail_idx();
    bare_.SetAvail(index, head);
    bare_.set_avail_idx(static_cast<uint16_t>(index + 1));
  }

  // Writes `request` into fresh buffers, chains them from descriptor `head` on
  // and offers it. All writable bytes are kUntouched.
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
    Chain(head, framing.before_table.value_or(chain_.size()),
          framing.before_table.has_value());
    Offer(head);
  }

  // The writable bytes of the last request, in order.
  Bytes Written() const {
    Bytes bytes;
    for (const std::byte* const at : writable_) bytes.push_back(*at);
    return bytes;
  }
  // Of the last request: the number of its buffers.
  size_t ChainLength() const { return chain_.size(); }

  // Everything that the driver owns: table and available ring.
  Bytes DriverMemory() const {
    return {layout_.desc, layout_.driver + AvailRingBytes(kNum)};
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
    if (!has_table) return;
    const size_t count = chain_.size() - in_ring;
    for (size_t i = 0; i < count; ++i) {
      VirtqDesc desc = chain_[in_ring + i];
      desc.next = static_cast<uint16_t>(i + 1);
      if (i + 1 < count) desc.flags |= kDescFlagNext;
      std::memcpy(table_.data() + i * sizeof(desc), &desc, sizeof(desc));
    }
    bare_.SetDesc(index, {arena_.Addr(table_.data()).value,
                          static_cast<uint32_t>(count * sizeof(VirtqDesc)),
                          kDescFlagIndirect, 0});
  }

  TestArena arena_{ArenaBytes(kNum, 32768)};
  RingLayout layout_ = TakeRing(arena_, kNum);
  BareRing bare_{layout_};
  std::span<std::byte> table_ = arena_.Take(1024);
  std::span<std::byte> buffers_ = arena_.Take(2048);
  ControlQueue queue_{layout_};
  std::vector<VirtqDesc> chain_;
  std::vector<const std::byte*> writable_;
  size_t next_byte_ = 0;
};

}  // namespace virtio_user

#endif  // TESTS_CONTROL_SUPPORT_H_
