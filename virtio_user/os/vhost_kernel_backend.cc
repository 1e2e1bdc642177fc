// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vhost_kernel_backend.h"

#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <cstring>
#include <string>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/os/linux_vhost.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

using enum Feature;

constexpr const char* kMaxRegionsPath =
    "/sys/module/vhost/parameters/max_mem_regions";
// vhost's default.
constexpr size_t kDefaultMaxRegions = 64;

// Bits that mean something else to vhost-net than to a driver: dirty logging,
// headers that vhost makes itself (VHOST_NET_F_VIRTIO_NET_HDR), addresses that
// go through a device IOTLB.
constexpr FeatureSet kTransportBits = {kVhostLogAll, kAnyLayout,
                                       kAccessPlatform};
constexpr FeatureSet kGuestOffloads = {kNetGuestCsum, kNetGuestTso4,
                                       kNetGuestTso6};
constexpr FeatureSet kTapOffloads =
    kGuestOffloads | FeatureSet{kNetCsum, kNetHostTso4, kNetHostTso6};
// What vhost-net is not told of.
constexpr FeatureSet kTapFeatures = kTapOffloads | FeatureSet{kNetMq};

size_t MaxRegions(const std::string& text) {
  size_t regions = 0;
  const auto [rest, status] =
      std::from_chars(text.data(), text.data() + text.size(), regions);
  const bool sound = status == std::errc() && regions != 0;
  return sound ? regions : kDefaultMaxRegions;
}

const char* OpenRemedy(int answer) {
  switch (-answer) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return "; load the driver: modprobe vhost_net";
    case EACCES:
    case EPERM:
      return "; give this user permission to read and write it";
    case EMFILE:
      return "; raise the limit of descriptors (ulimit -n)";
    default:
      return "";
  }
}

const char* IoctlRemedy(int answer) {
  switch (-answer) {
    case EOPNOTSUPP:
      return "; the kernel does not have all of these features";
    case E2BIG:
      return "; raise vhost's parameter max_mem_regions, or use fewer and "
             "larger files";
    default:
      return "";
  }
}

// struct vhost_memory and the regions behind it.
std::vector<uint64_t> EncodeTable(std::span<const MemoryRegion> regions) {
  constexpr size_t kHead = sizeof(vhost_memory) / sizeof(uint64_t);
  constexpr size_t kEach = sizeof(vhost_memory_region) / sizeof(uint64_t);
  std::vector<uint64_t> words(kHead + kEach * regions.size());
  const auto count = static_cast<uint32_t>(regions.size());
  std::memcpy(words.data(), &count, sizeof(count));
  uint64_t* at = words.data() + kHead;
  for (const MemoryRegion& region : regions) {
    const vhost_memory_region entry = {
        .guest_phys_addr = region.published,
        .memory_size = region.host.size(),
        .userspace_addr = reinterpret_cast<uintptr_t>(region.host.data()),
        .flags_padding = 0};
    std::memcpy(at, &entry, sizeof(entry));
    at += kEach;
  }
  return words;
}

std::unexpected<Error> Unsupported(const char* what) {
  return Fail(ErrorCode::kUnsupported, "%s: the kernel's vhost-net has none",
              what);
}

}  // namespace

VhostKernelBackend::VhostKernelBackend(std::unique_ptr<KernelCalls> calls,
                                       VhostKernelOptions options)
    : calls_(std::move(calls)), options_(std::move(options)) {
  caps_.queue_pair_limit = options_.queue_pairs;
  caps_.max_memory_regions = kDefaultMaxRegions;
  caps_.ring_enable = true;
}

VhostKernelBackend::~VhostKernelBackend() { Detach(); }

// --- Presence ----------------------------------------------------------------

Result<void> VhostKernelBackend::Attach() {
  VU_CHECK(vhost_.empty());
  auto opened = OpenAll();
  if (!opened) Detach();
  return opened;
}

