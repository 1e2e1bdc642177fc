// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/request_writer.h"

#include <cstdint>
#include <span>

#include "fuzz/reader.h"
#include "fuzz/ring_memory.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::RingFormat;

namespace {

using Bytes = std::vector<std::byte>;

constexpr uint8_t kSizeChoice = 3;  // 8 descriptors split, 4 packed.
constexpr size_t kTableAt = 256;    // In the buffers.

struct Command {
  const char* name;
  std::vector<uint8_t> bytes;  // Class, command, data.
};

std::vector<Command> Commands() {
  return {
      {"promiscuous", {0, 0, 1}},
      {"all_multicast", {0, 1, 1}},
      {"no_broadcast", {0, 5, 1}},
      {"mac_table",
       {1, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 1, 0, 0, 0, 3, 0, 0, 0, 0, 1}},
      {"mac", {1, 1, 2, 0, 0, 0, 0, 7}},
      {"vlan_add", {2, 0, 5, 0}},
      {"vlan_delete", {2, 1, 5, 0}},
      {"announce_ack", {3, 0}},
      {"pairs", {4, 0, 2, 0}},
      {"pairs_too_many", {4, 0, 5, 0}},
      {"offloads", {5, 0, 2, 0, 0, 0, 0, 0, 0, 0}},
      {"unknown_class", {77, 0, 1}},
      {"too_short", {0, 0}},
  };
}

enum class Shape : uint8_t { kThree, kPieces, kTable };

struct Piece {
  size_t at = 0;
  uint32_t bytes = 0;
  bool writable = false;
};

// One input, put together.
class Writer {
 public:
  Writer(RingFormat format, bool event_index)
      : memory_(WipedMemory(format, kSizeChoice)) {
    const bool packed = format == RingFormat::kPacked;
    Append(bytes_,
           static_cast<uint64_t>((packed ? 1 : 0) | (event_index ? 2 : 0) |
                                 kSizeChoice << 4),
           1);
  }

  // Writes without a notification behind it.
  void Quietly(size_t at, const Bytes& bytes) { Chunk(at | 0x8000, bytes); }
  void AndNotify(size_t at, const Bytes& bytes) { Chunk(at, bytes); }

  size_t BufferAt(size_t at) { return memory_.ring().size() + at; }
  size_t AreaAt(const std::byte* area, size_t at) {
    return static_cast<size_t>(area - memory_.ring().data()) + at;
  }
  const virtio_user::RingLayout& layout() { return memory_.layout(); }
  Bytes Take() { return std::move(bytes_); }

 private:
  void Chunk(size_t place, const Bytes& bytes) {
    Append(bytes_, place, 2);
    Append(bytes_, bytes.size(), 1);
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  }

  RingMemory& memory_;
  Bytes bytes_;
};

// Split: address, length, flags, next. Packed: address, length, id, flags.
Bytes Descriptors(RingFormat format, const std::vector<Piece>& pieces,
                  bool in_table) {
  const bool packed = format == RingFormat::kPacked;
  Bytes bytes;
  for (size_t i = 0; i < pieces.size(); ++i) {
    const bool more = i + 1 < pieces.size();
    uint16_t flags = pieces[i].writable ? virtio_user::kDescFlagWrite : 0;
    if (more && !(packed && in_table)) flags |= virtio_user::kDescFlagNext;
    if (packed && !in_table) flags |= virtio_user::kPackedFlagAvail;
    Append(bytes, RingMemory::kBase + pieces[i].at, 8);
    Append(bytes, pieces[i].bytes, 4);
    Append(bytes, packed ? 0 : flags, 2);
    Append(bytes, packed ? flags : (more ? i + 1 : 0), 2);
  }
  return bytes;
}

Bytes Table(RingFormat format, size_t bytes) {
  const bool packed = format == RingFormat::kPacked;
  uint16_t flags = virtio_user::kDescFlagIndirect;
  if (packed) flags |= virtio_user::kPackedFlagAvail;
  Bytes table;
  Append(table, RingMemory::kBase + kTableAt, 8);
  Append(table, bytes, 4);
  Append(table, packed ? 0 : flags, 2);
  Append(table, packed ? flags : 0, 2);
  return table;
}

std::vector<Piece> PiecesOf(size_t request, Shape shape) {
  const size_t first = shape == Shape::kPieces ? 1 : 2;
  return {{0, static_cast<uint32_t>(first), false},
          {first, static_cast<uint32_t>(request - first), false},
          {request, 1, true}};
}

Bytes Input(RingFormat format, Shape shape, const Command& command) {
  Writer writer(format, shape == Shape::kPieces);
  Bytes request;
  for (const uint8_t byte : command.bytes) Append(request, byte, 1);
  Append(request, 0xee, 1);  // Where the ack goes.
  writer.Quietly(writer.BufferAt(0), request);
  const bool in_table = shape == Shape::kTable;
  const Bytes list =
      Descriptors(format, PiecesOf(command.bytes.size(), shape), in_table);
  if (in_table) writer.Quietly(writer.BufferAt(kTableAt), list);
  const Bytes& in_ring = in_table ? Table(format, list.size()) : list;
  const size_t at = writer.AreaAt(writer.layout().desc, 0);
  if (format == RingFormat::kPacked) {
    writer.AndNotify(at, in_ring);
    return writer.Take();
  }
  writer.Quietly(at, in_ring);
  // flags, idx 1, and head 0 as the first entry.
  Bytes available;
  Append(available, 0, 2);
  Append(available, 1, 2);
  Append(available, 0, 2);
  writer.AndNotify(writer.AreaAt(writer.layout().driver, 0), available);
  return writer.Take();
}

}  // namespace

std::vector<NamedInput> ControlRequests() {
  std::vector<NamedInput> inputs;
  for (const Command& command : Commands()) {
    for (const RingFormat format : {RingFormat::kSplit, RingFormat::kPacked}) {
      for (const Shape shape : {Shape::kThree, Shape::kPieces, Shape::kTable}) {
        constexpr const char* kShapes[] = {"three", "pieces", "table"};
        inputs.push_back(
            {std::string(command.name) +
                 (format == RingFormat::kPacked ? "_packed_" : "_split_") +
                 kShapes[static_cast<size_t>(shape)],
             Input(format, shape, command)});
      }
    }
  }
  return inputs;
}

}  // namespace fuzz
