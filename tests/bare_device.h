// SPDX-License-Identifier: BSD-3-Clause
//
// A device of either ring format, typed from the spec and sharing no code with
// the project's device queues. Every access to the ring is atomic: it also
// runs on a thread of its own.

#ifndef TESTS_BARE_DEVICE_H_
#define TESTS_BARE_DEVICE_H_

#include <atomic>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "tests/ring_support.h"
#include "virtio_user/base/check.h"
#include "virtio_user/base/device_addr.h"
#include "virtio_user/ring/ring_layout.h"

namespace virtio_user {

struct SeenBuffer {
  DeviceBuffer buffer;
  bool writable = false;

  friend bool operator==(const SeenBuffer&, const SeenBuffer&) = default;
};

// A chain as a device finds it.
struct SeenChain {
  uint16_t id = 0;
  uint16_t count = 0;  // Its descriptors in the ring.
  bool indirect = false;
  std::vector<SeenBuffer> buffers;
};

class BareDevice {
 public:
  // What the device may reach.
  using Resolver = std::function<Result<std::span<std::byte>>(DeviceBuffer)>;

  BareDevice(const RingLayout& layout, Resolver resolve)
      : layout_(layout), resolve_(std::move(resolve)) {}
  BareDevice(const RingLayout& layout, const TestArena& arena)
      : BareDevice(layout, [&arena](DeviceBuffer buffer) {
          return arena.Resolve(buffer);
        }) {}

  // The next chain that is available.
  std::optional<SeenChain> Pop() { return packed() ? PopPacked() : PopSplit(); }

  // Gives a chain back. `bytes` is what the device says that it wrote.
  void Use(const SeenChain& chain, uint32_t bytes) {
    UseId(chain.id, bytes, packed() ? chain.count : uint16_t{1});
  }
  // In order: one element for all of them, with the length of the last.
  void UseBatch(std::span<const SeenChain> chains, uint32_t bytes) {
    uint16_t skip = 0;
    for (const SeenChain& chain : chains) {
      skip = static_cast<uint16_t>(skip + (packed() ? chain.count : 1));
    }
    UseId(chains.back().id, bytes, skip);
  }
  // The same for whatever id, going on by `skip` descriptors or elements.
  void UseId(uint32_t id, uint32_t bytes, uint16_t skip = 1) {
    if (packed()) {
      const uint16_t flags = used_wrap_ ? 0x8080 : 0;
      // WRITE says that `bytes` means something; a driver looks at neither.
      WriteTail(used_, {bytes, static_cast<uint16_t>(id),
                        static_cast<uint16_t>(flags | (bytes != 0 ? 2 : 0))});
      Pass(skip, used_, used_wrap_);
      return;
    }
    std::byte* const at = layout_.device + 4 + 8 * (used_ % layout_.num);
    Word<uint32_t>(at).store(id, std::memory_order_relaxed);
    Word<uint32_t>(at + 4).store(bytes, std::memory_order_relaxed);
    used_ += skip;
    SetUsedIndex(static_cast<uint16_t>(used_));
  }
  // Split.
  void SetUsedIndex(uint16_t index) {
    Word<uint16_t>(layout_.device + 2).store(index, std::memory_order_release);
  }

  void SuppressKicks(bool suppress) {
    Word<uint16_t>(layout_.device + (packed() ? 2 : 0)).store(suppress ? 1 : 0);
  }
  bool InterruptsSuppressed() const {
    return Word<uint16_t>(layout_.driver + (packed() ? 2 : 0)).load() == 1;
  }
  // A new device on a ring that is new.
  void Restart() {
    next_ = used_ = 0;
    wrap_ = used_wrap_ = true;
  }
  // The descriptor, or entry, that is popped next; free-running if split.
  uint32_t next() const { return next_; }
  // Where the next used element goes, likewise.
  uint32_t used() const { return used_; }

 private:
  struct Tail {
    uint32_t len;
    uint16_t id;
    uint16_t flags;
  };
  struct Desc {
    uint64_t addr;
    uint32_t len;
    uint16_t flags;
    uint16_t next;
  };

  template <typename T>
  static std::atomic_ref<T> Word(std::byte* at) {
    return std::atomic_ref<T>(*reinterpret_cast<T*>(at));
  }
  bool packed() const { return layout_.format == RingFormat::kPacked; }