Result<void> VhostKernelBackend::OpenAll() {
  for (uint32_t pair = 0; pair < options_.queue_pairs; ++pair) {
    auto vhost = OpenVhost();
    if (!vhost) return Fail(vhost);
    vhost_.push_back(*std::move(vhost));
  }
  auto tap = Tap::Open(
      *calls_, {.ifname = options_.ifname, .queues = options_.queue_pairs});
  if (!tap) return Fail(tap);
  tap_.emplace(*std::move(tap));
  if (options_.mac) {
    if (auto set = tap_->SetMac(*options_.mac); !set) return set;
  }
  // No frame is meant for a pair that does not run.
  for (size_t pair = 1; pair < vhost_.size(); ++pair) {
    if (auto done = tap_->DisableQueue(pair); !done) return done;
  }
  running_.assign(2 * vhost_.size(), false);
  // One queue of an interface that has several is one pair all the same, and
  // may be another interface's the next time.
  caps_.multiqueue = options_.queue_pairs > 1;
  caps_.max_queue_pairs = caps_.multiqueue ? options_.queue_pairs : 1;
  caps_.guest_offloads = true;
  caps_.max_memory_regions = MaxRegions(calls_->ReadText(kMaxRegionsPath));
  return {};
}

Result<FileDescriptor> VhostKernelBackend::OpenVhost() {
  const int fd = calls_->Open(options_.path);
  if (fd >= 0) return FileDescriptor(calls_->fds(), fd);
  return std::unexpected(Error::System(
      ErrorCode::kSystem, -fd, "cannot open %s for queue pair %zu%s",
      options_.path.c_str(), vhost_.size(), OpenRemedy(fd)));
}

// vhost-net lets go of the rings before the tap goes that it serves.
void VhostKernelBackend::Detach() {
  vhost_.clear();
  tap_.reset();
  running_.clear();
  table_ = {};
}

LinkState VhostKernelBackend::Poll() {
  return vhost_.empty() || tap_->IsGone() ? LinkState::kDown : LinkState::kUp;
}

// --- Batches -----------------------------------------------------------------

void VhostKernelBackend::BeginBatch() {
  VU_CHECK(!in_batch_);
  in_batch_ = true;
}

void VhostKernelBackend::Discard() {
  in_batch_ = false;
  queue_.clear();
}

std::expected<void, CommitError> VhostKernelBackend::Commit() {
  VU_CHECK(in_batch_);
  in_batch_ = false;
  std::optional<CommitError> first;
  for (const Queued& queued : std::exchange(queue_, {})) {
    if (first && !queued.disables) continue;
    Result<void> done = CheckAttached(queued.operation);
    if (done) done = queued.action();
    if (done || first) continue;
    first.emplace(queued.operation, queued.vring, done.error());
  }
  if (first) return std::unexpected(*first);
  return {};
}

Result<void> VhostKernelBackend::Tell(Queued queued) {
  if (in_batch_) {
    queue_.push_back(std::move(queued));
    return {};
  }
  if (auto attached = CheckAttached(queued.operation); !attached) {
    return attached;
  }
  return queued.action();
}

Result<void> VhostKernelBackend::CheckAttached(
    BackendOperation operation) const {
  if (!vhost_.empty()) return {};
  return Fail(ErrorCode::kDisconnected, "%s: %s is not open; reattach",
              ToString(operation).data(), options_.path.c_str());
}

Result<void> VhostKernelBackend::CheckNoBatch(
    BackendOperation operation) const {
  if (!in_batch_) return {};
  return Fail(ErrorCode::kWrongState, "%s has an answer: not inside a batch",
              ToString(operation).data());
}

Result<void> VhostKernelBackend::Ioctl(size_t pair, const Request& request,
                                       void* argument) {
  const int answer =
      calls_->Ioctl(vhost_[pair].get(), request.number, argument);
  if (answer >= 0) return {};
  return std::unexpected(Error::System(ErrorCode::kSystem, -answer,
                                       "%s of queue pair %zu%s", request.name,
                                       pair, IoctlRemedy(answer)));
}

// --- The device as a whole ---------------------------------------------------

Result<void> VhostKernelBackend::SetOwner() {
  return Tell({BackendOperation::kSetOwner, std::nullopt, [this] {
                 constexpr Request kRequest = {VHOST_SET_OWNER,
                                               "VHOST_SET_OWNER",
                                               BackendOperation::kSetOwner};
                 Result<void> done;
                 for (size_t pair = 0; pair < vhost_.size() && done; ++pair) {
                   done = Ioctl(pair, kRequest, nullptr);
                 }
                 return done;
               }});
}

