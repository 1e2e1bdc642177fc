// SPDX-License-Identifier: BSD-3-Clause
//
// Each command that a driver has, in a split and in a packed ring, in one
// piece, in pieces, and in an indirect table; those that a device's own control
// queue is for, and refusals; the longest request and a longer one; rings that
// break the rules, and events that the driver asks for; and one of them from a
// driver that writes while it is served.

#include <cstdint>
#include <span>

#include "fuzz/control_input.h"
#include "fuzz/reader.h"
#include "fuzz/ring_memory.h"
#include "fuzz/seeds.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::RingFormat;

namespace {

constexpr uint8_t kSizeChoice = 3;  // 8 descriptors split, 4 packed.
constexpr size_t kTableAt = 256;    // In the buffers.

struct Command {
  const char* name;
  std::vector<uint8_t> bytes;  // Class, command, data.
  uint8_t scene = 0;           // ControlScene.
  size_t zeros = 0;            // Behind them.
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

// Of ControlScene.
constexpr uint8_t kNoMq = 5;
constexpr uint8_t kNothing = 15;
constexpr uint8_t kOwnQueue = 0x10;
constexpr uint8_t kDeviceRefuses = 0x20;
constexpr uint8_t kBackEndRefuses = 0x40;
constexpr uint8_t kHashes = 0x80;

// `front`, then zeros up to so many bytes.
std::vector<uint8_t> Filled(std::vector<uint8_t> front, size_t bytes) {
  front.resize(bytes);
  return front;
}

std::vector<Command> CommandsInScenes() {
  // Class, command, hash_types 4, mask 2, unclassified 2, table 2, max_tx 2,
  // key.
  const std::vector<uint8_t> rss = {4, 1, 1, 0, 0, 0, 0, 0, 0,
                                    0, 0, 0, 1, 0, 2, 7, 7};
  const auto hash = Filled({4, 2, 1}, 15);
  return {
      {"rss", rss, kOwnQueue | kHashes},
      {"rss_refused", rss, kOwnQueue | kHashes | kDeviceRefuses},
      {"rss_beyond_limits", rss, kOwnQueue},
      {"rss_without_device", rss, kHashes},
      {"hash", hash, kOwnQueue | kHashes},
      {"coalesce_tx", Filled({6, 0, 9}, 10), kOwnQueue},
      {"coalesce_rx", Filled({6, 1, 9}, 10), kOwnQueue},
      {"coalesce_ring", Filled({6, 2, 1}, 14), kOwnQueue},
      {"coalesce_get", Filled({6, 3, 1}, 6), kOwnQueue},
      {"hash_tunnel", Filled({7, 0, 1}, 6), kOwnQueue},
      {"stats_query", {8, 0}, kOwnQueue},
      {"stats_get", Filled({8, 1, 1}, 18), kOwnQueue},
      {"rss_context_query", {9, 0}, kOwnQueue},
      {"rss_context_add", Filled({9, 1, 1}, 24), kOwnQueue},
      {"rss_context_change", Filled({9, 2, 1}, 24), kOwnQueue},
      {"rss_context_delete", {9, 3, 1, 0}, kOwnQueue},
      {"promiscuous_on_device", {0, 0, 1}, kOwnQueue},
      {"announce_on_device", {3, 0}, kOwnQueue},
      {"vlan_device_refuses", {2, 0, 5, 0}, kOwnQueue | kDeviceRefuses},
      {"pairs_on_device", {4, 0, 2, 0}, kOwnQueue},
      {"pairs_refused", {4, 0, 2, 0}, kBackEndRefuses},
      {"offloads_refused", Filled({5, 0, 2}, 10), kBackEndRefuses},
      {"no_pairs", {4, 0, 0, 0}},
      {"pairs_not_accepted", {4, 0, 2, 0}, kNoMq},
      {"vlan_last", {2, 0, 0xff, 0x0f}},
      {"vlan_beyond", {2, 0, 0, 0x10}},
      {"vlan_not_accepted", {2, 0, 5, 0}, kNothing},
      {"no_multicast", {0, 3, 1}},
      {"no_unicast", {0, 4, 1}},
  };
}

enum class Shape : uint8_t { kThree, kPieces, kTable, kUnalignedTable };
constexpr const char* kShapes[] = {"three", "pieces", "table", "unaligned"};

// What a driver writes while it is served (PeerWrites).
struct DriverWrite {
  uint8_t how = 0;  // 0: nothing.
  uint8_t load = 0;
};

struct Piece {
  size_t at = 0;
  uint32_t bytes = 0;
  bool writable = false;
};

enum class Server : uint8_t { kControlQueue, kPlainQueue };

struct Manner {
  RingFormat format = RingFormat::kSplit;
  Shape shape = Shape::kThree;
  Server server = Server::kControlQueue;
  DriverWrite write = {};
  BufferSize buffers = BufferSize::kShort;
  // Which notification the driver asks for: used_event, or the structure of a
  // packed ring.
  uint32_t event = 0;

