// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/tap_file.h"

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace backend_sim {
namespace {

constexpr unsigned kKept =
    IFF_NO_PI | IFF_VNET_HDR | IFF_ONE_QUEUE | IFF_MULTI_QUEUE;
constexpr unsigned kFeatures =
    IFF_TUN | IFF_TAP | kKept | IFF_NAPI | IFF_NAPI_FRAGS | IFF_NO_CARRIER;
constexpr unsigned kOffloads =
    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN | TUN_F_UFO;
constexpr int kLeastHeaderBytes = 10;
constexpr unsigned kKind = IFF_TUN | IFF_TAP;

template <typename T>
T Load(const void* argument) {
  T value;
  std::memcpy(&value, argument, sizeof(value));
  return value;
}

// An interface's name, as dev_valid_name has it.
bool IsName(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." &&
         name != ".." && name.find_first_of("/: \t\n") == std::string::npos;
}

}  // namespace

// --- The driver --------------------------------------------------------------

OpenedFile TapDriver::Open() {
  auto file = std::make_shared<TapFile>(*this);
  files_.push_back(file);
  return {.file = std::move(file)};
}

std::shared_ptr<TapFile> TapDriver::Find(
    const std::shared_ptr<SimFile>& file) const {
  for (const auto& ours : files_) {
    auto tap = ours.lock();
    if (tap == file) return tap;
  }
  return nullptr;
}

TapInterface& TapDriver::AddInterface(const std::string& name, unsigned flags) {
  return interfaces_[name] = {.flags = flags, .persistent = true};
}

const TapInterface* TapDriver::Interface(const std::string& name) const {
  const auto found = interfaces_.find(name);
  return found == interfaces_.end() ? nullptr : &found->second;
}

std::string TapDriver::ReadText(const std::string& path) const {
  for (const auto& [name, interface] : interfaces_) {
    for (size_t i = 0; i < interface.queues.size(); ++i) {
      if (path == "/sys/class/net/" + name + "/queues/tx-" + std::to_string(i) +
                      "/tx_timeout") {
        return "0\n";
      }
    }
  }
  return "";
}

void TapDriver::RemoveInterface(const std::string& name) {
  const TapInterface gone = std::move(interfaces_.at(name));
  interfaces_.erase(name);
  for (TapFile* const file : gone.queues) file->name_.clear();
  for (TapFile* const file : gone.disabled) file->name_.clear();
}

// The first name of a pattern that is free.
std::optional<std::string> TapDriver::Expand(const std::string& pattern) const {
  const size_t percent = pattern.find('%');
  if (percent == std::string::npos) return pattern;
  if (pattern.substr(percent, 2) != "%d") return std::nullopt;
  for (int number = 0;; ++number) {
    std::string name = pattern;
    name.replace(percent, 2, std::to_string(number));
    if (!interfaces_.contains(name)) return name;
  }
}

// --- A queue -----------------------------------------------------------------

TapFile::~TapFile() {
  std::erase_if(driver_.files_,
                [](const auto& file) { return file.expired(); });
  if (name_.empty()) return;
  TapInterface& interface = mine();
  std::erase(interface.queues, this);
  std::erase(interface.disabled, this);
  const bool empty = interface.queues.empty() && interface.disabled.empty();
  if (empty && !interface.persistent) driver_.interfaces_.erase(name_);
}

const TapInterface* TapFile::interface() const {
  return name_.empty() ? nullptr : driver_.Interface(name_);
}

int TapFile::Ioctl(unsigned long request, void* argument) {
  if (request == TUNGETFEATURES) {
    std::memcpy(argument, &kFeatures, sizeof(kFeatures));
    return 0;
  }
  if (request == TUNSETQUEUE) return SetQueue(argument);
  if (request == TUNSETIFF) {
    return name_.empty() ? SetInterface(argument) : -EEXIST;
  }
  if (name_.empty()) return -EBADFD;
  if (request == TUNSETVNETHDRSZ) {
    const int bytes = Load<int>(argument);
    if (bytes < kLeastHeaderBytes) return -EINVAL;
    mine().header_bytes = bytes;
    return 0;
  }
  if (request == TUNSETSNDBUF) {
    const int bytes = Load<int>(argument);
    if (bytes <= 0) return -EINVAL;
    mine().send_buffer = bytes;
    return 0;
  }
  return request == SIOCSIFHWADDR ? SetMac(argument) : -EINVAL;
}

int TapFile::Read(std::span<std::byte> /*into*/) {
  return name_.empty() ? -EBADFD : -EAGAIN;
}

int TapFile::Write(std::span<const std::byte> from) {
  return name_.empty() ? -EBADFD : static_cast<int>(from.size());
}

bool TapFile::IsReady(virtio_user::KernelEvent event) {
  // An error ends every wait.
  if (name_.empty()) return true;
  return event == virtio_user::KernelEvent::kWritable;
}

int TapFile::IoctlNumber(unsigned long request, unsigned long number) {
  if (name_.empty()) return -EBADFD;
  if (request != TUNSETOFFLOAD) return -EINVAL;
  // Segments need checksums; ECN needs TSO.
  const bool segments = (number & (TUN_F_TSO4 | TUN_F_TSO6)) != 0;
  const bool lacking =
      ((number & ~TUN_F_CSUM) != 0 && (number & TUN_F_CSUM) == 0) ||
      ((number & TUN_F_TSO_ECN) != 0 && !segments);
  if ((number & ~kOffloads) != 0 || lacking) return -EINVAL;
  mine().offloads = static_cast<unsigned>(number);
  return 0;
}

int TapFile::SetInterface(void* argument) {
  auto request = Load<ifreq>(argument);
  const std::string asked(request.ifr_name,
                          ::strnlen(request.ifr_name, IFNAMSIZ));
  const auto flags = static_cast<uint16_t>(request.ifr_flags);
  if (!driver_.interfaces_.contains(asked)) {
    if (!driver_.admin_) return -EPERM;
    const unsigned kind = flags & kKind;
    if (kind != IFF_TUN && kind != IFF_TAP) return -EINVAL;
    const auto name = driver_.Expand(asked);
    if (!name || !IsName(*name)) return -EINVAL;
    driver_.interfaces_[*name] = {.flags = kind | (flags & kKept)};
    name_ = *name;
    mine().queues.push_back(this);
  } else if (const int attached = Attach(asked, flags); attached != 0) {
    return attached;
  }
  std::memset(request.ifr_name, 0, IFNAMSIZ);
  std::ranges::copy(name_, request.ifr_name);
  std::memcpy(argument, &request, sizeof(request));
  return 0;
}

// Another queue of an interface that exists.
int TapFile::Attach(const std::string& name, unsigned flags) {
  TapInterface& interface = driver_.interfaces_.at(name);
  if ((interface.flags & kKind) != (flags & kKind)) return -EINVAL;
  const unsigned many = interface.flags & IFF_MULTI_QUEUE;
  if (many != (flags & IFF_MULTI_QUEUE)) return -EINVAL;
  if (many == 0 && !interface.queues.empty()) return -EBUSY;
  const size_t count = interface.queues.size() + interface.disabled.size();
  if (count >= TapDriver::kMaxQueues) return -E2BIG;
  interface.flags = (flags & kKind) | (flags & kKept);
  interface.queues.push_back(this);
  name_ = name;
  return 0;
}

int TapFile::SetQueue(const void* argument) {
  const auto flags = static_cast<uint16_t>(Load<ifreq>(argument).ifr_flags);
  if (name_.empty() || (mine().flags & IFF_MULTI_QUEUE) == 0) return -EINVAL;
  const bool attach = (flags & IFF_ATTACH_QUEUE) != 0;
  if (!attach && (flags & IFF_DETACH_QUEUE) == 0) return -EINVAL;
  auto& from = attach ? mine().disabled : mine().queues;
  auto& to = attach ? mine().queues : mine().disabled;
  if (std::erase(from, this) == 0) return -EINVAL;
  to.push_back(this);
  return 0;
}

int TapFile::SetMac(const void* argument) {
  const auto request = Load<ifreq>(argument);
  if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER) return -EINVAL;
  std::array<uint8_t, 6> mac;
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  const bool multicast = (mac[0] & 1) != 0;
  if (multicast || mac == std::array<uint8_t, 6>{}) return -EADDRNOTAVAIL;
  mine().mac = mac;
  return 0;
}

}  // namespace backend_sim
