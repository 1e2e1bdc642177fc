// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/back_end_calls.h"

#include <array>
#include <span>
#include <utility>

#include "fuzz/call_arguments.h"
#include "fuzz/call_results.h"
#include "fuzz/finding.h"
#include "tests/fakes/vhost_user_session.h"
#include "virtio_user/base/mac_address.h"

namespace fuzz {

using virtio_user::Duration;
using virtio_user::Fail;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::InflightShape;
using virtio_user::Result;
using virtio_user::RingFormat;
using virtio_user::VringBaseQuery;
using virtio_user::VringEnable;

namespace {

constexpr Duration kUsualBudget = std::chrono::seconds(2);
constexpr Duration kNoTime{0};
template <typename T>
Result<void> ToVoid(const Result<T>& result) {
  return result ? Result<void>() : Fail(result);
}

}  // namespace

void BackEndCalls::Make(Reader calls) {
  if (calls.empty()) {
    return Watched(kUsualBudget, {}, [this] { return UsualSession(); });
  }
  Watched(budget_, {}, [this] { return Open(); });
  for (size_t made = 0; made < kMost && !calls.empty(); ++made) {
    MakeOne(calls.Byte());
  }
}

void BackEndCalls::End() {
  if (std::exchange(in_batch_, false)) Discard();
  Watched(kNoTime, {}, [this] {
    backend_.link().Detach();
    notes_ = {};
    return Outcome();
  });
}

void BackEndCalls::MakeOne(uint8_t byte) {
  const auto call = static_cast<BackEndCall>(byte & 31);
  const unsigned argument = byte >> 5;
  switch (call) {
    case BackEndCall::kBudget:
      budget_ = BudgetOf(argument);
      return;
    case BackEndCall::kDetach:
      return Watched(kNoTime, {}, [this] {
        backend_.link().Detach();
        return Outcome();
      });
    case BackEndCall::kLook:
      return Watched(kNoTime, {}, [this] { return Look(); });
    case BackEndCall::kTakeNews:
      return Watched(kNoTime, {}, [this] { return TakeNews(); });
    default:
      return Watched(budget_, CausesNow(call, argument),
                     [&] { return Link(call, argument); });
  }
}

Causes BackEndCalls::CausesNow(BackEndCall call, unsigned argument) const {
  return CausesOf(known_, {.call = call,
                           .argument = argument,
                           .attached = channel_.attached(),
                           .has_notes = notes_.fd.valid()});
}

void BackEndCalls::Watched(Duration granted, const Causes& causes,
                           virtio_user::FunctionRef<Outcome()> make) {
  const CallBegin begin = {.at = channel_.now(),
                           .granted = granted,
                           .attached = channel_.attached(),
                           .sent_bytes = channel_.sent_bytes(),
                           .causes = causes};
  channel_.heard().BeginCall();
  backend_.BeginCall(granted);
  const Outcome done = make();
  Expect(channel_.now() - begin.at <= granted, "deadline",
         "a call takes longer than it was granted");
  const size_t handed_on = notes_.fd.valid() ? 1 : 0;
  Expect(channel_.open_fds() == handed_on, "descriptors", "one is left");
  JudgeCall(channel_, begin, done);
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
      if (std::exchange(in_batch_, false)) Discard();
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
    case BackEndCall::kGetFeatures:
      return GetFeatures();
    case BackEndCall::kSetFeatures:
      return SetFeatures(argument);
    case BackEndCall::kSetMemTable: {
      const auto done = backend_.SetMemTable(TableOf(argument));
      known_.SetMemTable(TableOf(argument), done);
      return done;
    }
    case BackEndCall::kChangeMemTable: {
      const auto done = backend_.ChangeMemTable(TableOf(argument));
      known_.ChangeMemTable(TableOf(argument), done);
      return done;
    }
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
    case BackEndCall::kSetVringKick: {
      const auto done = backend_.SetVringKick(ring, second ? -1 : 25);
      known_.Kick(ring, done);
      return done;
    }
    case BackEndCall::kSetVringEnable:
      return backend_.SetVringEnable(
          ring, second ? VringEnable::kDisabled : VringEnable::kEnabled);
    case BackEndCall::kGetVringBases:
      return GetBases(AskedRingsOf(argument).used());
    default:
      return Device(call, argument);
  }
}