Result<FeatureSet> VhostKernelBackend::GetFeatures() {
  constexpr Request kRequest = {VHOST_GET_FEATURES, "VHOST_GET_FEATURES",
                                BackendOperation::kGetFeatures};
  if (auto free = CheckNoBatch(kRequest.operation); !free) return Fail(free);
  if (auto ok = CheckAttached(kRequest.operation); !ok) return Fail(ok);
  uint64_t word = 0;
  if (auto got = Ioctl(0, kRequest, &word); !got) return Fail(got);
  FeatureSet offered = FeatureSet::FromWords(word) & ~kTransportBits;
  offered = offered | kTapOffloads;
  if (caps_.multiqueue) offered.Add(kNetMq);
  return offered;
}

Result<void> VhostKernelBackend::SetFeatures(FeatureSet features) {
  if (features.high() != 0) {
    unsigned bit = 64;
    while (!features.HasBit(bit)) ++bit;
    return Fail(ErrorCode::kUnsupported,
                "feature bit %u (%s): vhost's feature word ends at bit 63", bit,
                FeatureName(bit).data());
  }
  layout_ =
      features.Has(kRingPacked) ? RingFormat::kPacked : RingFormat::kSplit;
  return Tell(
      {BackendOperation::kSetFeatures, std::nullopt,
       [this, features]() -> Result<void> {
         constexpr Request kRequest = {VHOST_SET_FEATURES, "VHOST_SET_FEATURES",
                                       BackendOperation::kSetFeatures};
         uint64_t word = (features & ~kTapFeatures).low();
         for (size_t pair = 0; pair < vhost_.size(); ++pair) {
           if (auto set = Ioctl(pair, kRequest, &word); !set) return set;
         }
         const bool modern = features.HasAny({kVersion1, kNetMrgRxbuf});
         auto set = tap_->SetHeaderBytes(modern ? kNetHeaderBytes
                                                : kLegacyNetHeaderBytes);
         return set ? tap_->SetOffloads(features & kGuestOffloads) : set;
       }});
}

Result<void> VhostKernelBackend::SetGuestOffloads(FeatureSet offloads) {
  return Tell({BackendOperation::kSetGuestOffloads, std::nullopt,
               [this, offloads] { return tap_->SetOffloads(offloads); }});
}

Result<uint8_t> VhostKernelBackend::SendControl(
    std::span<const std::byte> /*request*/, Duration /*budget*/) {
  return Fail(ErrorCode::kUnsupported,
              "CONTROL_COMMAND: vhost-net has no control queue");
}

Result<void> VhostKernelBackend::SetMemTable(const MemoryTable& table) {
  if (table.regions().size() > caps_.max_memory_regions) {
    return Fail(ErrorCode::kInvalidArgument,
                "%zu memory regions: the kernel takes %zu (%s); use fewer and "
                "larger files (DPDK: --single-file-segments)",
                table.regions().size(), caps_.max_memory_regions,
                kMaxRegionsPath);
  }
  return Tell({BackendOperation::kSetMemTable, std::nullopt,
               [this, table] { return ShareTable(table); }});
}

Result<void> VhostKernelBackend::ShareTable(const MemoryTable& table) {
  constexpr Request kRequest = {VHOST_SET_MEM_TABLE, "VHOST_SET_MEM_TABLE",
                                BackendOperation::kSetMemTable};
  std::vector<uint64_t> words = EncodeTable(table.regions());
  for (size_t pair = 0; pair < vhost_.size(); ++pair) {
    if (auto set = Ioctl(pair, kRequest, words.data()); !set) return set;
  }
  table_ = table;
  return {};
}

Result<uint8_t> VhostKernelBackend::GetStatus() {
  return Unsupported("GET_STATUS");
}

Result<void> VhostKernelBackend::SetStatus(uint8_t /*status*/) {
  return Unsupported("SET_STATUS");
}

Result<void> VhostKernelBackend::GetConfig(uint32_t /*offset*/,
                                           std::span<std::byte> /*bytes*/) {
  return Unsupported("GET_CONFIG");
}

Result<void> VhostKernelBackend::SetConfig(
    uint32_t /*offset*/, std::span<const std::byte> /*bytes*/) {
  return Unsupported("SET_CONFIG");
}

}  // namespace virtio_user
