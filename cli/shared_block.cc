// SPDX-License-Identifier: BSD-3-Clause

#include "cli/shared_block.h"

#include <optional>

namespace virtio_user::cli {

Result<SharedBlock> SharedBlock::Allocate(MemoryProvider& memory, size_t bytes,
                                          AddressSpace space) {
  const Result<std::span<std::byte>> span = memory.Allocate(bytes, 64);
  if (!span) return Fail(span);
  SharedBlock block;
  block.memory_ = &memory;
  block.span_ = *span;
  std::optional<Result<DeviceAddr>> addr;
  memory.WithTable([&](const MemoryTable& table) {
    addr = table.ToDevice(span->data(), span->size(), space);
  });
  if (!*addr) return Fail(*addr);
  block.addr_ = **addr;
  return block;
}

}  // namespace virtio_user::cli