Result<void> BackEndCalls::Device(BackEndCall call, unsigned argument) {
  switch (call) {
    case BackEndCall::kGetStatus: {
      const auto status = backend_.GetStatus();
      Expect(!status || *status == channel_.heard().values().status, "status",
             "another one");
      return ToVoid(status);
    }
    case BackEndCall::kSetStatus:
      return backend_.SetStatus(StatusOf(argument));
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
  const ConfigRange range = ConfigRangeOf(argument);
  std::array<std::byte, kMostConfigBytes + 1> space{};
  const auto bytes = std::span(space).first(range.bytes);
  if (call == BackEndCall::kSetConfig) {
    return backend_.SetConfig(range.offset, bytes);
  }
  const auto done = backend_.GetConfig(range.offset, bytes);
  JudgeConfig(channel_, range.offset, bytes, done);
  return done;
}

Result<void> BackEndCalls::Inflight(BackEndCall call, unsigned argument) {
  if (call == BackEndCall::kGetInflight) {
    const InflightShape shape = ShapeOf(argument);
    auto notes = backend_.GetInflight(shape);
    if (!notes) return Fail(notes);
    notes_ = *std::move(notes);
    JudgeNotes(channel_, notes_, shape);
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
  const auto done = backend_.link().Attach();
  if (done) known_.Attach();
  return done;
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
  channel_.asked().CompareNews({.config_changed = news.config_changed,
                                .trouble = news.trouble.has_value()});
  return {};
}

Result<void> BackEndCalls::Open() {
  if (auto done = Attach(false); !done) return done;
  if (auto done = backend_.SetOwner(); !done) return done;
  return GetFeatures();
}

Result<void> BackEndCalls::UsualSession() {
  static const virtio_user::TwoRegions kRegions;
  virtio_user::VhostUserSession session(backend_, kRegions.table());
  auto done = session.Run();
  if (done) JudgeBases(channel_, session.bases, layout_);
  return done;
}

Result<void> BackEndCalls::GetFeatures() {
  const auto offered = backend_.GetFeatures();
  offered_ = offered.value_or(FeatureSet());
  if (offered) {
    JudgeFeatures(channel_, backend_, offered_);
    known_.Agree(SaidAgreement(channel_));
  } else if (!in_batch_) {
    known_.LoseAgreement();
  }
  return ToVoid(offered);
}

Result<void> BackEndCalls::SetFeatures(unsigned argument) {
  const FeatureSet features = FeaturesOf(argument, offered_);
  if (features.high() == 0) {
    SetLayout(features.Has(Feature::kRingPacked) ? RingFormat::kPacked
                                                 : RingFormat::kSplit);
  }
  return backend_.SetFeatures(features);
}

void BackEndCalls::SetLayout(RingFormat layout) {
  layout_ = layout;
  channel_.heard().set_packed(layout == RingFormat::kPacked);
}

Result<void> BackEndCalls::BatchStep() {
  if (std::exchange(in_batch_, !in_batch_)) return Commit();
  BeginBatch();
  return {};
}

void BackEndCalls::BeginBatch() {
  backend_.BeginBatch();
  known_.BeginBatch();
  layout_before_batch_ = layout_;
}

// What was queued was never said.
void BackEndCalls::Discard() {
  backend_.Discard();
  known_.Discard();
  SetLayout(layout_before_batch_);
}

Result<void> BackEndCalls::Commit() {
  const auto committed = backend_.Commit();
  const Outcome done =
      committed ? Outcome() : std::unexpected(committed.error().error);
  known_.Commit(done);
  return done;
}

Result<void> BackEndCalls::Lacking(unsigned argument) {
  if (argument == 0) return ToVoid(backend_.MapDoorbell(0));
  if (argument == 1) return ToVoid(backend_.SendControl({}, kUsualBudget));
  return backend_.SetGuestOffloads({Feature::kNetGuestCsum});
}

Result<void> BackEndCalls::Start(unsigned argument) {
  if (in_batch_) return TellStart(argument);
  BeginBatch();
  const auto told = TellStart(argument);
  if (told) return Commit();
  Discard();
  return told;
}

Result<void> BackEndCalls::TellStart(unsigned argument) {
  constexpr BackEndCall kOfARing[] = {
      BackEndCall::kSetVringCall, BackEndCall::kSetVringNum,
      BackEndCall::kSetVringBase, BackEndCall::kSetVringAddr,
      BackEndCall::kSetVringKick, BackEndCall::kSetVringEnable};
  if (auto done = Features(BackEndCall::kSetMemTable, argument); !done) {
    return done;
  }
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
  constexpr uint16_t kBoth[] = {0, 1};
  return GetBases(kBoth);
}

Result<void> BackEndCalls::GetBases(std::span<const uint16_t> rings) {
  std::array<VringBaseQuery, HeardAnswers::kMostBases> room;
  const auto queries = std::span(room).first(rings.size());
  for (size_t i = 0; i < rings.size(); ++i) queries[i].vring = rings[i];
  auto done = backend_.GetVringBases(queries);
  if (done) JudgeBases(channel_, queries, layout_);
  known_.GetBases(rings, done);
  return done;
}

}  // namespace fuzz
