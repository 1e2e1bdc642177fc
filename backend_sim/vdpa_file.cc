// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/vdpa_file.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "virtio_user/os/vdpa_requests.h"

namespace backend_sim {
namespace {

using virtio_user::FileDescriptor;
using virtio_user::VdpaConfigHead;
using virtio_user::VdpaVringAddr;
using virtio_user::VdpaVringFile;
using virtio_user::VdpaVringState;

inline constexpr uint8_t kDriverOk = 4;
// The driver's own word for "not mine", which ioctl(2) makes ENOTTY.
inline constexpr int kNotMine = -515;

template <typename T>
T ReadAs(const void* argument) {
  T value;
  std::memcpy(&value, argument, sizeof(value));
  return value;
}

template <typename T>
int Answer(void* argument, const T& value) {
  std::memcpy(argument, &value, sizeof(value));
  return 0;
}

// vhost_vdpa_config_validate, of whose errors the caller makes EINVAL.
bool IsInside(const VdpaConfigHead& head, size_t size) {
  return head.bytes != 0 && head.offset <= size &&
         head.bytes <= size - head.offset;
}

}  // namespace

int VdpaFile::Ioctl(unsigned long request, void* argument) {
  for (const auto part : {&VdpaFile::OfDevice, &VdpaFile::OfNewer,
                          &VdpaFile::OfOwner, &VdpaFile::OfRing}) {
    const int answer = (this->*part)(request, argument);
    if (answer != kNotMine) return answer;
  }
  return -ENOTTY;
}

// What needs no owner.
int VdpaFile::OfDevice(unsigned long request, void* argument) {
  using namespace virtio_user;
  const VdpaPersonality& personality = device_.personality_;
  if (request == kVdpaGetDeviceId.number) {
    return Answer(argument, personality.device_class);
  }
  if (request == kVdpaGetStatus.number) {
    return Answer(argument, device_.status_);
  }
  if (request == kVdpaSetStatus.number) {
    return device_.SetStatus(ReadAs<uint8_t>(argument));
  }
  if (request == kVdpaGetConfig.number) return GetConfig(argument);
  if (request == kVdpaSetConfig.number) return SetConfig(argument);
  if (request == kVhostGetFeatures.number) {
    return Answer(argument, personality.features);
  }
  if (request == kVhostSetFeatures.number) {
    return device_.SetFeatures(ReadAs<uint64_t>(argument));
  }
  if (request == kVdpaGetVringNum.number) {
    return Answer(argument, personality.max_num);
  }
  if (request == kVhostGetBackendFeatures.number) {
    return Answer(argument, personality.backend_features);
  }
  if (request == kVhostSetBackendFeatures.number) {
    return SetBackendFeatures(ReadAs<uint64_t>(argument));
  }
  if (request == kVdpaSetConfigCall.number) {
    return Take(ReadAs<int32_t>(argument), device_.config_call_);
  }
  if (request == kVdpaGetIovaRange.number) {
    return Answer(argument, VdpaIovaRange{.first = personality.first_iova,
                                          .last = personality.last_iova});
  }
  return kNotMine;
}

int VdpaFile::OfNewer(unsigned long request, void* argument) {
  using namespace virtio_user;
  const VdpaPersonality& personality = device_.personality_;
  if (!personality.knows_new_requests) return kNotMine;
  if (request == kVdpaGetConfigSize.number) {
    const auto size = static_cast<uint32_t>(personality.config.size());
    return Answer(argument, personality.said_config_bytes.value_or(size));
  }
  if (request == kVdpaGetAsNum.number) {
    return Answer(argument, personality.address_spaces);
  }
  if (request == kVdpaSuspend.number) {
    if ((device_.status_ & kDriverOk) == 0) return 0;
    if (!HasBit(personality.backend_features, kBitBackendSuspend)) {
      return -EOPNOTSUPP;
    }
    device_.suspended_ = true;
    return 0;
  }
  return kNotMine;
}

int VdpaFile::OfOwner(unsigned long request, void* /*argument*/) {
  if (request == virtio_user::kVhostSetOwner.number) {
    if (device_.has_owner_) return -EBUSY;
    device_.has_owner_ = true;
    return 0;
  }
  return device_.has_owner_ ? kNotMine : -EPERM;
}

// Whatever nobody else knows is about a ring first.
int VdpaFile::OfRing(unsigned long request, void* argument) {
  using namespace virtio_user;
  if (argument == nullptr) return -EFAULT;
  // It may be a word, and no state.
  VdpaVringState state{.index = ReadAs<uint32_t>(argument), .num = 0};
  if (state.index >= device_.personality_.queue_count()) return -ENOBUFS;
  if (_IOC_SIZE(request) >= sizeof(state)) {
    state = ReadAs<VdpaVringState>(argument);
  }
  RingModel& ring = device_.RingAt(state.index);
  if (request == kVdpaSetVringEnable.number) {
    return Enable(ring, state.num != 0);
  }
  if (request == kVhostSetVringNum.number) {
    if (state.num > UINT16_MAX || !std::has_single_bit(state.num)) {
      return -EINVAL;
    }
    ring.SetNum(state.num);
    return 0;
  }
  if (request == kVhostSetVringBase.number) return SetBase(ring, state.num);
  if (request == kVhostGetVringBase.number) {
    GetBase(ring, argument);
    return 0;
  }
  if (request == kVhostSetVringAddr.number) return SetAddr(argument, ring);
  if (request == kVhostSetVringKick.number ||
      request == kVhostSetVringCall.number) {
    return SetRingFd(request, ring, ReadAs<VdpaVringFile>(argument).fd);
  }
  if (!device_.personality_.knows_new_requests) return kNotMine;
  if (request == kVdpaGetVringGroup.number) {
    const bool is_control = device_.personality_.has_control() &&
                            state.index == device_.control_index();
    return Answer(
        argument,
        VdpaVringState{
            .index = state.index,
            .num = is_control ? device_.personality_.control_group : 0});
  }
  if (request == kVdpaSetGroupAsid.number) return SetGroupAsid(argument);
  return kNotMine;
}

int VdpaFile::GetConfig(void* argument) const {
  const auto head = ReadAs<VdpaConfigHead>(argument);
  const std::vector<std::byte>& config = device_.personality_.config;
  if (!IsInside(head, config.size())) return -EINVAL;
  std::memcpy(static_cast<std::byte*>(argument) + sizeof(head),
              config.data() + head.offset, head.bytes);
  return 0;
}

int VdpaFile::SetConfig(const void* argument) {
  const auto head = ReadAs<VdpaConfigHead>(argument);
  std::vector<std::byte>& config = device_.personality_.config;
  if (!IsInside(head, config.size())) return -EINVAL;
  std::memcpy(config.data() + head.offset,
              static_cast<const std::byte*>(argument) + sizeof(head),
              head.bytes);
  return 0;
}

int VdpaFile::SetBackendFeatures(uint64_t features) {
  if ((features & ~device_.personality_.backend_features) != 0) {
    return -EOPNOTSUPP;
  }
  device_.backend_features_ = features;
  return 0;
}

int VdpaFile::SetGroupAsid(const void* argument) {
  const auto state = ReadAs<VdpaVringState>(argument);
  const VdpaPersonality& personality = device_.personality_;
  if (state.index > personality.control_group ||
      state.num >= personality.address_spaces) {
    return -EINVAL;
  }
  if ((device_.status_ & kDriverOk) != 0) return -EBUSY;
  if (state.index == personality.control_group) {
    device_.control_asid_ = state.num;
    device_.RebuildMemory();
  }
  return 0;
}

int VdpaFile::Take(int fd, FileDescriptor& taken) {
  if (fd == -1) {
    taken.Reset();
    return 0;
  }
  const auto file = device_.tables_.process.FileOf(fd);
  if (file == nullptr) return -EBADF;
  if (file->kind() != SimFile::Kind::kEvent) return -EINVAL;
  const auto received =
      device_.tables_.kernel.Receive(device_.tables_.process, fd);
  if (!received) return -received.error().sys_errno();
  taken = FileDescriptor(device_.tables_.kernel, *received);
  return 0;
}

int VdpaFile::SetRingFd(unsigned long request, RingModel& ring, int fd) {
  FileDescriptor taken;
  if (const int error = Take(fd, taken); error != 0) return error;
  if (request == virtio_user::kVhostSetVringKick.number) {
    ring.SetKick(std::move(taken));
  } else {
    ring.SetCall(std::move(taken));
  }
  return 0;
}

int VdpaFile::SetAddr(const void* argument, RingModel& ring) {
  const auto addr = ReadAs<VdpaVringAddr>(argument);
  if ((addr.flags & ~1u) != 0) return -EOPNOTSUPP;
  if (addr.avail % 2 != 0 || addr.used % 4 != 0) return -EINVAL;
  const bool runs = (device_.status_ & kDriverOk) != 0;
  if (runs && !device_.suspended_) return -EINVAL;
  ring.SetAddresses(
      {.desc = addr.desc, .avail = addr.avail, .used = addr.used});
  return 0;
}

int VdpaFile::SetBase(RingModel& ring, uint32_t base) {
  if (!device_.Has(kBitRingPacked) && base > UINT16_MAX) return -EINVAL;
  const bool runs = (device_.status_ & kDriverOk) != 0;
  if (runs && !device_.suspended_) return -EINVAL;
  ring.SetBase(base);
  return 0;
}

// Chains that were taken and not given back will be seen again.
void VdpaFile::GetBase(RingModel& ring, void* argument) const {
  auto state = ReadAs<VdpaVringState>(argument);
  state.num = ring.base().value_or(0);
  if (ring.queue() != nullptr) {
    const auto used = ring.queue()->next_used();
    state.num = EncodeBase(ring.rules().format, {used, used});
  }
  Answer(argument, state);
}

int VdpaFile::Enable(RingModel& ring, bool enable) {
  const bool late = (device_.status_ & kDriverOk) != 0;
  if (late && !device_.personality_.sees_late_enable) {
    device_.model_.Report(
        {Rule::kNotServed, "ring " + std::to_string(ring.index()) +
                               " is enabled or disabled after DRIVER_OK"});
    return 0;
  }
  ring.SetEnabled(enable);
  if (late && enable) device_.StartRings();
  return 0;
}

}  // namespace backend_sim
