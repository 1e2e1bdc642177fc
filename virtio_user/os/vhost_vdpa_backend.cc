// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vhost_vdpa_backend.h"

#include <bit>
#include <cinttypes>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/os/random_base.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

// The bits of the feature word that are between this back-end and the device.
constexpr FeatureSet kTransportBits = {Feature::kAccessPlatform,
                                       Feature::kVhostLogAll};

// vhost-vdpa's max_iotlb_entries, unless the module was told otherwise.
constexpr size_t kMaxMappings = 2048;

BackendCaps CapsOfNobody() {
  return {.max_memory_regions = kMaxMappings,
          .live_mem_table = true,
          .status = true,
          .config = true,
          .link_state = true,
          .doorbells = true,
          .config_events = true,
          .addresses = AddressSpace::kIova};
}

}  // namespace

VhostVdpaBackend::VhostVdpaBackend(KernelCalls& calls, std::string path)
    : calls_(calls),
      node_(calls, std::move(path)),
      iotlb_(node_),
      same_space_(node_),
      other_space_(node_, kControlAsid) {
  caps_ = CapsOfNobody();
}

VhostVdpaBackend::VhostVdpaBackend(std::unique_ptr<KernelCalls> calls,
                                   std::string path)
    : owned_calls_(std::move(calls)),
      calls_(*owned_calls_),
      node_(calls_, std::move(path)),
      iotlb_(node_),
      same_space_(node_),
      other_space_(node_, kControlAsid) {
  caps_ = CapsOfNobody();
}

VhostVdpaBackend::~VhostVdpaBackend() { Detach(); }

void VhostVdpaBackend::BeginCall(Duration budget) {
  deadline_ = calls_.After(budget);
}

Result<void> VhostVdpaBackend::Attach() {
  VU_CHECK(!node_.is_open());
  caps_ = CapsOfNobody();
  auto call = FileDescriptor::CreateEvent(calls_.fds());
  if (!call) return Fail(call);
  if (auto opened = node_.Open(); !opened) return opened;
  config_call_ = *std::move(call);
  return {};
}

// The kernel resets a device that is closed; it is done here before, so that
// nothing of it runs while its memory is unmapped.
void VhostVdpaBackend::Detach() {
  if (!node_.is_open()) return;
  (void)Reset();
  node_.Close();
  config_call_.Reset();
  for (VdpaIotlb* const space : {&iotlb_, &same_space_, &other_space_}) {
    space->Forget();
  }
  control_iotlb_ = nullptr;
  control_.reset();
  notes_.clear();
  status_ = 0;
  must_close_ = false;
}

LinkState VhostVdpaBackend::Poll() {
  return node_.is_open() ? LinkState::kUp : LinkState::kDown;
}

BackendNews VhostVdpaBackend::TakeNews() {
  if (!node_.is_open()) return {};
  const Result<uint64_t> changes = config_call_.Drain();
  return {.config_changed = changes && *changes != 0};
}

void VhostVdpaBackend::BeginBatch() {
  VU_CHECK(!in_batch_);
  in_batch_ = true;
}

void VhostVdpaBackend::Discard() {
  in_batch_ = false;
  queue_.clear();
}

std::expected<void, CommitError> VhostVdpaBackend::Commit() {
  VU_CHECK(in_batch_);
  in_batch_ = false;
  for (const Queued& queued : std::exchange(queue_, {})) {
    const auto done = Settle(queued.carry_out());
    if (done) continue;
    return std::unexpected(CommitError{.operation = queued.operation,
                                       .vring = queued.vring,
                                       .error = done.error()});
  }
  return {};
}

Result<void> VhostVdpaBackend::Do(BackendOperation operation,
                                  std::optional<uint16_t> vring,
                                  std::function<Result<void>()> carry_out) {
  auto checked = [this, operation,
                  carry_out = std::move(carry_out)]() -> Result<void> {
    if (auto attached = CheckAttached(operation); !attached) return attached;
    return carry_out();
  };
  if (!in_batch_) return Settle(checked());
  queue_.push_back({.operation = operation,
                    .vring = vring,
                    .carry_out = std::move(checked)});
  return {};
}

Result<void> VhostVdpaBackend::Settle(Result<void> done) {
  if (!done && LosesPeer(done.error().code())) Detach();
  // What runs or is mapped is not known any more: only closing helps.
  const bool intact =
      iotlb_.intact() && same_space_.intact() && other_space_.intact();
  if (must_close_ || !intact) Detach();
  return done;
}

Result<void> VhostVdpaBackend::CheckAttached(BackendOperation operation) const {
  if (node_.is_open()) return {};
  return Fail(ErrorCode::kDisconnected, "%s: %s is not open; reattach",
              ToString(operation).data(), node_.path());
}

Result<void> VhostVdpaBackend::CheckNoBatch(BackendOperation operation) const {
  if (in_batch_) {
    return Fail(ErrorCode::kWrongState, "%s has an answer: not inside a batch",
                ToString(operation).data());
  }
  return CheckAttached(operation);
}

Result<void> VhostVdpaBackend::SetOwner() {
  return Do(BackendOperation::kSetOwner, std::nullopt,
            [this] { return node_.Ask(kVhostSetOwner, nullptr); });
}

