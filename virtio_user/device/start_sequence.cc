// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/device/start_sequence.h"

#include <cinttypes>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "virtio_user/ring/shared_memory.h"
#include "virtio_user/spec/net.h"
#include "virtio_user/spec/ring.h"

namespace virtio_user {
namespace {

constexpr uint8_t kStatusLegacyDriver = kStatusAcknowledge | kStatusDriver;
constexpr uint8_t kStatusNegotiated = kStatusLegacyDriver | kStatusFeaturesOk;

Result<void> Commit(Batch& batch) {
  const auto committed = batch.Commit();
  if (committed) return {};
  return std::unexpected(committed.error().error);
}

// The status that says "features are chosen". Legacy devices have no
// FEATURES_OK (virtio: "Legacy Interface: Device Initialization").
uint8_t NegotiatedStatus(FeatureSet forwarded) {
  return forwarded.Has(Feature::kVersion1) ? kStatusNegotiated
                                           : kStatusLegacyDriver;
}

Result<VringAddresses> AddressesOf(const RingLayout& ring,
                                   const MemoryTable& table,
                                   AddressSpace space) {
  const auto desc = table.ToDevice(ring.desc, ring.DescBytes(), space);
  if (!desc) return Fail(desc);
  const auto driver = table.ToDevice(ring.driver, ring.DriverBytes(), space);
  if (!driver) return Fail(driver);
  const auto device = table.ToDevice(ring.device, ring.DeviceBytes(), space);
  if (!device) return Fail(device);
  return VringAddresses{.desc = *desc, .avail = *driver, .used = *device};
}

// What has been sent, so that it can be undone.
struct Progress {
  bool status = false;
  bool rings = false;
  uint16_t enabled_pairs = 0;
};

class Start {
 public:
  Start(VhostBackend& backend, const StartPlan& plan)
      : backend_(backend), plan_(plan) {}

  Result<void> Run() {
    if (auto done = FindRings(); !done) return done;
    if (auto done = Negotiate(); !done) return done;
    if (auto done = SetUpRings(); !done) return done;
    if (auto done = SetDriverOk(); !done) return done;
    if (auto done = EnableFurtherPairs(); !done) return done;
    return plan_.say_commands ? (*plan_.say_commands)() : Result<void>();
  }
  const Progress& progress() const { return progress_; }

 private:
  uint16_t ring_count() const {
    return static_cast<uint16_t>(2 * plan_.configured_pairs);
  }

  // Nothing is sent before every ring is known to lie inside the table.
  Result<void> FindRings() {
    for (uint16_t i = 0; i < ring_count(); ++i) {
      const auto addresses = AddressesOf(
          plan_.vrings[i].ring.layout, plan_.table, backend_.caps().addresses);
      if (!addresses) return Fail(addresses);
      addresses_.push_back(*addresses);
    }
    return {};
  }

  // Call descriptors go first: back-ends make the queue on that message.
  Result<void> Negotiate() {
    Batch batch(backend_);
    for (uint16_t i = 0; i < ring_count(); ++i) {
      auto call = backend_.SetVringCall(i, plan_.vrings[i].call.get());
      if (!call) return call;
    }
    if (auto set = backend_.SetFeatures(plan_.forwarded); !set) return set;
    if (backend_.caps().status) {
      auto set = backend_.SetStatus(NegotiatedStatus(plan_.forwarded));
      if (!set) return set;
      progress_.status = true;
    }
    if (auto done = Commit(batch); !done) return done;
    return ConfirmFeatures();
  }

  // "Re-read device status to ensure the FEATURES_OK bit is still set."
  Result<void> ConfirmFeatures() {
    const bool modern = plan_.forwarded.Has(Feature::kVersion1);
    if (!backend_.caps().status || !modern) return {};
    const Result<uint8_t> status = backend_.GetStatus();
    if (!status) return Fail(status);
    if ((*status & kStatusFeaturesOk) != 0) return {};
    return Fail(ErrorCode::kRefused,
                "the back-end does not accept the features 0x%" PRIx64
                ": its status is 0x%x, without FEATURES_OK",
                plan_.forwarded.low(), *status);
  }

  Result<void> SetUpRings() {
    if (auto told = TellMtu(); !told) return told;
    if (auto placed = PlaceNotes(); !placed) return placed;
    Batch batch(backend_);
    if (plan_.guest_offloads) {
      auto set = backend_.SetGuestOffloads(*plan_.guest_offloads);
      if (!set) return set;
    }
    if (auto set = backend_.SetMemTable(plan_.table); !set) return set;
    for (uint16_t i = 0; i < ring_count(); ++i) {
      if (auto set = SetUpRing(i); !set) return set;
    }
    if (auto set = QueueEnable(backend_, 0, 1, VringEnable::kEnabled); !set) {
      return set;
    }
    progress_.rings = true;
    progress_.enabled_pairs = 1;
    return Commit(batch);
  }

