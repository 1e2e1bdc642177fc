// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/descriptor_chain.h"

#include <array>
#include <bit>
#include <optional>

#include "virtio_user/base/check.h"
#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

enum class TableKind : uint8_t { kRing, kIndirect };

// A table of descriptors that the driver can write at any moment.
struct Table {
  TableKind kind = TableKind::kRing;
  std::byte* start = nullptr;
  uint32_t count = 0;

  const char* name() const {
    return kind == TableKind::kRing ? "descriptor" : "indirect descriptor";
  }
};

// Reads a descriptor, each of its bytes once. An indirect table lies wherever
// the driver put it, since the spec demands no alignment of it.
VirtqDesc Load(const Table& table, uint32_t index) {
  std::byte* const at = table.start + index * sizeof(VirtqDesc);
  if (reinterpret_cast<uintptr_t>(at) % sizeof(uint64_t) != 0) {
    std::array<std::byte, sizeof(VirtqDesc)> bytes;
    CopyFromShared({at, sizeof(VirtqDesc)}, bytes.data());
    return std::bit_cast<VirtqDesc>(bytes);
  }
  const uint64_t first = LoadRelaxed<uint64_t>(at);
  const uint64_t second = LoadRelaxed<uint64_t>(at + sizeof(uint64_t));
  return std::bit_cast<VirtqDesc>(std::array{first, second});
}

// What a descriptor's flags may not say, whatever else is in it.
Result<void> CheckFlags(const Table& table, uint32_t index,
                        const VirtqDesc& desc) {
  if ((desc.flags & kDescFlagIndirect) == 0) return {};
  if (table.kind == TableKind::kIndirect) {
    return Fail(ErrorCode::kInvalidArgument,
                "indirect descriptor %u names another indirect table", index);
  }
  if ((desc.flags & kDescFlagNext) != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "descriptor %u has both NEXT and INDIRECT", index);
  }
  return {};
}

// `who` names the table: a descriptor's place in its ring.
Result<Table> OpenIndirect(uint32_t who, DeviceBuffer table,
                           AddressResolver resolve) {
  if (table.bytes == 0 || table.bytes % sizeof(VirtqDesc) != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "descriptor %u names an indirect table of %u bytes, which is "
                "no multiple of 16",
                who, table.bytes);
  }
  const Result<std::span<std::byte>> memory = resolve(table);
  if (!memory || memory->size() < table.bytes) {
    return Fail(ErrorCode::kInvalidArgument,
                "descriptor %u names an indirect table outside memory: 0x%llx, "
                "%u bytes",
                who, static_cast<unsigned long long>(table.addr.value),
                table.bytes);
  }
  return Table{TableKind::kIndirect, memory->data(),
               static_cast<uint32_t>(table.bytes / sizeof(VirtqDesc))};
}

Result<void> AddTo(const char* name, uint32_t index, DeviceBuffer buffer,
                   uint16_t flags, DescriptorChain& chain) {
  if ((flags & kDescFlagWrite) != 0) {
    chain.writable.push_back(buffer);
    return {};
  }
  if (!chain.writable.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s %u is readable and follows a writable one", name, index);
  }
  chain.readable.push_back(buffer);
  return {};
}

// A descriptor that names an indirect table, and where it stood.
struct TableReference {
  uint32_t index = 0;
  VirtqDesc desc{};
};

// Adds the buffers of a chain inside one table, up to its end (nothing is
// returned) or up to the descriptor of an indirect table. A loop ends where
// the chain has more buffers than the ring.
Result<std::optional<TableReference>> WalkTable(const Table& table,
                                                uint32_t start, uint32_t num,
                                                DescriptorChain& chain) {
  uint32_t index = start;
  while (chain.buffer_count() < num) {
    if (index >= table.count) {
      return Fail(ErrorCode::kInvalidArgument, "%s %u is beyond a table of %u",
                  table.name(), index, table.count);
    }
    const VirtqDesc desc = Load(table, index);
    const Result<void> flags = CheckFlags(table, index, desc);
    if (!flags) return Fail(flags);
    if ((desc.flags & kDescFlagIndirect) != 0) {
      return TableReference{index, desc};
    }
    const Result<void> added =
        AddTo(table.name(), index, {{desc.addr}, desc.len}, desc.flags, chain);
    if (!added) return Fail(added);
    if ((desc.flags & kDescFlagNext) == 0) return std::nullopt;
    index = desc.next;
  }
  return Fail(ErrorCode::kInvalidArgument,
              "%s %u: the chain has a loop or is longer than the ring of %u",
              table.name(), index, num);
}

