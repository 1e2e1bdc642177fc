// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/kernel_session.h"

#include <algorithm>
#include <chrono>

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
using virtio_user::VringBaseQuery;
using virtio_user::VringEnable;

namespace {

constexpr uint16_t kRingSize = 8;
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
  return done;
}

Result<void> KernelSession::Run() {
  constexpr Step kSteps[] = {
      &KernelSession::Open,         &KernelSession::Negotiate,
      &KernelSession::LookAtConfig, &KernelSession::SetUp,
      &KernelSession::Start,        &KernelSession::Work,
      &KernelSession::Stop};
  for (const Step step : kSteps) {
    Grant(kBudget);
    if (auto done = (this->*step)(); !done) return done;
  }
  return {};
}

Result<void> KernelSession::InBatch(
    const std::function<Result<void>()>& calls) {
  virtio_user::Batch batch(parts_.backend);
  if (auto done = Did(calls()); !done) return done;
  const auto done = batch.Commit();
  return Did(done ? Result<void>() : std::unexpected(done.error().error));
}

Result<void> KernelSession::Open() {
  virtio_user::VhostBackend& backend = parts_.backend;
  if (auto done = Did(backend.link().Attach()); !done) return done;
  if (auto done = Did(backend.SetOwner()); !done) return done;
  const auto offered = backend.GetFeatures();
  if (offered) parts_.answers.JudgeFeatures(*offered);
  // The rings here are split.
  offered_ = offered.value_or(FeatureSet()) & ~FeatureSet{Feature::kRingPacked};
  return Did(ToVoid(offered));
}

Result<void> KernelSession::Negotiate() {
  virtio_user::VhostBackend& backend = parts_.backend;
  if (auto done = Did(backend.SetFeatures(offered_)); !done) return done;
  if (!backend.caps().status) return {};
  const uint8_t status = virtio_user::kStatusAcknowledge |
                         virtio_user::kStatusDriver |
                         virtio_user::kStatusFeaturesOk;
  if (auto done = Did(backend.SetStatus(status)); !done) return done;
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
  (void)Did(backend.SetConfig(0, std::span(config).first(6)));
  return {};
}

Result<DeviceAddr> KernelSession::AddrOf(const std::byte* at) {
  Result<DeviceAddr> addr = DeviceAddr();
  parts_.memory.WithTable([&](const MemoryTable& table) {
    addr = table.ToDevice(at, 1, parts_.backend.caps().addresses);
  });
  return addr;
}

Result<void> KernelSession::SetUp() {
  const size_t bytes = RingLayout::BytesFor(RingFormat::kSplit, kRingSize);
  const size_t each =
      (bytes + RingLayout::kAlign - 1) & ~(RingLayout::kAlign - 1);
  const auto memory = parts_.memory.Allocate(kRings * each, RingLayout::kAlign);
  if (!memory) return Fail(memory);
  rings_ = *memory;
  std::ranges::fill(rings_, std::byte{0});
  for (FileDescriptor* const fd :
       {&kicks_[0], &kicks_[1], &calls_[0], &calls_[1]}) {
    auto made = FileDescriptor::CreateEvent(parts_.fds);
    if (!made) return Fail(made);
    *fd = *std::move(made);
  }
  return InBatch([this]() -> Result<void> {
    Result<void> done;
    parts_.memory.WithTable([&](const MemoryTable& table) {
      done = parts_.backend.SetMemTable(table);
    });
    for (uint16_t ring = 0; ring < kRings && done; ++ring) {
      done = SetUpRing(ring);
    }
    return done;
  });
}

Result<void> KernelSession::SetUpRing(uint16_t ring) {
  virtio_user::VhostBackend& backend = parts_.backend;
  const size_t each = rings_.size() / kRings;
  const auto layout = RingLayout::PlaceIn(rings_.subspan(ring * each, each),
                                          RingFormat::kSplit, kRingSize);
  if (!layout) return Fail(layout);
  used_[ring] = layout->device;
  const auto desc = AddrOf(layout->desc);
  const auto avail = AddrOf(layout->driver);
  const auto used = AddrOf(layout->device);
  if (!desc || !avail || !used)
    return Fail(!desc ? desc : !avail ? avail : used);
  const int call = calls_[ring].get();
  if (auto done = backend.SetVringCall(ring, call); !done) return done;
  if (auto done = backend.SetVringNum(ring, kRingSize); !done) return done;
  if (auto done = backend.SetVringBase(ring, {}); !done) return done;
  auto done = backend.SetVringAddr(
      ring, {.desc = *desc, .avail = *avail, .used = *used});
  return done ? backend.SetVringKick(ring, kicks_[ring].get()) : done;
}

Result<void> KernelSession::Enable(VringEnable enable) {
  if (!parts_.backend.caps().ring_enable) return {};
  return InBatch([&]() -> Result<void> {
    Result<void> done;
    for (uint16_t ring = 0; ring < kRings && done; ++ring) {
      done = parts_.backend.SetVringEnable(ring, enable);
    }
    return done;
  });
}

Result<void> KernelSession::Start() {
  if (auto done = Enable(VringEnable::kEnabled); !done) return done;
  if (!parts_.backend.caps().status) return {};
  return Did(parts_.backend.SetStatus(
      virtio_user::kStatusAcknowledge | virtio_user::kStatusDriver |
      virtio_user::kStatusFeaturesOk | virtio_user::kStatusDriverOk));
}

// None of it is needed: what fails here leaves the rings running.
Result<void> KernelSession::Work() {
  virtio_user::VhostBackend& backend = parts_.backend;
  if (backend.caps().own_control_queue) TryControl();
  if (backend.caps().guest_offloads) {
    (void)Did(backend.SetGuestOffloads(offered_ &
                                       FeatureSet{Feature::kNetGuestCsum}));
  }
  if (backend.caps().doorbells) (void)Did(ToVoid(backend.MapDoorbell(0)));
  if (backend.caps().live_mem_table) {
    Result<void> done;
    parts_.memory.WithTable(
        [&](const MemoryTable& table) { done = backend.SetMemTable(table); });
    (void)Did(done);
  }
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
  std::array<VringBaseQuery, kRings> queries = {VringBaseQuery{0, {}, false},
                                                VringBaseQuery{1, {}, false}};
  const auto told = parts_.backend.GetVringBases(queries);
  if (told) JudgeBases(queries);
  const auto stopped = Did(told);
  if (!stopped || !parts_.backend.caps().status) return stopped;
  return Did(parts_.backend.SetStatus(virtio_user::kStatusReset));
}

// What the kernel does not tell stands in the used ring.
void KernelSession::JudgeBases(std::span<const VringBaseQuery> queries) const {
  if (parts_.answers.JudgeBases(queries)) return;
  for (const VringBaseQuery& query : queries) {
    const auto index =
        ValueAt<uint16_t>({used_[query.vring], virtio_user::kUsedRingOffset},
                          virtio_user::kUsedIdxOffset);
    Expect(query.answered && query.base.avail == index, "bases",
           "another index than that of the used ring");
  }
}

}  // namespace fuzz
