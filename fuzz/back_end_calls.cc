// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/back_end_calls.h"

#include <array>
#include <span>
#include <utility>

#include "fuzz/finding.h"
#include "tests/fakes/vhost_user_session.h"
#include "virtio_user/base/check.h"
#include "virtio_user/base/mac_address.h"

namespace fuzz {

using std::chrono::milliseconds;
using virtio_user::Duration;
using virtio_user::Fail;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::InflightShape;
using virtio_user::MemoryRegion;
using virtio_user::MemoryTable;
using virtio_user::Result;
using virtio_user::VringBaseQuery;
using virtio_user::VringEnable;

namespace {

constexpr Duration kUsualBudget = std::chrono::seconds(2);
constexpr Duration kNoTime{0};
constexpr size_t kArguments = 8;

template <typename T>
Result<void> ToVoid(const Result<T>& result) {
  return result ? Result<void>() : Fail(result);
}

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

const MemoryTable& Table(size_t i) {
  static const auto* const kTables = new Tables;
  return (*kTables)[i];
}

// Two rings that there are, the last one that a message can name, and two that
// it cannot.
uint16_t RingOf(unsigned argument) {
  constexpr std::array<uint16_t, kArguments> kRings = {0, 1,   0,   1,
                                                       3, 255, 256, 0xffff};
  return kRings[argument];
}

}  // namespace

void BackEndCalls::Make(Reader calls) {
  if (calls.empty()) {
    return Watched(kUsualBudget, [this] { return UsualSession(); });
  }
  Watched(budget_, [this] { return Open(); });
  for (size_t made = 0; made < kMost && !calls.empty(); ++made) {
    MakeOne(calls.Byte());
  }
}

void BackEndCalls::End() {
  if (std::exchange(in_batch_, false)) backend_.Discard();
  Watched(kNoTime, [this] {
    backend_.link().Detach();
    notes_ = {};
    return Outcome();
  });
}

void BackEndCalls::MakeOne(uint8_t byte) {
  constexpr std::array<Duration, kArguments> kBudgets = {
      kUsualBudget,     milliseconds(500), milliseconds(200), milliseconds(100),
      milliseconds(50), milliseconds(10),  milliseconds(1),   kNoTime};
  const auto call = static_cast<BackEndCall>(byte & 31);
  const unsigned argument = byte >> 5;
  switch (call) {
    case BackEndCall::kBudget:
      budget_ = kBudgets[argument];
      return;
    case BackEndCall::kDetach:
      return Watched(kNoTime, [this] {
        backend_.link().Detach();
        return Outcome();
      });
    case BackEndCall::kLook:
      return Watched(kNoTime, [this] { return Look(); });
    case BackEndCall::kTakeNews:
      return Watched(kNoTime, [this] { return TakeNews(); });
    default:
      return Watched(budget_, [&] { return Link(call, argument); });
  }
}

void BackEndCalls::Watched(Duration granted,
                           virtio_user::FunctionRef<Outcome()> make) {
  const Duration before = channel_.now();
  backend_.BeginCall(granted);
  const Outcome done = make();
  Expect(channel_.now() - before <= granted, "deadline",
         "a call takes longer than it was granted");
  const size_t handed_on = notes_.fd.valid() ? 1 : 0;
  Expect(channel_.open_fds() == handed_on, "descriptors", "one is left");
  if (done) return;
  Expect(!done.error().text().empty(), "error", "no reason");
  Expect(!virtio_user::LosesPeer(done.error().code()) || !channel_.attached(),
         "link", "a peer that was lost is attached");
}

Result<void> BackEndCalls::Link(BackEndCall call, unsigned argument) {
  switch (call) {
    case BackEndCall::kAttach:
      return Attach(argument == kArguments - 1);
    case BackEndCall::kOpen:
      return Open();
    case BackEndCall::kBatch:
      return BatchStep();
    case BackEndCall::kDiscard:
      if (std::exchange(in_batch_, false)) backend_.Discard();
      return {};
    case BackEndCall::kStart:
      return Start(argument);
    case BackEndCall::kStop:
      return Stop();
    default:
      return Features(call, argument);
  }
}

Result<void> BackEndCalls::Features(BackEndCall call, unsigned argument) {
  switch (call) {
    case BackEndCall::kSetOwner:
      return backend_.SetOwner();
    case BackEndCall::kGetFeatures: {
      const auto offered = backend_.GetFeatures();
      offered_ = offered.value_or(FeatureSet());
      return ToVoid(offered);
    }
    case BackEndCall::kSetFeatures:
      return SetFeatures(argument);
    case BackEndCall::kSetMemTable:
      return backend_.SetMemTable(Table(argument));
    case BackEndCall::kChangeMemTable:
      return backend_.ChangeMemTable(Table(argument));
    default:
      return Ring(call, argument);
  }
}

Result<void> BackEndCalls::Ring(BackEndCall call, unsigned argument) {
  const uint16_t ring = RingOf(argument);
  const bool second = argument % 4 > 1;
  switch (call) {
    case BackEndCall::kSetVringNum:
      return backend_.SetVringNum(ring, second ? 256 : 8);
    case BackEndCall::kSetVringBase:
      return backend_.SetVringBase(ring, {.avail = 7, .used = 5});
    case BackEndCall::kSetVringAddr:
      return backend_.SetVringAddr(
          ring, {.desc = {0x10000}, .avail = {0x10100}, .used = {0x10200}});
    case BackEndCall::kSetVringCall:
      return backend_.SetVringCall(ring, second ? -1 : 0);
    case BackEndCall::kSetVringKick:
      return backend_.SetVringKick(ring, second ? -1 : 25);
    case BackEndCall::kSetVringEnable:
      return backend_.SetVringEnable(
          ring, second ? VringEnable::kDisabled : VringEnable::kEnabled);
    case BackEndCall::kGetVringBases: {
      std::array<VringBaseQuery, 3> queries;
      queries[0].vring = ring;
      queries[1].vring = 1;
      return backend_.GetVringBases(
          std::span(queries).first(argument % (queries.size() + 1)));
    }
    default:
      return Device(call, argument);
  }
}

Result<void> BackEndCalls::Device(BackEndCall call, unsigned argument) {
  constexpr std::array<uint8_t, kArguments> kStatuses = {0,    1,    3,    0x0b,
                                                         0x0f, 0x4f, 0x80, 255};
  switch (call) {
    case BackEndCall::kGetStatus:
      return ToVoid(backend_.GetStatus());
    case BackEndCall::kSetStatus:
      return backend_.SetStatus(kStatuses[argument]);
    case BackEndCall::kSetMtu:
      return backend_.SetMtu(argument == 0 ? 1500 : 0xffff);
    case BackEndCall::kSendRarp:
      return backend_.SendRarp({.bytes = {2, 0, 0, 0, 0, 1}});
    case BackEndCall::kResetDevice:
      return backend_.ResetDevice();
    case BackEndCall::kLacking:
      return Lacking(argument);
    case BackEndCall::kGetConfig:
    case BackEndCall::kSetConfig:
      return Config(call, argument);
    default:
      return Inflight(call, argument);
  }
}

Result<void> BackEndCalls::Config(BackEndCall call, unsigned argument) {
  using virtio_user::kNetConfigFrontBytes;
  using virtio_user::kNetConfigMtuBytes;
  constexpr size_t kMostBytes = virtio_user::kVhostUserMaxConfigBytes;
  struct Range {
    uint32_t offset = 0;
    size_t bytes = 0;
  };
  // What was read ahead, or could have been, other places, and what no message
  // carries.
  constexpr std::array<Range, kArguments> kRanges = {{{0, kNetConfigFrontBytes},
                                                      {0, kNetConfigMtuBytes},
                                                      {2, kNetConfigFrontBytes},
                                                      {6, 2},
                                                      {0, kMostBytes},
                                                      {UINT32_MAX, 1},
                                                      {0, 0},
                                                      {0, kMostBytes + 1}}};
  const Range& range = kRanges[argument];
  std::array<std::byte, kMostBytes + 1> space{};
  const auto bytes = std::span(space).first(range.bytes);
  return call == BackEndCall::kGetConfig
             ? backend_.GetConfig(range.offset, bytes)
             : backend_.SetConfig(range.offset, bytes);
}

Result<void> BackEndCalls::Inflight(BackEndCall call, unsigned argument) {
  constexpr std::array<InflightShape, kArguments> kShapes = {{{2, 8},
                                                              {2, 256},
                                                              {1, 0x8000},
                                                              {0, 0},
                                                              {0xffff, 0xffff},
                                                              {2, 8},
                                                              {2, 8},
                                                              {2, 8}}};
  if (call == BackEndCall::kGetInflight) {
    auto notes = backend_.GetInflight(kShapes[argument]);
    if (!notes) return Fail(notes);
    notes_ = *std::move(notes);
    return {};
  }
  // Only a region that has a descriptor is told of.
  return notes_.fd.valid() ? backend_.SetInflight(notes_) : Outcome();
}

// Not inside of a batch, which is of one link.
Result<void> BackEndCalls::Attach(bool in_vain) {
  if (in_batch_) return {};
  backend_.link().Detach();
  if (in_vain) channel_.RefuseAttach();
  return backend_.link().Attach();
}

Result<void> BackEndCalls::Look() {
  (void)backend_.link().Poll();
  (void)backend_.link().fd();
  (void)backend_.news_fd();
  (void)backend_.caps();
  (void)backend_.protocol_features();
  return {};
}

Result<void> BackEndCalls::TakeNews() {
  const virtio_user::BackendNews news = backend_.TakeNews();
  Expect(!news.trouble || !news.trouble->text().empty(), "news", "no reason");
  return {};
}

Result<void> BackEndCalls::Open() {
  if (auto done = Attach(false); !done) return done;
  if (auto done = backend_.SetOwner(); !done) return done;
  return Features(BackEndCall::kGetFeatures, 0);
}

Result<void> BackEndCalls::UsualSession() {
  static const virtio_user::TwoRegions kRegions;
  return virtio_user::VhostUserSession(backend_, kRegions.table()).Run();
}

Result<void> BackEndCalls::SetFeatures(unsigned argument) {
  switch (argument % 4) {
    case 0:
      return backend_.SetFeatures({Feature::kVersion1});
    case 1:
      return backend_.SetFeatures(offered_);
    case 2:
      return backend_.SetFeatures({Feature::kVersion1, Feature::kRingPacked});
    default:
      // Above what a vhost-user feature word has.
      return backend_.SetFeatures(FeatureSet::FromWords(0, 8));
  }
}

Result<void> BackEndCalls::BatchStep() {
  if (std::exchange(in_batch_, !in_batch_)) return Commit();
  backend_.BeginBatch();
  return {};
}

Result<void> BackEndCalls::Commit() {
  const auto done = backend_.Commit();
  return done ? Outcome() : std::unexpected(done.error().error);
}

Result<void> BackEndCalls::Lacking(unsigned argument) {
  if (argument == 0) return ToVoid(backend_.MapDoorbell(0));
  if (argument == 1) return ToVoid(backend_.SendControl({}, kUsualBudget));
  return backend_.SetGuestOffloads({Feature::kNetGuestCsum});
}

Result<void> BackEndCalls::Start(unsigned argument) {
  if (in_batch_) return TellStart(argument);
  backend_.BeginBatch();
  const auto told = TellStart(argument);
  if (told) return Commit();
  backend_.Discard();
  return told;
}

Result<void> BackEndCalls::TellStart(unsigned argument) {
  constexpr BackEndCall kOfARing[] = {
      BackEndCall::kSetVringCall, BackEndCall::kSetVringNum,
      BackEndCall::kSetVringBase, BackEndCall::kSetVringAddr,
      BackEndCall::kSetVringKick, BackEndCall::kSetVringEnable};
  if (auto done = backend_.SetMemTable(Table(argument)); !done) return done;
  for (const unsigned ring : {0u, 1u}) {
    for (const BackEndCall call : kOfARing) {
      if (call == BackEndCall::kSetVringEnable && !backend_.caps().ring_enable)
        continue;
      if (auto done = Ring(call, ring); !done) return done;
    }
  }
  return {};
}

Result<void> BackEndCalls::Stop() {
  std::array<VringBaseQuery, 2> queries;
  queries[1].vring = 1;
  return backend_.GetVringBases(queries);
}

}  // namespace fuzz