// One descriptor of a packed ring, the `count`th of its list.
struct PackedPlace {
  RingPosition at;
  PackedTail tail;
  uint16_t count;
};

// Adds the buffers of a packed indirect table, in which WRITE alone has a
// meaning ("Indirect Flag: Scatter-Gather Support").
Result<void> AddPackedTable(const Table& table, uint32_t num,
                            DescriptorChain& chain) {
  if (table.count > num) {
    return Fail(ErrorCode::kInvalidArgument,
                "an indirect table of %u descriptors is longer than the ring "
                "of %u",
                table.count, num);
  }
  for (uint32_t i = 0; i < table.count; ++i) {
    const auto desc = std::bit_cast<PackedDesc>(Load(table, i));
    const Result<void> added =
        AddTo(table.name(), i, {{desc.addr}, desc.len}, desc.flags, chain);
    if (!added) return added;
  }
  return {};
}

Result<void> AddPacked(const RingLayout& layout, const PackedPlace& place,
                       AddressResolver resolve, DescriptorChain& chain) {
  const uint16_t index = place.at.index;
  const DeviceBuffer buffer{LoadPackedAddr(layout, index), place.tail.len};
  const bool is_table = (place.tail.flags & kDescFlagIndirect) != 0;
  if (chain.malformed) return {};
  if (!is_table && !chain.indirect) {
    return AddTo("descriptor", index, buffer, place.tail.flags, chain);
  }
  chain.indirect = true;
  if (place.count > 1 || (place.tail.flags & kDescFlagNext) != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "descriptor %u: a list has an indirect table and another "
                "descriptor",
                index);
  }
  const auto table = OpenIndirect(index, buffer, resolve);
  if (!table) return Fail(table);
  return AddPackedTable(*table, layout.num, chain);
}

}  // namespace

void DescriptorChain::Clear() {
  token = {};
  readable.clear();
  writable.clear();
  indirect = false;
  malformed.reset();
}

Result<void> WalkChain(const RingLayout& layout, uint16_t head,
                       AddressResolver resolve, DescriptorChain& chain) {
  VU_CHECK(head < layout.num);
  chain.Clear();
  chain.token.id = head;
  const Table ring{TableKind::kRing, layout.desc, layout.num};
  const auto reference = WalkTable(ring, head, layout.num, chain);
  if (!reference) return Fail(reference);
  if (!*reference) return {};
  chain.indirect = true;
  const VirtqDesc& desc = (*reference)->desc;
  const auto table =
      OpenIndirect((*reference)->index, {{desc.addr}, desc.len}, resolve);
  if (!table) return Fail(table);
  const auto rest = WalkTable(*table, 0, layout.num, chain);
  return rest ? Result<void>() : Fail(rest);
}

Result<void> WalkPackedList(const RingLayout& layout, const PackedHead& head,
                            AddressResolver resolve, DescriptorChain& chain) {
  RingPosition at = head.at;
  PackedTail tail = head.tail;
  for (uint16_t count = 1; count <= head.most; ++count) {
    // Nothing here could be used in part, so the first mistake stays.
    const Result<void> added =
        AddPacked(layout, {at, tail, count}, resolve, chain);
    if (!added && !chain.malformed) chain.malformed = added.error();
    if ((tail.flags & kDescFlagNext) == 0) {
      chain.token = {tail.id, count};
      return {};
    }
    if (count == head.most) break;
    Advance(layout, 1, at);
    tail = LoadPackedTail(layout, at.index);
    if (!IsAvailable(tail, at)) {
      return Fail(ErrorCode::kProtocol,
                  "descriptor %u of the list at %u is not available: flags "
                  "0x%x, wrap counter %d",
                  at.index, head.at.index, tail.flags, at.wrap ? 1 : 0);
    }
  }
  return Fail(ErrorCode::kProtocol,
              "the list at descriptor %u of a ring of %u does not end within "
              "the %u that can be available",
              head.at.index, layout.num, head.most);
}

}  // namespace virtio_user
