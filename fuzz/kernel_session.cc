// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/kernel_session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/ring.h"

namespace fuzz {

using virtio_user::DeviceAddr;
using virtio_user::Fail;
using virtio_user::Feature;
using virtio_user::FeatureSet;
using virtio_user::FileDescriptor;
using virtio_user::MemoryTable;
using virtio_user::Result;
using virtio_user::RingFormat;
using virtio_user::RingLayout;
using virtio_user::VringBase;
using virtio_user::VringBaseQuery;
using virtio_user::VringEnable;

namespace {

constexpr virtio_user::Duration kBudget = std::chrono::seconds(2);
// Of a command for a control queue, and within the call's budget.
constexpr virtio_user::Duration kControlBudget = std::chrono::milliseconds(300);
constexpr virtio_user::Duration kNoTime{0};

template <typename T>
Result<void> ToVoid(const Result<T>& result) {
  return result ? Result<void>() : Fail(result);
}

}  // namespace

KernelSession::~KernelSession() {
  if (!rings_.empty()) parts_.memory.Free(rings_);
}

void KernelSession::Grant(virtio_user::Duration budget) {
  parts_.granted(budget);
  parts_.backend.BeginCall(budget);
}

Result<void> KernelSession::Did(Result<void> done) {
  parts_.heard(done);
  parts_.orders.Judge(done);
  parts_.answers.BeginCall();
  // A vDPA device that is not known any more was closed, which ends all.
  if (parts_.pairs == 0 && !IsAttached(parts_.backend.link().Poll())) {
    parts_.orders.Closed();
  }
  return done;
}

void KernelSession::Run() {
  constexpr int kMostLives = 3;
  constexpr uint8_t kStartsAgain = 2;
  constexpr size_t kOpening = 0;
  constexpr size_t kNegotiating = 1;
  RunFrom(kOpening);
  for (int life = 1; life < kMostLives; ++life) {
    const uint8_t way = parts_.choose();
    if (way == 0) break;
    Grant(kBudget);
    const bool stays = way % kStartsAgain == 0 && is_known_ &&
                       IsAttached(parts_.backend.link().Poll()) && Stop();
    if (!stays) Leave();
    RunFrom(stays ? kNegotiating : kOpening);
  }
  Leave();
}

void KernelSession::RunFrom(size_t first) {
  constexpr Step kSteps[] = {
      &KernelSession::Open,         &KernelSession::Negotiate,
      &KernelSession::LookAtConfig, &KernelSession::SetUp,
      &KernelSession::Start,        &KernelSession::Work,
      &KernelSession::Stop};
  for (size_t i = first; i < std::size(kSteps); ++i) {
    Grant(kBudget);
    if (!(this->*kSteps[i])()) return;
  }
}

// A device is reset before its memory is gone.
void KernelSession::Leave() {
  const bool attached = IsAttached(parts_.backend.link().Poll());
  Grant(virtio_user::kDefaultCallBudget);
  parts_.orders.Detach();
  parts_.backend.link().Detach();
  // It has nobody to tell of a failure.
  const bool told = attached && parts_.answers.AllIsWell();
  parts_.answers.BeginCall();
  parts_.heard({});
  if (told) parts_.orders.Judge({});
  parts_.orders.Closed();
  Expect(!IsAttached(parts_.backend.link().Poll()), "link",
         "it is still there");
}

Result<void> KernelSession::InBatch(
    const std::function<Result<void>()>& calls) {
  virtio_user::Batch batch(parts_.backend);
  const auto queued = calls();
  parts_.heard(queued);
  parts_.orders.JudgeQueued();
  if (!queued) {
    parts_.orders.Judge(queued);
    return queued;
  }
  const auto done = batch.Commit();
  return Did(done ? Result<void>() : std::unexpected(done.error().error));
}

Result<void> KernelSession::Open() {
  virtio_user::VhostBackend& backend = parts_.backend;
  is_known_ = false;
  parts_.orders.Attach();
  const auto attached = backend.link().Attach();
  (void)Did(attached);
  if (!attached) {
    parts_.orders.Closed();
    return attached;
  }
  parts_.orders.SetOwner();
  if (auto done = Did(backend.SetOwner()); !done) return done;
  parts_.orders.GetFeatures();
  const auto offered = backend.GetFeatures();
  if (offered) parts_.answers.JudgeFeatures(*offered, parts_.pairs);
  offered_ = offered.value_or(FeatureSet());
  is_known_ = offered.has_value();
  return Did(ToVoid(offered));
}

Result<void> KernelSession::SetStatus(uint8_t status) {
  parts_.orders.SetStatus(status);
  return Did(parts_.backend.SetStatus(status));
}

Result<void> KernelSession::Negotiate() {
  virtio_user::VhostBackend& backend = parts_.backend;
  const KernelUse& use = parts_.use;
  features_ = offered_;
  if (!use.packed) features_ = features_ & ~FeatureSet{Feature::kRingPacked};
  if (use.no_commands) {
    features_ = features_ & ~FeatureSet{Feature::kNetCtrlVq};
  }
  if (use.legacy) {
    features_ =
        features_ & ~FeatureSet{Feature::kVersion1, Feature::kNetMrgRxbuf};
  }
  parts_.orders.SetFeatures(features_);
  if (auto done = Did(backend.SetFeatures(features_)); !done) return done;
  if (!backend.caps().status) return {};
  const uint8_t status = virtio_user::kStatusAcknowledge |
                         virtio_user::kStatusDriver |
                         virtio_user::kStatusFeaturesOk;
  if (auto done = SetStatus(status); !done) return done;
  const auto now = backend.GetStatus();
  if (now) parts_.answers.JudgeStatus(*now);
  return Did(ToVoid(now));
}

Result<void> KernelSession::LookAtConfig() {
  virtio_user::VhostBackend& backend = parts_.backend;
  LookAround();
  if (!backend.caps().config) return {};
  std::array<std::byte, virtio_user::kNetConfigFrontBytes> config;
  const auto got = backend.GetConfig(0, config);
  if (got) parts_.answers.JudgeConfig(config);
  if (auto done = Did(got); !done) return done;
  // Devices need not take it.
  const auto mac = std::span(config).first(6);
  parts_.orders.SetConfig(mac);
  (void)Did(backend.SetConfig(0, mac));
  return {};
}

Result<void> KernelSession::ShareMemory() {
  Result<void> done;
  parts_.memory.WithTable([&](const MemoryTable& table) {
    parts_.orders.SetMemTable(table);
    done = parts_.backend.SetMemTable(table);
  });
  return done;
}

Result<void> KernelSession::Start() {
  if (auto done = Enable(VringEnable::kEnabled); !done) return done;
  if (!parts_.backend.caps().status) return {};
  return SetStatus(virtio_user::kStatusAcknowledge |
                   virtio_user::kStatusDriver | virtio_user::kStatusFeaturesOk |
                   virtio_user::kStatusDriverOk);
}

// None of it is needed: what fails here leaves the rings running.
Result<void> KernelSession::Work() {
  virtio_user::VhostBackend& backend = parts_.backend;
  if (backend.caps().own_control_queue) TryControl();
  if (backend.caps().guest_offloads) {
    const FeatureSet some =
        features_ & FeatureSet{Feature::kNetGuestCsum, Feature::kNetGuestTso6};
    parts_.orders.SetGuestOffloads(some);
    (void)Did(backend.SetGuestOffloads(some));
  }
  if (backend.caps().doorbells) (void)Did(ToVoid(backend.MapDoorbell(0)));
  if (backend.caps().live_mem_table) (void)Did(ShareMemory());
  LookAround();
  return {};
}

// Once with the call's budget as the shorter one, once with its own.
void KernelSession::TryControl() {
  constexpr std::byte kPromiscuousOn[] = {std::byte{0}, std::byte{0},
                                          std::byte{1}};
  virtio_user::VhostBackend& backend = parts_.backend;
  Grant(kControlBudget);
  (void)Did(ToVoid(backend.SendControl(kPromiscuousOn, kBudget)));
  Grant(kBudget);
  parts_.granted(kControlBudget);
  const auto ack = backend.SendControl(kPromiscuousOn, kControlBudget);
  // A device that does not answer in time is reset in what the call has left.
  const bool is_lost = !IsAttached(backend.link().Poll());
  if (is_lost) parts_.granted(kBudget);
  (void)Did(ToVoid(ack));
  Grant(kBudget);
}

void KernelSession::LookAround() {
  Grant(kNoTime);
  const virtio_user::BackendNews news = parts_.backend.TakeNews();
  (void)Did(news.trouble ? std::unexpected(*news.trouble) : Outcome());
  (void)parts_.backend.link().Poll();
  (void)Did({});
  Grant(kBudget);
}

Result<void> KernelSession::Stop() {
  if (auto done = Enable(VringEnable::kDisabled); !done) return done;
  std::array<VringBaseQuery, kMostRings> all;
  for (uint16_t ring = 0; ring < kMostRings; ++ring) all[ring].vring = ring;
  const auto queries = std::span(all).first(ring_count_);
  const RingEnd end = parts_.orders.Runs()     ? RingEnd::kRan
                      : parts_.orders.MayRun() ? RingEnd::kMayHaveRun
                                               : RingEnd::kNew;
  UseOne();
  parts_.orders.GetVringBases(ring_count_);
  const auto told = parts_.backend.GetVringBases(queries);
  if (told) JudgeBases(queries, end);
  const auto stopped = Did(told);
  if (!stopped || !parts_.backend.caps().status) return stopped;
  return SetStatus(virtio_user::kStatusReset);
}

}  // namespace fuzz
