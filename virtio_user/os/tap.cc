// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/tap.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

namespace virtio_user {
namespace {

constexpr const char* kTunPath = "/dev/net/tun";
constexpr std::string_view kAnyTap = "tap%d";
constexpr size_t kMaxNameBytes = IFNAMSIZ - 1;
constexpr unsigned kFlags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

std::unexpected<Error> System(int answer, ErrorCode code, const char* what,
                              const std::string& name, const char* remedy) {
  return std::unexpected(Error::System(code, -answer, "%s of tap %s%s%s", what,
                                       name.c_str(),
                                       *remedy == '\0' ? "" : "; ", remedy));
}

// What is wrong with a name that cannot be; empty: nothing.
std::string_view WhyBadName(std::string_view name) {
  if (name.empty()) return "is empty";
  if (name.size() > kMaxNameBytes) return "has more than 15 characters";
  if (name == "." || name == "..") return "is no name";
  constexpr std::string_view kForbidden("/: \t\n\v\f\r\0", 9);
  if (name.find_first_of(kForbidden) != std::string_view::npos) {
    return "has a slash, a colon or white space in it";
  }
  const size_t percent = name.find('%');
  if (percent == std::string_view::npos) return "";
  const bool is_pattern = name.substr(percent, 2) == "%d" &&
                          name.find('%', percent + 1) == std::string_view::npos;
  return is_pattern ? "" : "has a % that is not the one %d of a pattern";
}

ErrorCode CodeOf(int answer) {
  return answer == -EINVAL || answer == -E2BIG ? ErrorCode::kInvalidArgument
                                               : ErrorCode::kSystem;
}

// Of TUNSETIFF.
const char* Remedy(int answer, uint32_t queues) {
  switch (-answer) {
    case EPERM:
      return "run with CAP_NET_ADMIN, or let root make it: ip tuntap add dev "
             "IFNAME mode tap user USER multi_queue";
    case EBUSY:
      return "another program has it, or it has one queue; choose another "
             "ifname";
    case EINVAL:
      return queues > 1 ? "the interface of that name is no multi-queue tap; "
                          "choose another ifname, or one queue pair"
                        : "the interface of that name is no tap; choose "
                          "another ifname";
    case E2BIG:
      return "a tap has 256 queues at most, counting those of other programs; "
             "ask for fewer queue pairs";
    default:
      return "";
  }
}

unsigned OffloadFlags(FeatureSet guest) {
  unsigned flags = 0;
  if (guest.Has(Feature::kNetGuestCsum)) flags |= TUN_F_CSUM;
  if (guest.Has(Feature::kNetGuestTso4)) flags |= TUN_F_TSO4;
  if (guest.Has(Feature::kNetGuestTso6)) flags |= TUN_F_TSO6;
  if (guest.Has(Feature::kNetGuestEcn)) flags |= TUN_F_TSO_ECN;
  return flags;
}

}  // namespace

Result<void> CheckInterfaceName(std::string_view name) {
  const std::string_view why = WhyBadName(name);
  if (why.empty()) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "ifname '%.*s' %s; an interface's name has 1 to %zu characters, "
              "such as tap0 or tap%%d",
              static_cast<int>(std::min<size_t>(name.size(), 64)), name.data(),
              why.data(), kMaxNameBytes);
}

Result<Tap> Tap::Open(KernelCalls& calls, const TapOptions& options) {
  if (options.queues < 1 || options.queues > kMaxTapQueues) {
    return Fail(ErrorCode::kInvalidArgument,
                "%u queue pairs: a tap has 1 to %u queues", options.queues,
                kMaxTapQueues);
  }
  Tap tap(calls);
  tap.name_ = options.ifname.empty() ? kAnyTap : options.ifname;
  if (auto valid = CheckInterfaceName(tap.name_); !valid) return Fail(valid);
  if (auto done = tap.AddFirst(options); !done) return Fail(done);
  if (auto done = tap.AddFurther(options); !done) return Fail(done);
  // Of all queues. A packet that the driver sends is never left in its ring
  // because of packets before it that the kernel still holds.
  int unlimited = INT_MAX;
  const int set = calls.Ioctl(tap.fd(0), TUNSETSNDBUF, &unlimited);
  if (set < 0) return System(set, CodeOf(set), "TUNSETSNDBUF", tap.name_, "");
  return tap;
}

Result<FileDescriptor> Tap::OpenDevice() const {
  const int fd = calls_->Open(kTunPath);
  if (fd >= 0) return FileDescriptor(calls_->fds(), fd);
  const bool missing = fd == -ENOENT || fd == -ENODEV || fd == -ENXIO;
  const char* const remedy =
      missing ? "; load the driver: modprobe tun"
      : fd == -EACCES || fd == -EPERM
          ? "; give this user permission to read and write it"
          : "";
  return std::unexpected(Error::System(ErrorCode::kSystem, -fd,
                                       "cannot open %s for tap %s%s", kTunPath,
                                       name_.c_str(), remedy));
}

Result<void> Tap::CheckFeatures(const TapOptions& options) const {
  unsigned features = 0;
  const int got = calls_->Ioctl(fd(0), TUNGETFEATURES, &features);
  if (got < 0) return System(got, CodeOf(got), "TUNGETFEATURES", name_, "");
  const bool enough =
      (features & IFF_VNET_HDR) != 0 &&
      (options.queues == 1 || (features & IFF_MULTI_QUEUE) != 0);
  if (enough) return {};
  return Fail(ErrorCode::kUnsupported,
              "this kernel's taps have the features 0x%x: IFF_VNET_HDR is "
              "needed, and for %u queue pairs IFF_MULTI_QUEUE",
              features, options.queues);
}

