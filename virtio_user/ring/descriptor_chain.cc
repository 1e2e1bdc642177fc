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
  return std::bit_cast<VirtqDesc>(std::array{
      LoadRelaxed<uint64_t>(at), LoadRelaxed<uint64_t>(at + sizeof(uint64_t))});
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

Result<Table> OpenIndirect(uint32_t index, const VirtqDesc& desc,
                           AddressResolver resolve) {
  if (desc.len == 0 || desc.len % sizeof(VirtqDesc) != 0) {
    return Fail(ErrorCode::kInvalidArgument,
                "descriptor %u names an indirect table of %u bytes, which is "
                "no multiple of 16",
                index, desc.len);
  }
  const Result<std::span<std::byte>> memory =
      resolve(DeviceBuffer{{desc.addr}, desc.len});
  if (!memory || memory->size() < desc.len) {
    return Fail(ErrorCode::kInvalidArgument,
                "descriptor %u names an indirect table outside memory: 0x%llx, "
                "%u bytes",
                index, static_cast<unsigned long long>(desc.addr), desc.len);
  }
  return Table{TableKind::kIndirect, memory->data(),
               static_cast<uint32_t>(desc.len / sizeof(VirtqDesc))};
}

// Adds one buffer; readable ones come first.
Result<void> AddBuffer(const Table& table, uint32_t index,
                       const VirtqDesc& desc, DescriptorChain& chain) {
  const DeviceBuffer buffer{{desc.addr}, desc.len};
  if ((desc.flags & kDescFlagWrite) != 0) {
    chain.writable.push_back(buffer);
    return {};
  }
  if (!chain.writable.empty()) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s %u is readable and follows a writable one", table.name(),
                index);
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
  while (chain.readable.size() + chain.writable.size() < num) {
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
    const Result<void> added = AddBuffer(table, index, desc, chain);
    if (!added) return Fail(added);
    if ((desc.flags & kDescFlagNext) == 0) return std::nullopt;
    index = desc.next;
  }
  return Fail(ErrorCode::kInvalidArgument,
              "%s %u: the chain has a loop or is longer than the ring of %u",
              table.name(), index, num);
}

}  // namespace

Result<void> WalkChain(const RingLayout& layout, uint16_t head,
                       AddressResolver resolve, DescriptorChain& chain) {
  VU_CHECK(head < layout.num);
  chain.head = head;
  chain.readable.clear();
  chain.writable.clear();
  const Table ring{TableKind::kRing, layout.desc, layout.num};
  const auto reference = WalkTable(ring, head, layout.num, chain);
  if (!reference) return Fail(reference);
  if (!*reference) return {};
  const auto table =
      OpenIndirect((*reference)->index, (*reference)->desc, resolve);
  if (!table) return Fail(table);
  const auto rest = WalkTable(*table, 0, layout.num, chain);
  return rest ? Result<void>() : Fail(rest);
}

}  // namespace virtio_user