  bool packed() const { return format == RingFormat::kPacked; }
  bool event_index() const { return shape == Shape::kPieces; }
};

// One input, put together.
class Writer {
 public:
  Writer(const Manner& manner, uint8_t scene)
      : memory_(WipedMemory(manner.format, kSizeChoice, manner.buffers)) {
    const bool plain = manner.server == Server::kPlainQueue;
    const bool large = manner.buffers == BufferSize::kLong;
    Append(bytes_,
           static_cast<uint64_t>(
               (manner.packed() ? 1 : 0) | (manner.event_index() ? 2 : 0) |
               (plain ? 4 : 0) | (large ? 8 : 0) | kSizeChoice << 4),
           1);
    Append(bytes_, scene, 1);
  }

  // Writes without a notification behind it.
  void Quietly(size_t at, const Bytes& bytes) { Chunk(at | kQuiet, bytes); }
  void AndNotify(size_t at, const Bytes& bytes, DriverWrite write) {
    Chunk(at, bytes);
    Append(bytes_, write.how, 1);
    if (write.how == 0) return;
    Append(bytes_, write.load, 1);
    Append(bytes_, 0x01020300u + write.load, 4);
  }

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

size_t TableAt(Shape shape) {
  return kTableAt + (shape == Shape::kUnalignedTable ? 4 : 0);
}

Bytes Table(RingFormat format, size_t at, size_t bytes) {
  const bool packed = format == RingFormat::kPacked;
  uint16_t flags = virtio_user::kDescFlagIndirect;
  if (packed) flags |= virtio_user::kPackedFlagAvail;
  Bytes table;
  Append(table, RingMemory::kBase + at, 8);
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

void AskForEvent(const Manner& manner, Writer& writer) {
  if (manner.event == 0) return;
  Bytes event;
  Append(event, manner.event, manner.packed() ? 4 : 2);
  const size_t at = manner.packed() ? 0 : 4 + 2 * writer.layout().num;
  writer.Quietly(writer.AreaAt(writer.layout().driver, at), event);
}

Bytes Input(const Manner& manner, const Command& command) {
  const Shape shape = manner.shape;
  Writer writer(manner, command.scene);
  Bytes request;
  for (const uint8_t byte : command.bytes) Append(request, byte, 1);
  // Where the ack goes.
  if (command.zeros == 0) Append(request, 0xee, 1);
  writer.Quietly(writer.BufferAt(0), request);
  AskForEvent(manner, writer);
  const bool in_table =
      shape == Shape::kTable || shape == Shape::kUnalignedTable;
  const Bytes list = Descriptors(
      manner.format, PiecesOf(command.bytes.size() + command.zeros, shape),
      in_table);
  if (in_table) writer.Quietly(writer.BufferAt(TableAt(shape)), list);
  const Bytes& in_ring =
      in_table ? Table(manner.format, TableAt(shape), list.size()) : list;
  const size_t at = writer.AreaAt(writer.layout().desc, 0);
  if (manner.packed()) {
    writer.AndNotify(at, in_ring, manner.write);
    return writer.Take();
  }
  writer.Quietly(at, in_ring);
  // flags, idx 1, and head 0 as the first entry.
  Bytes available;
  Append(available, 0, 2);
  Append(available, 1, 2);
  Append(available, 0, 2);
  writer.AndNotify(writer.AreaAt(writer.layout().driver, 0), available,
                   manner.write);
  return writer.Take();
}

std::string NameOf(const Manner& manner) {
  return std::string(manner.format == RingFormat::kPacked ? "_packed_"
                                                          : "_split_") +
         kShapes[static_cast<size_t>(manner.shape)];
}

constexpr RingFormat kFormats[] = {RingFormat::kSplit, RingFormat::kPacked};

// Just before and just after each load.
void AddDriverWrites(Manner manner, const Command& command,
                     std::vector<Seed>& inputs) {
  constexpr uint8_t kMostLoads = 17;
  constexpr uint8_t kBefore = 1;
  constexpr uint8_t kAfter = 9;
  const bool plain = manner.server == Server::kPlainQueue;
  for (manner.write.load = 0; manner.write.load < kMostLoads;
       ++manner.write.load) {
    for (const uint8_t how : {kBefore, kAfter}) {
      manner.write.how = how;
      inputs.push_back({(plain ? "plain" : "driver_writes") + NameOf(manner) +
                            (how == kBefore ? "_before_" : "_after_") +
                            std::to_string(manner.write.load),
                        Input(manner, command)});
    }
  }
}

// `value` takes the place of the byte so far from the end.
Bytes With(Bytes input, size_t from_end, uint8_t value) {
  input[input.size() - from_end] = std::byte{value};
  return input;
}

// What is wrong or unusual in a ring around a command that is not.
void AddRings(const Command& command, std::vector<Seed>& inputs) {
  const Bytes split = Input({}, command);
  const Bytes packed = Input({.format = RingFormat::kPacked}, command);
  // A split ring's input ends with flags, idx, a head and no turn.
  constexpr size_t kFlags = 7;
  constexpr size_t kIndex = 5;
  constexpr size_t kHead = 3;
  inputs.push_back({"index_beyond_split", With(split, kIndex, 9)});
  inputs.push_back({"head_beyond_split", With(split, kHead, 8)});
  inputs.push_back({"full_split", With(split, kIndex, 8)});
  inputs.push_back({"no_interrupt_split", With(split, kFlags, 1)});
  // Two entries, before and behind where the index comes round.
  Command round = command;
  round.scene = 1;
  for (const Shape shape : {Shape::kThree, Shape::kPieces}) {
    const Manner manner{.shape = shape, .server = Server::kPlainQueue};
    inputs.push_back(
        {"index_comes_round" + NameOf(manner), Input(manner, round)});
  }
  // A packed one's with three descriptors, of which the last two end here.
  constexpr size_t kSecondFlags = 1 + 16 + 2;
  inputs.push_back({"member_not_available_packed",
                    With(packed, kSecondFlags, virtio_user::kDescFlagNext)});
  const auto add = [&](const char* name, RingFormat format, uint32_t event) {
    const Manner manner{
        .format = format, .shape = Shape::kPieces, .event = event};
    inputs.push_back({name + NameOf(manner), Input(manner, command)});
  };
  add("event_later", RingFormat::kSplit, 1);
  constexpr uint32_t kDescriptors = uint32_t{virtio_user::kPackedEventDesc}
                                    << 16;
  add("event_later", RingFormat::kPacked, kDescriptors | 0x8003);
  add("event_passed", RingFormat::kPacked, kDescriptors | 0x8002);
}

void AddLongRequests(std::vector<Seed>& inputs) {
  const Manner manner{.buffers = BufferSize::kLong};
  const Command longest{"longest", {9, 1, 1}, kOwnQueue, 8192 - 3};
  // A table of 1,364 addresses, which would be one.
  const Command longer{"longer", {1, 0, 0x54, 5}, 0, 8194 - 4};
  for (const Command& command : {longest, longer}) {
    inputs.push_back({command.name + NameOf(manner), Input(manner, command)});
  }
}

}  // namespace

std::vector<Seed> ControlQueueSeeds() {
  std::vector<Seed> inputs;
  for (const Command& command : Commands()) {
    for (const RingFormat format : kFormats) {
      for (const Shape shape : {Shape::kThree, Shape::kPieces, Shape::kTable}) {
        const Manner manner{.format = format, .shape = shape};
        inputs.push_back(
            {command.name + NameOf(manner), Input(manner, command)});
      }
    }
  }
  for (const Command& command : CommandsInScenes()) {
    const Manner manner{.format = kFormats[inputs.size() % 2]};
    inputs.push_back({command.name + NameOf(manner), Input(manner, command)});
  }
  const Command pairs{"pairs", {4, 0, 2, 0}};
  for (const RingFormat format : kFormats) {
    for (const Shape shape : {Shape::kThree, Shape::kPieces, Shape::kTable,
                              Shape::kUnalignedTable}) {
      AddDriverWrites({.format = format, .shape = shape}, pairs, inputs);
    }
    AddDriverWrites({.format = format, .server = Server::kPlainQueue}, pairs,
                    inputs);
  }
  AddRings(pairs, inputs);
  AddLongRequests(inputs);
  return inputs;
}

}  // namespace fuzz
