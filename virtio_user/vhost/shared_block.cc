// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost/shared_block.h"

namespace virtio_user {

Result<SharedBlock> SharedBlock::Allocate(MemoryProvider& memory, size_t bytes,
                                          AddressSpace space) {
  constexpr size_t kCacheLine = 64;
  const Result<std::span<std::byte>> span = memory.Allocate(bytes, kCacheLine);
  if (!span) return Fail(span);
  SharedBlock block;
  block.memory_ = &memory;
  block.span_ = *span;
  Result<DeviceAddr> addr;
  memory.WithTable([&](const MemoryTable& table) {
    addr = table.ToDevice(span->data(), span->size(), space);
  });
  if (!addr) return Fail(addr);
  block.addr_ = *addr;
  return block;
}

}  // namespace virtio_user
