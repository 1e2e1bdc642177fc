// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/told_kernel.h"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_config.h>

#include <algorithm>
#include <cstring>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "virtio_user/os/linux_vhost.h"

namespace fuzz {

namespace {

constexpr uint32_t kRingsOfFile = 2;
constexpr uint64_t kCtrlVq = uint64_t{1} << 17;  // VIRTIO_NET_F_CTRL_VQ

// A call that comes before what it needs, or after what ends it.
void Needs(bool holds, std::string_view what) {
  if (!holds) Report({"order", what}, "told of too early or too late");
}

template <typename T>
T As(std::span<const std::byte> bytes) {
  Expect(bytes.size() >= sizeof(T), "argument", "it is too short");
  return ValueAt<T>(bytes, 0);
}

// What it stands for, as it is signed.
uint64_t FdOf(const vhost_vring_file& file) {
  return static_cast<uint64_t>(int64_t{file.fd});
}

}  // namespace

void ToldKernel::Opened(std::string_view path, int fd) {
  const Kind kind = path == "/dev/net/tun"     ? Kind::kTap
                    : path == "/dev/vhost-net" ? Kind::kVhostNet
                                               : Kind::kVdpa;
  const auto number =
      static_cast<uint32_t>(std::ranges::count(files_, kind, &File::kind));
  files_.push_back({.fd = fd, .kind = kind, .number = number});
  state_.Set(
      {.what = Told::kOpen, .of = number, .place = static_cast<uint64_t>(kind)},
      {});
}

void ToldKernel::Closed() {
  files_.clear();
  state_.Clear();
}

const ToldKernel::File* ToldKernel::FileOf(int fd) const {
  const auto file = std::ranges::find(files_, fd, &File::fd);
  Needs(file != files_.end(), "open");
  return &*file;
}

int ToldKernel::TapFd(uint32_t queue) const {
  for (const File& file : files_) {
    if (file.kind == Kind::kTap && file.number == queue) return file.fd;
  }
  return -1;
}

void ToldKernel::Ioctl(int fd, unsigned long request,
                       std::span<const std::byte> argument) {
  const File& file = *FileOf(fd);
  const Call call = {.request = request, .argument = argument};
  switch (file.kind) {
    case Kind::kVhostNet:
      return OfVhostNet(file, call);
    case Kind::kTap:
      return OfTap(file, call);
    case Kind::kVdpa:
      return OfVdpa(call);
  }
}

void ToldKernel::IoctlNumber(int fd, unsigned long request,
                             unsigned long number) {
  const File& file = *FileOf(fd);
  Expect(file.kind == Kind::kTap && request == TUNSETOFFLOAD, "request",
         "one that no driver has");
  Needs(Has(Told::kInterface, file.number), "TUNSETOFFLOAD");
  Set(Told::kOffloads, 0, {number});
}

bool ToldKernel::OfVhost(const File& file, const Call& call) {
  if (call.request == VHOST_SET_OWNER) {
    Needs(!Has(Told::kOwner, file.number), "VHOST_SET_OWNER");
    Set(Told::kOwner, file.number, {});
  } else if (call.request == VHOST_SET_FEATURES) {
    Set(Told::kFeatures, file.number, {As<uint64_t>(call.argument)});
  } else {
    return call.request == VHOST_GET_FEATURES;
  }
  return true;
}

bool ToldKernel::OfRing(uint32_t first, const Call& call) {
  const auto state = [&] { return As<vhost_vring_state>(call.argument); };
  const auto file = [&] { return As<vhost_vring_file>(call.argument); };
  switch (call.request) {
    case VHOST_SET_VRING_NUM:
      Set(Told::kNum, first + state().index, {state().num});
      return true;
    case VHOST_SET_VRING_BASE:
      Set(Told::kBase, first + state().index, {state().num});
      return true;
    case VHOST_SET_VRING_ADDR: {
      const auto addr = As<vhost_vring_addr>(call.argument);
      Set(Told::kAddr, first + addr.index,
          {addr.flags, addr.desc_user_addr, addr.used_user_addr,
           addr.avail_user_addr, addr.log_guest_addr});
      return true;
    }
    case VHOST_SET_VRING_CALL:
      Set(Told::kCall, first + file().index, {FdOf(file())});
      return true;
    case VHOST_SET_VRING_KICK:
      Set(Told::kKick, first + file().index, {FdOf(file())});
      return true;
    default:
      return false;
  }
}

// --- vhost-net ---------------------------------------------------------------

void ToldKernel::OfVhostNet(const File& file, const Call& call) {
  const uint32_t first = kRingsOfFile * file.number;
  if (OfVhost(file, call)) return;
  Needs(Has(Told::kOwner, file.number), "VHOST_SET_OWNER");
  if (call.request == VHOST_SET_MEM_TABLE) {
    return SetTable(file.number, call.argument);
  }
  const auto index = As<uint32_t>(call.argument);
  Expect(index < kRingsOfFile, "argument", "vhost-net has two rings");
  if (call.request == VHOST_NET_SET_BACKEND) {
    return SetBackend(file.number, call.argument);
  }
  // EBUSY, and an answer of a ring that goes on.
  const bool runs = Has(Told::kBackend, first + index);
  if (call.request == VHOST_SET_VRING_NUM ||
      call.request == VHOST_SET_VRING_BASE ||
      call.request == VHOST_GET_VRING_BASE) {
    Needs(!runs, "ring that runs");
  }
  Expect(OfRing(first, call) || call.request == VHOST_GET_VRING_BASE, "request",
         "one that no driver has");
}

void ToldKernel::SetTable(uint32_t pair, std::span<const std::byte> argument) {
  const auto head = As<vhost_memory>(argument);
  for (uint64_t i = 0; state_.Has({Told::kRegion, pair, i}); ++i) {
    state_.Erase({Told::kRegion, pair, i});
  }
  Set(Told::kTable, pair, {head.nregions, head.padding});
  argument = argument.subspan(sizeof(head));
  for (uint32_t i = 0; i < head.nregions; ++i) {
    const auto region = As<vhost_memory_region>(argument);
    argument = argument.subspan(sizeof(region));
    state_.Set({Told::kRegion, pair, i},
               {region.guest_phys_addr, region.memory_size,
                region.userspace_addr, region.flags_padding});
  }
}

void ToldKernel::SetBackend(uint32_t pair,
                            std::span<const std::byte> argument) {
  const auto file = As<vhost_vring_file>(argument);
  const uint32_t ring = kRingsOfFile * pair + file.index;
  if (file.fd == -1) {
    state_.Erase({.what = Told::kBackend, .of = ring});
    return;
  }
  Needs(Has(Told::kFeatures, pair), "VHOST_SET_FEATURES");
  Needs(Number(Told::kTable, pair) != 0, "VHOST_SET_MEM_TABLE");
  RingMayRun(ring);
  Needs(Has(Told::kCall, ring), "VHOST_SET_VRING_CALL");
  Needs(Has(Told::kHeaderBytes, 0), "TUNSETVNETHDRSZ");
  Needs(Has(Told::kOffloads, 0), "TUNSETOFFLOAD");
  Needs(!Has(Told::kDetached, pair), "TUNSETQUEUE");
  Set(Told::kBackend, ring, {FdOf(file)});
}

void ToldKernel::RingMayRun(uint32_t ring) const {
  Needs(Has(Told::kNum, ring), "VHOST_SET_VRING_NUM");
  Needs(Has(Told::kBase, ring), "VHOST_SET_VRING_BASE");
  Needs(Has(Told::kAddr, ring), "VHOST_SET_VRING_ADDR");
  Needs(Has(Told::kKick, ring), "VHOST_SET_VRING_KICK");
}

// --- A tap -------------------------------------------------------------------

void ToldKernel::OfTap(const File& file, const Call& call) {
  if (call.request == TUNGETFEATURES) return;
  if (call.request == TUNSETIFF) {
    const auto request = As<ifreq>(call.argument);
    Needs(!Has(Told::kInterface, file.number), "TUNSETIFF");
    ToldValue value = {static_cast<uint16_t>(request.ifr_flags)};
    std::memcpy(&value[1], request.ifr_name, sizeof(request.ifr_name));
    return Set(Told::kInterface, file.number, value);
  }
  // EBADFD.
  Needs(Has(Told::kInterface, file.number), "TUNSETIFF");
  if (call.request == TUNSETSNDBUF) {
    const auto bytes = static_cast<uint64_t>(As<int>(call.argument));
    return Set(Told::kSendBuffer, 0, {bytes});
  }
  if (call.request == TUNSETVNETHDRSZ) {
    const auto bytes = static_cast<uint64_t>(As<int>(call.argument));
    return Set(Told::kHeaderBytes, 0, {bytes});
  }
  Expect(call.request == TUNSETQUEUE, "request", "one that no driver has");
  const auto flags = As<ifreq>(call.argument).ifr_flags;
  const bool detached = Has(Told::kDetached, file.number);
  // EINVAL, each.
  if (flags == IFF_DETACH_QUEUE) {
    Needs(!detached, "IFF_DETACH_QUEUE");
    return Set(Told::kDetached, file.number, {});
  }
  Needs(flags == IFF_ATTACH_QUEUE && detached, "IFF_ATTACH_QUEUE");
  state_.Erase({.what = Told::kDetached, .of = file.number});
}

// --- vDPA --------------------------------------------------------------------

void ToldKernel::OfVdpa(const Call& call) {
  const uint64_t status = Number(Told::kStatus);
  const bool runs = (status & VIRTIO_CONFIG_S_DRIVER_OK) != 0;
  if (call.request == VHOST_SET_FEATURES) {
    // EBUSY, and "Device Initialization" of virtio.
    constexpr uint64_t kDriver =
        VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
    Needs(status == kDriver, "VHOST_SET_FEATURES");
  }
  if (OfVhost({.number = 0}, call)) return;
  const auto bits = [&] { return Number(Told::kBackendFeatures); };
  switch (call.request) {
    case VHOST_SET_BACKEND_FEATURES:
      return Set(Told::kBackendFeatures, 0, {As<uint64_t>(call.argument)});
    case VHOST_VDPA_SET_CONFIG_CALL:
      return Set(Told::kConfigCall, 0,
                 {static_cast<uint64_t>(int64_t{As<int>(call.argument)})});
    case VHOST_VDPA_SET_STATUS:
      return SetStatus(As<uint8_t>(call.argument));
    case VHOST_VDPA_SET_CONFIG: {
      ToldValue value = {As<uint64_t>(call.argument)};
      const auto bytes = call.argument.subspan(sizeof(uint64_t));
      std::memcpy(&value[1], bytes.data(),
                  std::min(bytes.size(), 4 * sizeof(uint64_t)));
      return Set(Told::kConfig, 0, value);
    }
    case VHOST_VDPA_SUSPEND:
      // Before DRIVER_OK it is nothing.
      Needs((bits() >> VHOST_BACKEND_F_SUSPEND & 1) != 0, "VHOST_VDPA_SUSPEND");
      return Set(Told::kSuspend, 0, {});
    default:
      break;
  }
  if (_IOC_DIR(call.request) == _IOC_READ) return;
  Needs(Has(Told::kOwner, 0), "VHOST_SET_OWNER");
  const auto state = As<vhost_vring_state>(call.argument);
  if (call.request == VHOST_VDPA_GET_VRING_GROUP) return;
  if (call.request == VHOST_GET_VRING_BASE) {
    const bool must = (bits() >> VHOST_BACKEND_F_SUSPEND & 1) != 0;
    return Needs(!must || Has(Told::kSuspend, 0), "ring that runs");
  }
  Needs(!runs && Has(Told::kFeatures, 0), "ring that runs");
  if (call.request == VHOST_VDPA_SET_GROUP_ASID) {
    Needs((bits() >> VHOST_BACKEND_F_IOTLB_ASID & 1) != 0,
          "VHOST_BACKEND_F_IOTLB_ASID");
    return Set(Told::kGroup, state.index, {state.num});
  }
  if (call.request == VHOST_VDPA_SET_VRING_ENABLE) {
    RingMayRun(state.index);
    return Set(Told::kEnable, state.index, {state.num});
  }
  Expect(OfRing(0, call), "request", "one that no driver has");
}

// Linux has no bit taken away but all of them.
void ToldKernel::SetStatus(uint8_t status) {
  if (status == 0) return state_.Reset();
  const uint64_t before = Number(Told::kStatus);
  Needs((before & ~status) == 0, "status bit taken away");
  if ((status & VIRTIO_CONFIG_S_DRIVER) != 0) {
    Needs((before & VIRTIO_CONFIG_S_ACKNOWLEDGE) != 0, "ACKNOWLEDGE");
  }
  if ((status & VIRTIO_CONFIG_S_FEATURES_OK) != 0) {
    Needs((before & VIRTIO_CONFIG_S_DRIVER) != 0, "DRIVER");
    Needs(Has(Told::kFeatures, 0), "VHOST_SET_FEATURES");
  }
  if ((status & ~before & VIRTIO_CONFIG_S_DRIVER_OK) != 0) {
    Needs((before & VIRTIO_CONFIG_S_FEATURES_OK) != 0, "FEATURES_OK");
    MayRun();
  }
  Set(Told::kStatus, 0, {status});
}

// Rings are told of as a whole and enabled, in memory that is mapped.
void ToldKernel::MayRun() const {
  Needs(!Has(Told::kBatch, 0), "VHOST_IOTLB_BATCH_END");
  uint32_t enabled = 0;
  bool mapped = false;
  for (const auto& [key, value] : state_.entries()) {
    mapped = mapped || key.what == Told::kMapping;
    if (key.what == Told::kEnable) enabled += value.front() == 1;
    if (key.what < Told::kNum || key.what > Told::kEnable) continue;
    RingMayRun(key.of);
    Needs(Number(Told::kEnable, key.of) == 1, "VHOST_VDPA_SET_VRING_ENABLE");
  }
  const bool control = (Number(Told::kFeatures) & kCtrlVq) != 0;
  Needs(enabled >= kRingsOfFile + (control ? 1 : 0), "ring");
  Needs(mapped, "VHOST_IOTLB_UPDATE");
}

void ToldKernel::Wrote(int fd, std::span<const std::byte> message) {
  const File& file = *FileOf(fd);
  Expect(file.kind == Kind::kVdpa && message.size() == sizeof(vhost_msg_v2),
         "message", "one that no driver has");
  Needs(Has(Told::kOwner, 0), "VHOST_SET_OWNER");
  Map(message);
}

// The first version has a hole where the second has the address space.
void ToldKernel::Map(std::span<const std::byte> message) {
  const auto head = As<vhost_msg_v2>(message);
  const vhost_iotlb_msg& entry = head.iotlb;
  const uint64_t bits = Number(Told::kBackendFeatures);
  const auto speaks = [&](unsigned bit) { return (bits >> bit & 1) != 0; };
  const uint32_t wanted = speaks(VHOST_BACKEND_F_IOTLB_MSG_V2)
                              ? VHOST_IOTLB_MSG_V2
                              : VHOST_IOTLB_MSG;
  Expect(head.type == wanted, "message", "another version");
  Expect(head.asid == 0 || speaks(VHOST_BACKEND_F_IOTLB_ASID), "message",
         "an address space that was not asked for");
  const ToldKey batch = {.what = Told::kBatch};
  const ToldKey key = {
      .what = Told::kMapping, .of = head.asid, .place = entry.iova};
  switch (entry.type) {
    case VHOST_IOTLB_BATCH_BEGIN:
      Needs(speaks(VHOST_BACKEND_F_IOTLB_BATCH), "VHOST_IOTLB_BATCH_BEGIN");
      return state_.Set(batch, {});
    case VHOST_IOTLB_BATCH_END:
      Needs(state_.Has(batch), "VHOST_IOTLB_BATCH_END");
      return state_.Erase(batch);
    case VHOST_IOTLB_INVALIDATE:
      return Unmap(key, entry.size);
    default:
      break;
  }
  Expect(entry.type == VHOST_IOTLB_UPDATE && entry.perm == VHOST_ACCESS_RW &&
             entry.size != 0,
         "message", "one that no driver has");
  // EEXIST.
  for (const auto& [other, value] : state_.entries()) {
    if (other.what != Told::kMapping || other.of != key.of) continue;
    Needs(entry.iova >= other.place + value.front() ||
              other.place >= entry.iova + entry.size,
          "VHOST_IOTLB_UPDATE");
  }
  state_.Set(key, {entry.size, entry.uaddr});
}

void ToldKernel::Unmap(const ToldKey& key, uint64_t size) {
  Needs(state_.Has(key) && state_.Number(key) == size,
        "VHOST_IOTLB_INVALIDATE");
  state_.Erase(key);
}

}  // namespace fuzz