  // By itself, so that a refusal can name the value.
  Result<void> TellMtu() {
    if (!plan_.mtu) return {};
    const auto told = backend_.SetMtu(*plan_.mtu);
    if (told || told.error().code() != ErrorCode::kRefused) return told;
    return Fail(ErrorCode::kRefused, "mtu %u: %.*s", *plan_.mtu,
                static_cast<int>(told.error().text().size()),
                told.error().text().data());
  }

  // By itself: a ring that goes on where another back-end stood is not told
  // before this one is known to have that one's notes. Queues exist by now,
  // since the calls were given; lib/vhost has crashed without.
  Result<void> PlaceNotes() {
    if (plan_.inflight == nullptr) return {};
    std::optional<InflightRegion>& region = *plan_.inflight;
    if (!region) {
      auto made =
          backend_.GetInflight({.num_queues = ring_count(),
                                .queue_size = plan_.vrings[0].ring.layout.num});
      if (!made) return Fail(made);
      if (!made->fd.valid()) return {};
      region = *std::move(made);
    }
    return backend_.SetInflight(*region);
  }

  // The kick goes last: back-ends take it for "this ring is complete".
  Result<void> SetUpRing(uint16_t i) {
    const VringState& vring = plan_.vrings[i];
    if (auto set = backend_.SetVringNum(i, vring.ring.layout.num); !set) {
      return set;
    }
    if (auto set = backend_.SetVringBase(i, vring.base); !set) return set;
    if (auto set = backend_.SetVringAddr(i, addresses_[i]); !set) return set;
    return backend_.SetVringKick(i, vring.kick.get());
  }

  Result<void> SetDriverOk() {
    if (!backend_.caps().status) return {};
    return backend_.SetStatus(NegotiatedStatus(plan_.forwarded) |
                              kStatusDriverOk);
  }

  Result<void> EnableFurtherPairs() {
    if (plan_.active_pairs <= 1) return {};
    Batch batch(backend_);
    auto set =
        QueueEnable(backend_, 1, plan_.active_pairs, VringEnable::kEnabled);
    if (!set) return set;
    progress_.enabled_pairs = plan_.active_pairs;
    return Commit(batch);
  }

  VhostBackend& backend_;
  const StartPlan& plan_;
  std::vector<VringAddresses> addresses_;
  Progress progress_;
};

// Whether a place that a back-end named can be one in this ring.
bool IsInside(const RingLayout& layout, RingPosition position) {
  return layout.format == RingFormat::kSplit || position.index < layout.num;
}

// What the device has written last. Pairs with its release store.
uint16_t UsedIndex(const RingLayout& layout) {
  return SharedWord<uint16_t>(layout.device + kUsedIdxOffset)
      .load(std::memory_order_acquire);
}

// How far behind what the driver has published an index of a split ring is:
// 0 to 32768, the largest ring; more is ahead of it.
uint16_t Behind(const Ring& ring, uint16_t index) {
  return static_cast<uint16_t>(ring.published.index - index);
}
constexpr uint16_t kFurthestBehind = 32768;

// Whether the device has marked this place of a packed ring as used.
bool IsMarkedUsed(const RingLayout& layout, RingPosition place) {
  const auto flags =
      SharedWord<uint16_t>(layout.desc + place.index * sizeof(PackedDesc) +
                           offsetof(PackedDesc, flags))
          .load(std::memory_order_acquire);
  const uint16_t marks = flags & (kPackedFlagAvail | kPackedFlagUsed);
  return marks == (place.wrap ? kPackedFlagAvail | kPackedFlagUsed : 0);
}

// Whether the device has used nothing since the ring went on at vring.base.
bool NothingUsed(const VringState& vring) {
  const RingLayout& layout = vring.ring.layout;
  if (layout.format == RingFormat::kSplit) {
    const uint16_t unused = Behind(vring.ring, UsedIndex(layout));
    return unused <= kFurthestBehind &&
           unused >= Behind(vring.ring, vring.base.avail);
  }
  return !IsMarkedUsed(layout, vring.base.UsedPosition());
}

// A split ring's used index, which the device has written, is never ahead of
// where it stands: what is used once would come again.
Result<void> CheckNotBehind(const VringBaseQuery& query, const Ring& ring) {
  if (ring.layout.format == RingFormat::kPacked) return {};
  const uint16_t used = UsedIndex(ring.layout);
  const uint16_t unused = Behind(ring, used);
  if (unused <= kFurthestBehind && Behind(ring, query.base.avail) <= unused) {
    return {};
  }
  return Fail(ErrorCode::kProtocol,
              "GET_VRING_BASE of ring %u answered %u, and %u is used already; "
              "reattach",
              query.vring, query.base.avail, used);
}

// Keeps where the back-end stopped. The driver has published up to
// `published`, so a stopped device stands at most one ring behind it; in a
// packed ring, what it has taken and not used yet is no more than that either.
Result<void> KeepBase(const VringBaseQuery& query, const StopPlan& plan) {
  VringState& vring = plan.vrings[query.vring];
  const RingLayout& layout = vring.ring.layout;
  if (plan.undoes && NothingUsed(vring)) return {};
  const RingPosition published = vring.ring.published;
  const auto is_sound = [&](RingPosition position) {
    return IsInside(layout, position) &&
           RingDistance(layout, position, published) <= layout.num;
  };
  const RingPosition avail = query.base.AvailPosition();
  const bool packed = layout.format == RingFormat::kPacked;
  VringBase base = query.base;
  // Where a packed ring's device uses next: behind what it has taken.
  const auto is_used_place = [&](RingPosition used) {
    return is_sound(used) && RingDistance(layout, used, avail) <= layout.num;
  };
  constexpr RingPosition kNoUpperHalf = {.index = 0, .wrap = false};
  bool sound = is_sound(avail);
  if (packed && sound) {
    if (base.UsedPosition() == kNoUpperHalf &&
        (!is_used_place(kNoUpperHalf) || IsMarkedUsed(layout, kNoUpperHalf))) {
      // DPDK's lib/vhost knows the lower half of the answer alone and leaves
      // the upper one 0; it has used all that it took. What is used already is
      // not where it goes on.
      base.used = base.avail;
      base.used_wrap = base.avail_wrap;
    }
    sound = is_used_place(base.UsedPosition());
  }
  if (!sound) {
    return Fail(ErrorCode::kProtocol,
                "GET_VRING_BASE of ring %u answered %u (wrap %d): the driver "
                "published %u (wrap %d) in a %s ring of %u; reattach",
                query.vring, avail.index, avail.wrap, published.index,
                published.wrap, packed ? "packed" : "split", layout.num);
  }
  if (auto behind = CheckNotBehind(query, vring.ring); !behind) return behind;
  vring.base = base;
  return {};
}

// Collects the first failure of several steps that are all taken.
class FirstFailure {
 public:
  void Note(const Result<void>& step) {
    if (!step && !first_) first_ = step.error();
  }
  const std::optional<Error>& error() const { return first_; }

