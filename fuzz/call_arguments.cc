// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/call_arguments.h"

#include <array>
#include <chrono>
#include <iterator>
#include <span>

#include "virtio_user/base/check.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/vhost_user.h"

namespace fuzz {

using std::chrono::milliseconds;
using virtio_user::Duration;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::InflightShape;
using virtio_user::MemoryTable;

namespace {

// Tables that follow each other in every way: equal, with more, with less, with
// a region that has grown, with one that was cut, of another file at the same
// place, with nothing, and of more regions than one message carries.
class Tables {
 public:
  Tables() {
    Add(0, {.page = 0}).Add(0, {.page = 4});
    Add(1, {.page = 0});
    Add(2, {.page = 0, .pages = 2}).Add(2, {.page = 4});
    Add(3, {.page = 1}).Add(3, {.page = 4});
    Add(4, {.page = 0, .file = 1}).Add(4, {.page = 4});
    Add(5, {.page = 0}).Add(5, {.page = 4}).Add(5, {.page = 6});
    for (size_t i = 0; i < kPages; ++i) Add(6, {.page = i});
  }
  const MemoryTable& operator[](size_t i) const { return tables_[i]; }

 private:
  static constexpr size_t kPages = 9;
  static constexpr size_t kPageBytes = 0x1000;

  struct Place {
    size_t page = 0;
    size_t pages = 1;
    int file = 0;
  };
  Tables& Add(size_t table, const Place& at) {
    const size_t begin = at.page * kPageBytes;
    const bool added = tables_[table]
                           .Add({.host = std::span(memory_).subspan(
                                     begin, at.pages * kPageBytes),
                                 .published = 0x10000 + begin,
                                 .iova = 0x10000 + begin,
                                 .fd = 31 + at.file,
                                 .offset = begin})
                           .has_value();
    VU_CHECK(added);
    return *this;
  }

  std::array<std::byte, kPages * kPageBytes> memory_{};
  std::array<MemoryTable, kArguments> tables_;
};

}  // namespace

FeatureSet FeaturesOf(size_t i, FeatureSet offered) {
  const FeatureSet sets[] = {{Feature::kVersion1},
                             offered,
                             {Feature::kVersion1, Feature::kRingPacked},
                             FeatureSet::FromWords(0, 8)};
  return sets[i % std::size(sets)];
}

const MemoryTable& TableOf(size_t i) {
  static const auto* const kTables = new Tables;
  return (*kTables)[i];
}

// Two rings that there are, the last one that a message can name, and two that
// it cannot.
uint16_t RingOf(size_t i) {
  constexpr std::array<uint16_t, kArguments> kRings = {0, 1,   0,   1,
                                                       3, 255, 256, 0xffff};
  return kRings[i];
}

// None of them, one, two, or three.
AskedRings AskedRingsOf(size_t i) {
  AskedRings asked = {.rings = {RingOf(i), 1, 0}};
  asked.count = i % (asked.rings.size() + 1);
  return asked;
}

uint8_t StatusOf(size_t i) {
  constexpr std::array<uint8_t, kArguments> kStatuses = {0,    1,    3,    0x0b,
                                                         0x0f, 0x4f, 0x80, 255};
  return kStatuses[i];
}

// What was read ahead, or could have been, other places, and what no message
// carries.
ConfigRange ConfigRangeOf(size_t i) {
  using virtio_user::kNetConfigFrontBytes;
  using virtio_user::kNetConfigMtuBytes;
  constexpr size_t kMostBytes = virtio_user::kVhostUserMaxConfigBytes;
  constexpr std::array<ConfigRange, kArguments> kRanges = {
      {{0, kNetConfigFrontBytes},
       {0, kNetConfigMtuBytes},
       {2, kNetConfigFrontBytes},
       {6, 2},
       {0, kMostBytes},
       {UINT32_MAX, 1},
       {0, 0},
       {0, kMostBytes + 1}}};
  return kRanges[i];
}

InflightShape ShapeOf(size_t i) {
  constexpr std::array<InflightShape, kArguments> kShapes = {{{2, 8},
                                                              {2, 256},
                                                              {1, 0x8000},
                                                              {0, 0},
                                                              {0xffff, 0xffff},
                                                              {2, 8},
                                                              {2, 8},
                                                              {2, 8}}};
  return kShapes[i];
}

Duration BudgetOf(size_t i) {
  constexpr std::array<Duration, kArguments> kBudgets = {
      milliseconds(2000), milliseconds(500), milliseconds(200),
      milliseconds(100),  milliseconds(50),  milliseconds(10),
      milliseconds(1),    milliseconds(0)};
  return kBudgets[i];
}

}  // namespace fuzz