Result<FeatureSet> VhostVdpaBackend::GetFeatures() {
  auto free = CheckNoBatch(BackendOperation::kGetFeatures);
  if (!free) return Fail(free);
  uint64_t word = 0;
  auto asked = node_.Ask(kVhostGetFeatures, &word);
  if (asked) asked = AskLimits(FeatureSet::FromWords(word));
  if (auto settled = Settle(asked); !settled) return Fail(settled);
  return offered_ & ~kTransportBits;
}

Result<void> VhostVdpaBackend::SetFeatures(FeatureSet features) {
  if (features.high() != 0) {
    unsigned bit = 64;
    while (!features.HasBit(bit)) ++bit;
    return Fail(ErrorCode::kUnsupported,
                "feature bit %u (%s): vhost's feature word ends at bit 63", bit,
                FeatureName(bit).data());
  }
  // Behind an IOMMU, the kernel's, there is no device that would not say so.
  if (offered_.Has(Feature::kAccessPlatform)) {
    features.Add(Feature::kAccessPlatform);
  }
  return Do(BackendOperation::kSetFeatures, std::nullopt, [this, features] {
    features_ = features;
    layout_ = features.Has(Feature::kRingPacked) ? RingFormat::kPacked
                                                 : RingFormat::kSplit;
    // Some of the kernel's drivers have forgotten it with the last reset.
    auto done = TellConfigCall();
    if (done) done = WriteStatus(kStatusAcknowledge);
    if (done) done = WriteStatus(kStatusAcknowledge | kStatusDriver);
    uint64_t word = features.low();
    if (done) done = node_.Ask(kVhostSetFeatures, &word);
    // Whoever is told of this failure has not touched the status yet.
    if (!done) (void)Reset();
    return done;
  });
}

std::vector<VdpaMapping> VhostVdpaBackend::MappingsOf(
    const MemoryTable& table) const {
  std::vector<VdpaMapping> mappings;
  for (const MemoryRegion& region : table.regions()) {
    mappings.push_back({.iova = region.iova, .host = region.host});
  }
  return mappings;
}

Result<void> VhostVdpaBackend::CheckTable(const MemoryTable& table) const {
  if (table.regions().size() > kMaxMappings) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "%zu memory regions: vhost-vdpa maps at most %zu; use fewer and "
        "larger files",
        table.regions().size(), kMaxMappings);
  }
  for (const MemoryRegion& region : table.regions()) {
    const uint64_t last = region.iova + (region.host.size() - 1);
    if (region.iova < iova_range_.first || last > iova_range_.last) {
      return Fail(ErrorCode::kInvalidArgument,
                  "memory at IOVA 0x%" PRIx64 " to 0x%" PRIx64
                  ": the device reaches 0x%" PRIx64 " to 0x%" PRIx64
                  " alone; give the memory addresses in there (DPDK: "
                  "--iova-mode=pa)",
                  region.iova, last, iova_range_.first, iova_range_.last);
    }
    const uint64_t host = std::bit_cast<uint64_t>(region.host.data());
    if (((region.iova | host | region.host.size()) % kPageBytes) != 0) {
      return Fail(ErrorCode::kInvalidArgument,
                  "memory at IOVA 0x%" PRIx64 ", host address 0x%" PRIx64
                  ", 0x%zx bytes: a device maps whole pages of %zu",
                  region.iova, host, region.host.size(), kPageBytes);
    }
    if (control_iotlb_ == &same_space_ &&
        same_space_.Meets(region.iova, region.host.size())) {
      return Fail(ErrorCode::kInvalidArgument,
                  "memory at IOVA 0x%" PRIx64 " to 0x%" PRIx64
                  ": the device's control queue lies there; stop and start",
                  region.iova, last);
    }
  }
  return {};
}

Result<void> VhostVdpaBackend::SetMemTable(const MemoryTable& table) {
  if (auto valid = CheckTable(table); !valid) return valid;
  return Do(BackendOperation::kSetMemTable, std::nullopt,
            [this, wanted = MappingsOf(table)] { return Share(wanted); });
}

// What a device reaches is never taken away from under it.
Result<void> VhostVdpaBackend::Share(std::span<const VdpaMapping> wanted) {
  const bool runs = (status_ & kStatusDriverOk) != 0;
  const auto cut = runs ? iotlb_.FindCut(wanted) : std::nullopt;
  if (!cut) return iotlb_.Change(wanted);
  return Fail(ErrorCode::kWrongState,
              "%s: a part of the memory at IOVA 0x%" PRIx64 " to 0x%" PRIx64
              " goes, which the kernel unmaps as a whole alone while the "
              "device uses the rest; reattach and start, and free memory in "
              "the pieces in which it came",
              node_.path(), cut->iova, cut->iova + (cut->host.size() - 1));
}

Result<void> VhostVdpaBackend::SetGuestOffloads(FeatureSet /*offloads*/) {
  return Fail(ErrorCode::kUnsupported,
              "GUEST_OFFLOADS_SET: a vDPA device takes it as a command of its "
              "control queue alone");
}

}  // namespace virtio_user