 private:
  std::optional<Error> first_;
};

// GET_VRING_BASE of every configured ring; whether all were stopped.
bool StopRings(VhostBackend& backend, const StopPlan& plan,
               FirstFailure& failure) {
  std::vector<VringBaseQuery> queries(2 * size_t{plan.configured_pairs});
  for (size_t i = 0; i < queries.size(); ++i) {
    queries[i].vring = static_cast<uint16_t>(i);
  }
  failure.Note(backend.GetVringBases(queries));
  bool all = true;
  for (const VringBaseQuery& query : queries) {
    if (!query.answered) {
      all = false;
      continue;
    }
    if (plan.pollers == Pollers::kMayBeInside) continue;
    const auto kept = KeepBase(query, plan);
    failure.Note(kept);
    all = all && kept.has_value();
  }
  return all;
}

// So that another start can follow: it cannot go back from DRIVER_OK to
// FEATURES_OK.
Result<void> ResetBackend(VhostBackend& backend) {
  if (backend.caps().status) return backend.SetStatus(kStatusReset);
  if (backend.caps().reset_device) return backend.ResetDevice();
  return {};
}

Result<void> DisablePairs(VhostBackend& backend, uint16_t pairs) {
  Batch batch(backend);
  auto queued = QueueEnable(backend, 0, pairs, VringEnable::kDisabled);
  if (!queued) return queued;
  return Commit(batch);
}

}  // namespace

Result<void> QueueEnable(VhostBackend& backend, uint16_t begin, uint16_t end,
                         VringEnable enable) {
  if (!backend.caps().ring_enable) return {};
  for (uint16_t pair = begin; pair < end; ++pair) {
    auto rx = backend.SetVringEnable(RxVring(pair), enable);
    if (!rx) return rx;
    auto tx = backend.SetVringEnable(TxVring(pair), enable);
    if (!tx) return tx;
  }
  return {};
}

SequenceResult RunStart(VhostBackend& backend, const StartPlan& plan) {
  Start start(backend, plan);
  const Result<void> started = start.Run();
  if (started) return {};
  // Everything that was sent may have taken effect.
  const Progress& progress = start.progress();
  FirstFailure undo;
  bool stopped = true;
  if (progress.rings) {
    undo.Note(DisablePairs(backend, progress.enabled_pairs));
    stopped = StopRings(backend,
                        {.vrings = plan.vrings,
                         .configured_pairs = plan.configured_pairs,
                         .undoes = true},
                        undo);
  }
  if (progress.status || progress.rings) undo.Note(ResetBackend(backend));
  return std::unexpected(SequenceFailure{
      .error = started.error(), .rings_stopped = stopped && !undo.error()});
}

SequenceResult RunStop(VhostBackend& backend, const StopPlan& plan) {
  FirstFailure failure;
  failure.Note(DisablePairs(backend, plan.active_pairs));
  bool stopped = StopRings(backend, plan, failure);
  const auto reset = ResetBackend(backend);
  failure.Note(reset);
  stopped = stopped && reset.has_value();
  if (!failure.error()) return {};
  return std::unexpected(
      SequenceFailure{.error = *failure.error(), .rings_stopped = stopped});
}

}  // namespace virtio_user