  Tail ReadTail(uint32_t index) const {
    const uint64_t word = Word<uint64_t>(layout_.desc + 16 * index + 8)
                              .load(std::memory_order_acquire);
    Tail tail;
    std::memcpy(&tail, &word, sizeof(tail));
    return tail;
  }
  void WriteTail(uint32_t index, Tail tail) const {
    uint64_t word = 0;
    std::memcpy(&word, &tail, sizeof(word));
    Word<uint64_t>(layout_.desc + 16 * index + 8)
        .store(word, std::memory_order_release);
  }
  void Pass(uint32_t count, uint32_t& index, bool& wrap) const {
    for (; count != 0; --count) {
      if (++index == layout_.num) {
        index = 0;
        wrap = !wrap;
      }
    }
  }

  std::optional<SeenChain> PopPacked() {
    SeenChain chain;
    for (;;) {
      const Tail tail = ReadTail(next_);
      const bool avail = (tail.flags & 0x80) != 0;
      const bool used = (tail.flags & 0x8000) != 0;
      if (avail != wrap_ || used == wrap_) {
        VU_CHECK(chain.count == 0);  // All of a chain is published at once.
        return std::nullopt;
      }
      const uint64_t addr = Word<uint64_t>(layout_.desc + 16 * next_).load();
      ++chain.count;
      VU_CHECK(chain.count <= layout_.num);
      Pass(1, next_, wrap_);
      const DeviceBuffer buffer{{addr}, tail.len};
      if ((tail.flags & 4) != 0) {
        VU_CHECK(chain.count == 1 && (tail.flags & 3) == 0);
        ReadTable(buffer, chain);
      } else {
        chain.buffers.push_back({buffer, (tail.flags & 2) != 0});
      }
      chain.id = tail.id;
      if ((tail.flags & 1) == 0) return chain;
    }
  }

  std::optional<SeenChain> PopSplit() {
    const uint16_t index =
        Word<uint16_t>(layout_.driver + 2).load(std::memory_order_acquire);
    if (index == static_cast<uint16_t>(next_)) return std::nullopt;
    std::byte* const entry = layout_.driver + 4 + 2 * (next_ % layout_.num);
    SeenChain chain;
    chain.id = Word<uint16_t>(entry).load();
    ++next_;
    uint16_t at = chain.id;
    for (;;) {
      VU_CHECK(at < layout_.num && ++chain.count <= layout_.num);
      const Desc desc = ReadDesc(layout_.desc + 16 * at);
      const DeviceBuffer buffer{{desc.addr}, desc.len};
      if ((desc.flags & 4) != 0) {
        VU_CHECK(chain.count == 1 && (desc.flags & 3) == 0);
        ReadTable(buffer, chain);
      } else {
        chain.buffers.push_back({buffer, (desc.flags & 2) != 0});
      }
      if ((desc.flags & 1) == 0) return chain;
      at = desc.next;
    }
  }

  static Desc ReadDesc(std::byte* at) {
    const uint64_t words[] = {Word<uint64_t>(at).load(),
                              Word<uint64_t>(at + 8).load()};
    Desc desc;
    std::memcpy(&desc, words, sizeof(desc));
    return desc;
  }

  // Split tables are chained from 0 on, packed ones are just in a row.
  void ReadTable(DeviceBuffer table, SeenChain& chain) const {
    chain.indirect = true;
    const std::span<std::byte> memory = *resolve_(table);
    VU_CHECK(!memory.empty() && memory.size() % 16 == 0);
    for (size_t i = 0; i < memory.size() / 16; ++i) {
      const Desc desc = ReadDesc(memory.data() + 16 * i);
      const bool last = i + 1 == memory.size() / 16;
      // In a packed table the third word is the id, then come the flags.
      const uint16_t flags = packed() ? desc.next : desc.flags;
      if (!packed()) {
        VU_CHECK((flags & 1) == (last ? 0 : 1));
        VU_CHECK(last || desc.next == i + 1);
      } else {
        VU_CHECK((flags & ~2) == 0);
      }
      chain.buffers.push_back({{{desc.addr}, desc.len}, (flags & 2) != 0});
    }
  }

  const RingLayout layout_;
  const Resolver resolve_;
  uint32_t next_ = 0;
  uint32_t used_ = 0;
  bool wrap_ = true;
  bool used_wrap_ = true;
};

}  // namespace virtio_user

#endif  // TESTS_BARE_DEVICE_H_