int Tap::SetInterface(int fd, std::string& name, bool multiqueue) const {
  ifreq request{};
  std::ranges::copy(name, request.ifr_name);
  request.ifr_flags =
      static_cast<short>(kFlags | (multiqueue ? IFF_MULTI_QUEUE : 0));
  const int set = calls_->Ioctl(fd, TUNSETIFF, &request);
  if (set < 0) return set;
  name.assign(request.ifr_name, ::strnlen(request.ifr_name, IFNAMSIZ));
  return set;
}

Result<void> Tap::AddFirst(const TapOptions& options) {
  auto opened = OpenDevice();
  if (!opened) return Fail(opened);
  queues_.push_back({.fd = *std::move(opened)});
  if (auto enough = CheckFeatures(options); !enough) return enough;
  multiqueue_ = options.queues > 1;
  int set = SetInterface(fd(0), name_, multiqueue_);
  if (set == -EINVAL && !multiqueue_) {
    // One that exists already may have been made for several queues.
    multiqueue_ = true;
    set = SetInterface(fd(0), name_, multiqueue_);
  }
  if (set >= 0) return multiqueue_ ? CheckAlone() : Result<void>();
  return System(set, CodeOf(set), "TUNSETIFF", name_,
                Remedy(set, options.queues));
}

// The kernel lets another program's multi-queue tap be joined, and would give
// each of the two a part of the frames, with headers as the later one wants
// them. Queue 0 of whoever has it is always there, so ours would be the second.
Result<void> Tap::CheckAlone() const {
  const std::string text =
      calls_->ReadText("/sys/class/net/" + name_ + "/queues/tx-1/tx_timeout");
  if (text.empty()) return {};
  return System(-EBUSY, ErrorCode::kSystem, "TUNSETIFF", name_,
                Remedy(-EBUSY, 1));
}

Result<void> Tap::AddFurther(const TapOptions& options) {
  while (queues_.size() < options.queues) {
    auto opened = OpenDevice();
    if (!opened) return Fail(opened);
    const int set = SetInterface(opened->get(), name_, true);
    if (set < 0) {
      const std::string what =
          "TUNSETIFF for queue " + std::to_string(queues_.size());
      return System(set, CodeOf(set), what.c_str(), name_,
                    Remedy(set, options.queues));
    }
    queues_.push_back({.fd = *std::move(opened)});
  }
  return {};
}

// tun: a file without an interface has failed.
bool Tap::IsGone() const {
  return calls_->Poll(fd(0), KernelEvent::kFailure, Deadline{}) == 1;
}

// Not all calls have an errno of their own for it.
std::unexpected<Error> Tap::Refused(int answer, const char* what,
                                    const char* remedy) const {
  if (answer == -EBADFD || answer == -ENODEV || IsGone()) {
    return System(answer, ErrorCode::kDisconnected, what, name_,
                  "the interface was removed; reattach, which makes it anew");
  }
  return System(answer, CodeOf(answer), what, name_, remedy);
}

Result<void> Tap::SetMac(const MacAddress& mac) {
  // Which interface, the descriptor says.
  ifreq request{};
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, mac.bytes.data(), mac.bytes.size());
  const int set = calls_->Ioctl(fd(0), SIOCSIFHWADDR, &request);
  if (set >= 0) return {};
  const std::string what = std::string("SIOCSIFHWADDR ") + ToText(mac).data();
  return Refused(set, what.c_str(), "");
}

Result<void> Tap::SetHeaderBytes(size_t bytes) {
  int value = static_cast<int>(bytes);
  const int set = calls_->Ioctl(fd(0), TUNSETVNETHDRSZ, &value);
  if (set >= 0) return {};
  const std::string what = "TUNSETVNETHDRSZ " + std::to_string(bytes);
  return Refused(set, what.c_str(), "");
}

Result<void> Tap::SetOffloads(FeatureSet guest) {
  const unsigned flags = OffloadFlags(guest);
  const int set = calls_->IoctlNumber(fd(0), TUNSETOFFLOAD, flags);
  if (set >= 0) return {};
  const std::string what = "TUNSETOFFLOAD " + std::to_string(flags);
  return Refused(set, what.c_str(),
                 "negotiate without GUEST_CSUM, GUEST_TSO4 and GUEST_TSO6");
}

Result<void> Tap::EnableQueue(size_t queue) { return SwitchQueue(queue, true); }

Result<void> Tap::DisableQueue(size_t queue) {
  return SwitchQueue(queue, false);
}

Result<void> Tap::SwitchQueue(size_t queue, bool enable) {
  if (queue == 0 || queues_[queue].enabled == enable) return {};
  ifreq request{};
  request.ifr_flags = enable ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE;
  const int set = calls_->Ioctl(fd(queue), TUNSETQUEUE, &request);
  if (set < 0) {
    const std::string what = std::string("TUNSETQUEUE ") +
                             (enable ? "attach" : "detach") + " of queue " +
                             std::to_string(queue);
    return Refused(set, what.c_str(), Remedy(set, 2));
  }
  queues_[queue].enabled = enable;
  return {};
}

}  // namespace virtio_user
