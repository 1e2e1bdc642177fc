// SPDX-License-Identifier: BSD-3-Clause
//
// In every layout: frames and packets as they should be, in every manner that
// a device may give them back; the lies that it can tell; and a peer that
// writes just before, just after or around each load.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/reader.h"
#include "fuzz/seeds.h"
#include "tests/net_layouts.h"

namespace fuzz {
namespace {

constexpr uint8_t kLayouts = 14;       // Of NetScene.
constexpr uint8_t kEverything = 0xb0;  // Offloads, tables and scratch.
// Split, packed, with a header of its own, and with hashes; and under which
// offloads more is said than was accepted: sums alone, none, all but marks.
struct Saying {
  uint8_t layout = 0;
  uint8_t host = 0;
  uint8_t guest = 0;
};
constexpr Saying kSayings[] = {
    {0, 0x01, 0x08}, {4, 0, 0}, {8, 0x43, 0x98}, {13, 0x01, 0x08}};
constexpr uint8_t kCalls = 12;  // Of one input.
constexpr uint8_t kSize = 2;    // Split: 8 descriptors; packed: 4.
// Beside the size: buffers without lanes; a split ring near its index's end,
// and how many chains that is, less one.
constexpr uint8_t kUnlaned = 0x20;
constexpr uint8_t kNearTheEnd = 0x40;
constexpr uint8_t kLeft = 1;
constexpr uint16_t kUsedBytes = 72;
constexpr uint8_t kStartOver = 0xf8;
constexpr uint8_t kKeep = 0;
constexpr uint8_t kComplete = 0xc7;
constexpr uint8_t kMoments = 3;
constexpr uint8_t kMostLoads = 36;

// How a device gives a chain back (LyingDevice).
enum class Way : uint8_t {
  kInTurn = 0,
  kLater = 1,
  kSaying = 8,
  kTooLong = 0x10,
  kTwice = 0x20,
  kAnyId = 0x40,
  kBatch = 0x82,
};
struct NamedWay {
  std::string_view name;
  Way way;
};
constexpr NamedWay kWays[] = {
    {"in_turn", Way::kInTurn}, {"shuffled", Way::kLater},
    {"saying", Way::kSaying},  {"too_long", Way::kTooLong},
    {"twice", Way::kTwice},    {"any_id", Way::kAnyId},
    {"batch", Way::kBatch},
};

// What a header says, or a packet asks for: each kind of segments, with a mark
// and without, of some bytes and of none, and a checksum alone.
struct Said {
  uint8_t flags = 1;
  uint8_t gso_type = 0;
  uint16_t segment_bytes = 1448;
  uint8_t asked = 0;  // As NetScene reads it.
};
constexpr Said kSaid[] = {
    {.gso_type = 1, .asked = 4},
    {.gso_type = 4, .asked = 7},
    {.gso_type = 5, .asked = 10},
    {.gso_type = 0x81, .asked = 136},
    {.gso_type = 0x84, .asked = 139},
    {.asked = 1},
    {.flags = 2, .asked = 2},
    {.gso_type = 1, .segment_bytes = 0, .asked = 4},
};
constexpr uint16_t kHeadersBytes = 54;
constexpr uint16_t kSumStart = 34;
constexpr uint16_t kSumOffset = 16;

// One input, put together.
class Writer {
 public:
  Writer(uint8_t layout, uint8_t also, uint8_t offloads = 0, uint8_t ring = 0) {
    Number(layout | also, 1);
    Number(kSize | ring, 1);
    Number(offloads, 1);
  }
  void Number(uint64_t number, size_t count) { Append(bytes_, number, count); }
  // The peer's word, at one load of the call, or nothing.
  void PeerWrites(uint8_t how, uint8_t load) {
    Number(how, 1);
    if (how == 0) return;
    Number(load, 1);
    Number(0x01020300u + load, 4);
  }
  // What becomes of VLAN tags: nothing, or they are taken out or put in, while
  // the peer writes.
  void Tags(uint8_t what, uint8_t how, uint8_t load) {
    Number(what, 1);
    if (what >= 2) PeerWrites(how, load);
  }
  void Use(Way way) {
    constexpr uint64_t kTakeFirst = 4;
    const auto how = static_cast<uint8_t>(way);
    if (way == Way::kLater || way == Way::kBatch) {
      for (int i = 0; i < 3; ++i) Number(kTakeFirst, 1);
    }
    Number(0, 1);
    Number(how, 1);
    // Its checksum is left to do, or it is a segment; then two buffers.
    if (way == Way::kSaying) {
      Number(0x0022'0005'0036'0101, 8);
      Number(0x0000'0000'0002'0010, 8);
      Number(0, 4);
    }
    Number(kUsedBytes, 2);
    if (way == Way::kTooLong) Number(0x7fff'ffff, 4);
    if (way == Way::kAnyId) Number(0x01'0003, 3);
  }
  // A used chain with a header that says so.
  void UseSaying(const Said& said) {
    Number(0, 1);
    Number(static_cast<uint8_t>(Way::kSaying), 1);
    Number(said.flags, 1);
    Number(said.gso_type, 1);
    Number(kHeadersBytes, 2);
    Number(said.segment_bytes, 2);
    Number(kSumStart, 2);
    Number(kSumOffset, 2);
    Number(1, 2);
    Number(0, 8);
    Number(kUsedBytes, 2);
  }
  // Whether the device wants kicks.
  void Kicks(bool wanted) { Number(wanted ? 6 : 14, 1); }
  static uint8_t ActsOf(Way way) {
    return way == Way::kLater || way == Way::kBatch ? 4 : 1;
  }
  Bytes Take() { return std::move(bytes_); }

 private:
  Bytes bytes_;
};

// Near the end of its index a ring has no offloads to choose.
uint8_t OffloadsOf(uint8_t ring) {
  return (ring & kNearTheEnd) != 0 ? kLeft : uint8_t{0};
}

// Of one layout and one way: three rounds, then all over again.
Bytes Receiving(uint8_t layout, uint8_t also, Way way, uint8_t ring = 0) {
  Writer writer(layout, also, OffloadsOf(ring), ring);
  for (int round = 0; round < 6; ++round) {
    writer.Number(7, 1);
    writer.PeerWrites(0, 0);
    writer.Tags(static_cast<uint8_t>(round % 4), 0, 0);
    writer.Number(round % 2 == 0 ? 1 : kKeep, 1);
    writer.Number(Writer::ActsOf(way) | (round == 3 ? kStartOver : 0), 1);
    writer.Use(way);
  }
  return writer.Take();
}

Bytes Sending(uint8_t layout, uint8_t also, Way way, uint8_t ring = 0) {
  Writer writer(layout, also, OffloadsOf(ring), ring);
  for (int round = 0; round < 6; ++round) {
    // Three packets: of one buffer, of several, with something to be said.
    writer.Number(3, 1);
    writer.Number(1, 1);
    writer.Number(0, 1);
    writer.Number(300, 2);
    writer.Number(9, 1);
    writer.Number(0x0005'b0'10'22'04, 7);
    writer.Tags(static_cast<uint8_t>(round % 4), 0, 0);
    writer.PeerWrites(0, 0);
    writer.Number(1, 1);
    writer.Number(Writer::ActsOf(way) | (round == 3 ? kStartOver : 0), 1);
    writer.Use(way);
    writer.Number(kComplete, 1);
    for (int i = 0; i < kComplete % 8; ++i) writer.Number(1, 1);
    writer.Tags(0, 0, 0);
    writer.PeerWrites(0, 0);
    writer.Number(1, 1);
    writer.Number(0, 1);
  }
  return writer.Take();
}

// One packet after the other of which something is said; every second time the
// device asks for quiet. Sending: before a plain one, so that there is one to
// use, and all begins anew when the ring is nearly full.
Bytes SayingAll(bool receives, uint8_t layout, uint8_t also,
                uint8_t offloads = 0) {
  constexpr uint8_t kTwoActs = 2;
  Writer writer(layout, also, offloads);
  bool kicks = false;
  for (const Said& said : kSaid) {
    writer.Number(receives ? 7 : 2, 1);
    if (!receives) {
      writer.Number(9, 1);
      writer.Number(said.asked, 1);
      writer.Number(kSumStart, 1);
      writer.Number(kSumOffset, 1);
      writer.Number(said.segment_bytes, 2);
      writer.Number(kHeadersBytes, 1);
      writer.Number(1, 1);
      writer.Tags(0, 0, 0);
    }
    writer.PeerWrites(0, 0);
    if (receives) writer.Tags(0, 0, 0);
    writer.Number(1, 1);
    writer.Number(kTwoActs | (!receives && kicks ? kStartOver : 0), 1);
    writer.Kicks(kicks);
    receives ? writer.UseSaying(said) : writer.Use(Way::kInTurn);
    kicks = !kicks;
  }
  return writer.Take();
}

// A call for each load that it makes, from the `first` on, after which all
// begins anew. Sending: with odd loads in the call that sends.
Bytes Changing(uint8_t layout, bool receives, uint8_t how, uint8_t first,
               uint8_t packets) {
  Writer writer(layout, kEverything);
  for (uint8_t load = first; load < first + kCalls / 2; ++load) {
    const bool in_send = !receives && load % 2 == 1;
    const auto which = static_cast<uint8_t>(receives ? load : load / 2);
    // The ring is filled and used...
    writer.Number(receives ? 7 : packets, 1);
    if (receives) {
      writer.PeerWrites(0, 0);
      writer.Tags(0, 0, 0);
    } else {
      for (int i = 0; i < packets; ++i) writer.Number(1, 1);
      writer.Tags(load % 4, how, load);
      writer.PeerWrites(in_send ? how : 0, which);
    }
    writer.Number(1, 1);
    writer.Number(packets, 1);
    for (int i = 1; i < packets; ++i) writer.Use(Way::kInTurn);
    writer.Use(load % 2 == 0 ? Way::kInTurn : Way::kSaying);
    // ...and looked at.
    writer.Number(receives ? 7 : kComplete & 0xf8, 1);
    if (receives) {
      writer.PeerWrites(how, which);
      writer.Tags(load % 4, how, load);
    } else {
      writer.Tags(0, 0, 0);
      writer.PeerWrites(in_send ? 0 : how, which);
    }
    writer.Number(1, 1);
    writer.Number(kStartOver, 1);
  }
  return writer.Take();
}

// Split rings, whose used elements are read four at a time.
bool TakesFours(uint8_t layout) {
  return !virtio_user::AllLayouts()[layout].packed();
}

// Of one layout, with everything accepted: without lanes; and where chains are
// given back four at a time or several by one element, around the end of a
// split ring's index.
void AddRings(bool receives, uint8_t layout, std::vector<Seed>& inputs) {
  const auto add = [&](std::string_view name, Way way, uint8_t ring) {
    inputs.push_back({"layout_" + std::to_string(layout) + std::string(name),
                      receives ? Receiving(layout, kEverything, way, ring)
                               : Sending(layout, kEverything, way, ring)});
  };
  add("_unlaned", Way::kSaying, kUnlaned);
  if (!TakesFours(layout)) return;
  add("_near_the_end", Way::kBatch, kNearTheEnd);
  add("_unlaned_near_the_end", Way::kInTurn, kNearTheEnd | kUnlaned);
}

std::vector<Seed> Lives(bool receives) {
  constexpr uint8_t kTwo = 2;
  constexpr uint8_t kMoreThanFour = 6;
  std::vector<Seed> inputs;
  for (const auto& [layout, host, guest] : kSayings) {
    const std::string name = "layout_" + std::to_string(layout) + "_says_";
    inputs.push_back({name + "all", SayingAll(receives, layout, kEverything)});
    inputs.push_back({name + "too_much",
                      SayingAll(receives, layout, 0, receives ? guest : host)});
  }
  for (uint8_t layout = 0; layout < kLayouts; ++layout) {
    const std::string name = "layout_" + std::to_string(layout) + "_";
    for (const auto& [way_name, way] : kWays) {
      const uint8_t also = way == Way::kSaying ? kEverything : 0;
      inputs.push_back({name + std::string(way_name),
                        receives ? Receiving(layout, also, way)
                                 : Sending(layout, also, way)});
    }
    AddRings(receives, layout, inputs);
    for (uint8_t moment = 0; moment < kMoments; ++moment) {
      // Each with another value.
      const auto how = static_cast<uint8_t>(8 * moment + 1 + 2 * moment);
      for (uint8_t first = 0; first < kMostLoads; first += kCalls / 2) {
        inputs.push_back({name + "peer_writes_" + std::to_string(how) +
                              "_from_" + std::to_string(first),
                          Changing(layout, receives, how, first, kTwo)});
      }
      if (!TakesFours(layout)) continue;
      inputs.push_back(
          {name + "peer_writes_" + std::to_string(how) + "_in_fours",
           Changing(layout, receives, how, 0, kMoreThanFour)});
    }
  }
  return inputs;
}

}  // namespace

std::vector<Seed> RxRingSeeds() { return Lives(true); }
std::vector<Seed> TxRingSeeds() { return Lives(false); }

}  // namespace fuzz
