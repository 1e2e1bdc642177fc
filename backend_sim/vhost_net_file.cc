// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vhost_net_file.h"

#include <linux/if_tun.h>
#include <sys/mman.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

#include "virtio_user/os/linux_vhost.h"

namespace backend_sim {
namespace {

using virtio_user::FileDescriptor;

constexpr uint32_t kRings = 2;
constexpr uint32_t kMostIndex = 0xffff;
constexpr uint64_t kAvailAlign = 2;
constexpr uint64_t kUsedAlign = 4;
constexpr uint64_t kTapOffloads =
    Bit(kBitGuestCsum) | Bit(kBitGuestTso4) | Bit(kBitGuestTso6);

template <typename T>
T Load(const void* argument) {
  T value;
  std::memcpy(&value, argument, sizeof(value));
  return value;
}

// Whether this process has all of [user, user + size) mapped. The kernel finds
// that out when it gets there; a simulated one must not.
bool IsMapped(uint64_t user, uint64_t size) {
  constexpr uint64_t kPage = 4096;
  if (size == 0 || user + size < user) return false;
  const uint64_t first = user & ~(kPage - 1);
  const size_t pages = (user + size - first + kPage - 1) / kPage;
  std::vector<unsigned char> present(pages);
  return ::mincore(reinterpret_cast<void*>(first), pages * kPage,
                   present.data()) == 0;
}

// Whether a ring that starts now is in memory that the driver may touch.
bool IsReachable(const RingModel& ring, const BackendMemory& memory) {
  return ring.addresses() && ring.num() != 0 &&
         RingInside(*ring.addresses(), {.num = ring.num()},
                    memory.Descriptions());
}

Personality VhostNetPersonality(uint64_t features) {
  Personality personality;
  personality.name = "vhost-net";
  personality.features = features;
  personality.traffic = TrafficMode::kEcho;
  return personality;
}

}  // namespace

VhostNetFile::VhostNetFile(const VhostNetOptions& options,
                           const VhostNetParts& parts)
    : options_(options),
      parts_(parts),
      personality_(VhostNetPersonality(options.features)),
      memory_(parts.kernel_fds),
      backends_(kRings),
      packets_(*this, parts.trace, options.packets) {
  for (uint16_t i = 0; i < kRings; ++i) {
    rings_.emplace_back(i);
    rings_.back().EnableByDefault();
    rings_.back().SetNum(1);
  }
}

void VhostNetFile::Report(Breach breach) {
  parts_.trace.Add({.kind = TraceKind::kViolation,
                    .detail = static_cast<uint8_t>(breach.rule)});
  breaches_.push_back(std::move(breach));
}

int VhostNetFile::Ioctl(unsigned long request, void* argument) {
  switch (request) {
    case VHOST_NET_SET_BACKEND:
      return SetBackend(argument);
    case VHOST_GET_FEATURES:
      std::memcpy(argument, &options_.features, sizeof(uint64_t));
      return 0;
    case VHOST_SET_FEATURES:
      return SetFeatures(argument);
    case VHOST_SET_OWNER:
      return SetOwner();
    default:
      break;
  }
  if (!session_.has_owner) return -EPERM;
  if (request == VHOST_SET_MEM_TABLE) return SetMemTable(argument);
  return VringIoctl(request, argument);
}

int VhostNetFile::SetOwner() {
  if (session_.has_owner) return -EBUSY;
  session_.has_owner = true;
  return 0;
}

int VhostNetFile::SetFeatures(const void* argument) {
  const auto features = Load<uint64_t>(argument);
  if ((features & ~options_.features) != 0) return -EOPNOTSUPP;
  session_.features = features;
  session_.features_set = true;
  return 0;
}

int VhostNetFile::SetMemTable(const void* argument) {
  const auto head = Load<vhost_memory>(argument);
  if (head.padding != 0) return -EOPNOTSUPP;
  if (head.nregions > options_.max_regions) return -E2BIG;
  BackendMemory next(parts_.kernel_fds);
  const auto* at = static_cast<const std::byte*>(argument) + sizeof(head);
  for (uint32_t i = 0; i < head.nregions; ++i) {
    const auto region = Load<vhost_memory_region>(at);
    at += sizeof(region);
    const uint64_t last = region.guest_phys_addr + region.memory_size - 1;
    if (last < region.guest_phys_addr) return -EFAULT;
    if (!IsMapped(region.userspace_addr, region.memory_size)) return -EFAULT;
    next.AddHost({.guest = region.guest_phys_addr,
                  .size = region.memory_size,
                  .user = region.userspace_addr});
  }
  memory_ = std::move(next);
  has_memory_ = true;
  for (RingModel& ring : rings_) ring.Rebind(memory_);
  return 0;
}

int VhostNetFile::VringIoctl(unsigned long request, void* argument) {
  const auto state = Load<vhost_vring_state>(argument);
  if (state.index >= kRings) return -ENOBUFS;
  RingModel& ring = rings_[state.index];
  switch (request) {
    case VHOST_SET_VRING_NUM:
      return SetNum(ring, state.num);
    case VHOST_SET_VRING_BASE:
      return SetBase(ring, state.num);
    case VHOST_SET_VRING_ADDR:
      return SetAddr(ring, argument);
    case VHOST_GET_VRING_BASE:
      return GetBase(ring, argument);
    case VHOST_SET_VRING_KICK:
    case VHOST_SET_VRING_CALL:
    case VHOST_SET_VRING_ERR:
      return SetEvent(ring, request, Load<vhost_vring_file>(argument).fd);
    default:
      return -ENOTTY;
  }
}

int VhostNetFile::SetNum(RingModel& ring, uint32_t num) {
  if (Attached(ring)) return -EBUSY;
  if (num > kMostIndex || !std::has_single_bit(num)) return -EINVAL;
  ring.SetNum(num);
  return 0;
}

int VhostNetFile::SetBase(RingModel& ring, uint32_t base) {
  if (Attached(ring)) return -EBUSY;
  if (base > kMostIndex) return -EINVAL;
  ring.SetBase(base);
  return 0;
}

int VhostNetFile::SetAddr(RingModel& ring, const void* argument) {
  const auto addr = Load<vhost_vring_addr>(argument);
  if ((addr.flags & ~(1u << VHOST_VRING_F_LOG)) != 0) return -EOPNOTSUPP;
  if (addr.avail_user_addr % kAvailAlign != 0 ||
      addr.used_user_addr % kUsedAlign != 0) {
    return -EINVAL;
  }
  ring.SetAddresses(
      {addr.desc_user_addr, addr.avail_user_addr, addr.used_user_addr});
  return 0;
}

int VhostNetFile::GetBase(RingModel& ring, void* argument) const {
  auto state = Load<vhost_vring_state>(argument);
  state.num = ring.queue() != nullptr ? ring.queue()->next_avail().index
                                      : ring.base().value_or(0);
  std::memcpy(argument, &state, sizeof(state));
  return 0;
}

int VhostNetFile::SetEvent(RingModel& ring, unsigned long request, int fd) {
  FileDescriptor event;
  if (fd != -1) {
    const auto file = parts_.process_fds.FileOf(fd);
    if (file == nullptr) return -EBADF;
    if (file->kind() != SimFile::Kind::kEvent) return -EINVAL;
    const auto mine = parts_.kernel_fds.Receive(parts_.process_fds, fd);
    if (!mine) return -mine.error().sys_errno();
    event = FileDescriptor(parts_.kernel_fds, *mine);
  }
  if (request == VHOST_SET_VRING_KICK) ring.SetKick(std::move(event));
  if (request == VHOST_SET_VRING_CALL) ring.SetCall(std::move(event));
  return 0;
}

int VhostNetFile::SetBackend(const void* argument) {
  if (!session_.has_owner) return -EPERM;
  const auto file = Load<vhost_vring_file>(argument);
  if (file.index >= kRings) return -ENOBUFS;
  if (!has_memory_) return -EFAULT;
  if (file.fd == -1) {
    rings_[file.index].Pause(parts_.trace);
    backends_[file.index] = nullptr;
    return 0;
  }
  auto tap = parts_.taps.Find(parts_.process_fds.FileOf(file.fd));
  if (tap == nullptr) return -ENOTSOCK;
  return StartRing(file.index, std::move(tap));
}

int VhostNetFile::StartRing(size_t index, std::shared_ptr<TapFile> tap) {
  RingModel& ring = rings_[index];
  if (tap == backends_[index]) return 0;
  // Nobody can poll a tap that is no interface's.
  if (tap->interface() == nullptr) return -EINVAL;
  if (!IsReachable(ring, memory_)) return -EFAULT;
  ring.Pause(parts_.trace);
  if (!ring.Start(memory_, ring_rules(), parts_.trace)) return -EFAULT;
  backends_[index] = std::move(tap);
  return 0;
}

uint64_t VhostNetFile::told_features() const {
  return session_.features & ~kTapOffloads;
}

// What the kernel may leave undone is the tap's matter.
void VhostNetFile::ReadOffloads() {
  session_.features &= ~kTapOffloads;
  const TapInterface* const tap =
      backends_[0] == nullptr ? nullptr : backends_[0]->interface();
  if (tap == nullptr) return;
  if ((tap->offloads & TUN_F_CSUM) != 0)
    session_.features |= Bit(kBitGuestCsum);
  if ((tap->offloads & TUN_F_TSO4) != 0)
    session_.features |= Bit(kBitGuestTso4);
  if ((tap->offloads & TUN_F_TSO6) != 0)
    session_.features |= Bit(kBitGuestTso6);
}

size_t VhostNetFile::Step() {
  ReadOffloads();
  return packets_.Step();
}

}  // namespace backend_sim
