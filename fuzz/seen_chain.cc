// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/seen_chain.h"

#include <algorithm>

#include "fuzz/reader.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {
namespace {

using virtio_user::PackedDesc;
using virtio_user::RingFormat;
using virtio_user::RingPosition;
using virtio_user::VirtqDesc;

constexpr uint16_t kNext = virtio_user::kDescFlagNext;
constexpr uint16_t kWrite = virtio_user::kDescFlagWrite;
constexpr uint16_t kIndirect = virtio_user::kDescFlagIndirect;
constexpr size_t kDescBytes = sizeof(VirtqDesc);

class Walk {
 public:
  Walk(const RingImage& image, SeenChain& chain)
      : image_(image), chain_(chain) {
    chain.well_formed = chain.plain = chain.readable = chain.ends = true;
    chain.too_long = false;
    chain.request_bytes = 0;
    chain.first_writable.reset();
    chain.descriptors = 1;
  }

  void Split(uint16_t head) {
    chain_.id = head;
    std::span<const std::byte> table = image_.desc;
    bool indirect = false;
    for (size_t index = head; parts_ < image_.num;) {
      if (index >= table.size() / kDescBytes) return Bad();
      const auto desc = ValueAt<VirtqDesc>(table, index * kDescBytes);
      if ((desc.flags & ~(kNext | kWrite | kIndirect)) != 0) {
        chain_.plain = false;
      }
      if ((desc.flags & kIndirect) != 0) {
        if (indirect || (desc.flags & kNext) != 0) return Bad();
        indirect = true;
        table = Table(desc.addr, desc.len);
        if (table.empty()) return Bad();
        index = 0;
        continue;
      }
      Add(desc.addr, desc.len, desc.flags);
      if (!chain_.well_formed || (desc.flags & kNext) == 0) return;
      index = desc.next;
    }
    Bad();
  }

  // Its descriptors stand one behind the other.
  void Packed(RingPosition head) {
    for (uint16_t count = 1; count <= image_.num; ++count) {
      const size_t behind = size_t{head.index} + count - 1;
      const bool round = behind >= image_.num;
      const RingPosition at = {
          static_cast<uint16_t>(round ? behind - image_.num : behind),
          head.wrap != round};
      if (!IsAvailable(image_, at)) return HasNoEnd();
      const auto desc = ValueAt<PackedDesc>(image_.desc, at.index * kDescBytes);
      const bool more = (desc.flags & kNext) != 0;
      chain_.id = desc.id;
      chain_.descriptors = count;
      if ((desc.flags & kIndirect) == 0) {
        Add(desc.addr, desc.len, desc.flags);
      } else if (more || count > 1) {
        Bad();
      } else {
        PackedTable(Table(desc.addr, desc.len));
      }
      if (!more) return;
    }
    HasNoEnd();
  }

 private:
  void Bad() { chain_.well_formed = false; }
  void HasNoEnd() { chain_.ends = chain_.well_formed = false; }

  void PackedTable(std::span<const std::byte> table) {
    const size_t count = table.size() / kDescBytes;
    if (count == 0 || count > image_.num) return Bad();
    for (size_t i = 0; i < count; ++i) {
      const auto desc = ValueAt<PackedDesc>(table, i * kDescBytes);
      Add(desc.addr, desc.len, desc.flags);
    }
  }

  std::optional<size_t> OffsetOf(uint64_t addr, uint32_t bytes) const {
    const uint64_t offset = addr - RingMemory::kBase;
    if (offset > image_.buffers.size() ||
        bytes > image_.buffers.size() - offset) {
      return std::nullopt;
    }
    return offset;
  }

  // Empty: there is none.
  std::span<const std::byte> Table(uint64_t addr, uint32_t bytes) const {
    const auto offset = OffsetOf(addr, bytes);
    if (!offset || bytes % kDescBytes != 0) return {};
    return image_.buffers.subspan(*offset, bytes);
  }

  void Add(uint64_t addr, uint32_t bytes, uint16_t flags) {
    const auto offset = OffsetOf(addr, bytes);
    ++parts_;
    if (!offset || bytes == 0) chain_.plain = false;
    if ((flags & kWrite) != 0) {
      if (bytes != 0 && !writable_) chain_.first_writable = offset;
      writable_ = writable_ || bytes != 0;
      behind_ = true;
      return;
    }
    if (behind_) return Bad();
    if (bytes == 0) return;
    if (!offset) {
      chain_.readable = false;
      return;
    }
    chain_.too_long =
        chain_.too_long || bytes > chain_.request.size() - chain_.request_bytes;
    if (chain_.too_long) return;
    std::ranges::copy(image_.buffers.subspan(*offset, bytes),
                      chain_.request.begin() +
                          static_cast<std::ptrdiff_t>(chain_.request_bytes));
    chain_.request_bytes += bytes;
  }

  const RingImage& image_;
  SeenChain& chain_;
  size_t parts_ = 0;
  bool behind_ = false;    // A writable part was there.
  bool writable_ = false;  // One that is not empty.
};

}  // namespace

bool IsAvailable(const RingImage& image, RingPosition at) {
  const auto flags =
      ValueAt<PackedDesc>(image.desc, at.index * kDescBytes).flags;
  return ((flags & virtio_user::kPackedFlagAvail) != 0) == at.wrap &&
         ((flags & virtio_user::kPackedFlagUsed) != 0) != at.wrap;
}

void SeeChain(const RingImage& image, RingPosition head, SeenChain& chain) {
  Walk walk(image, chain);
  image.format == RingFormat::kPacked ? walk.Packed(head)
                                      : walk.Split(head.index);
}

}  // namespace fuzz
