// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/ring/driver_chain.h"

#include <cstring>
#include <limits>

#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

void CheckTable(const ChainBuffers& buffers, std::span<std::byte> table) {
  VU_CHECK(table.size() >= buffers.count() * sizeof(VirtqDesc));
  VU_CHECK(reinterpret_cast<uintptr_t>(table.data()) % kDescTableAlign == 0);
}

}  // namespace

ChainShape CheckOffer(const ChainBuffers& buffers, bool indirect,
                      uint32_t num) {
  const size_t buffer_count = buffers.count();
  VU_CHECK(buffer_count != 0 && buffer_count <= num);
  uint64_t writable_bytes = 0;
  for (const DeviceBuffer& buffer : buffers.writable) {
    writable_bytes += buffer.bytes;
  }
  VU_CHECK(writable_bytes < std::numeric_limits<uint32_t>::max());
  return {indirect ? 1 : static_cast<uint32_t>(buffer_count),
          static_cast<uint32_t>(writable_bytes)};
}

// A table is the device's from Publish on and nobody's before: plain writes.
void WriteSplitTable(const ChainBuffers& buffers, std::span<std::byte> table) {
  CheckTable(buffers, table);
  const size_t count = buffers.count();
  for (size_t i = 0; i < count; ++i) {
    VirtqDesc desc{
        .addr = buffers[i].addr.value,
        .len = buffers[i].bytes,
        .flags = buffers.IsWritable(i) ? kDescFlagWrite : uint16_t{0},
        .next = 0};
    if (i + 1 < count) {
      desc.flags |= kDescFlagNext;
      desc.next = static_cast<uint16_t>(i + 1);
    }
    std::memcpy(table.data() + i * sizeof(desc), &desc, sizeof(desc));
  }
}

// "Indirect Flag: Scatter-Gather Support" of packed rings: the table is read
// from its beginning to its end, WRITE is the only flag with a meaning.
void WritePackedTable(const ChainBuffers& buffers, std::span<std::byte> table) {
  CheckTable(buffers, table);
  for (size_t i = 0; i < buffers.count(); ++i) {
    const PackedDesc desc{
        .addr = buffers[i].addr.value,
        .len = buffers[i].bytes,
        .id = 0,
        .flags = buffers.IsWritable(i) ? kDescFlagWrite : uint16_t{0}};
    std::memcpy(table.data() + i * sizeof(desc), &desc, sizeof(desc));
  }
}

bool CheckUsed(const UsedWords& words, ChainShape shape,
               std::optional<Error>& broken) {
  if (shape.count == 0) {
    broken =
        Error::Make(ErrorCode::kProtocol,
                    "used element %u: id %u is no chain that the device has",
                    words.place, words.id);
  } else if (shape.writable_bytes != 0 && words.bytes > shape.writable_bytes) {
    broken =
        Error::Make(ErrorCode::kProtocol,
                    "used element %u: %u bytes in chain %u, which takes %u",
                    words.place, words.bytes, words.id, shape.writable_bytes);
  }
  return !broken;
}

bool CheckBatch(const UsedWords& words, uint32_t chains, uint32_t ready,
                std::optional<Error>& broken) {
  if (chains <= ready) return true;
  broken = Error::Make(ErrorCode::kProtocol,
                       "used element %u: id %u stands for %u chains, but the "
                       "index for %u",
                       words.place, words.id, chains, ready);
  return false;
}

Error UsedIndexFault(uint16_t index, uint16_t before, uint16_t most) {
  return Error::Make(
      ErrorCode::kProtocol,
      "used index %u: it was %u and the device had %u more chains", index,
      before, most);
}

}  // namespace virtio_user
