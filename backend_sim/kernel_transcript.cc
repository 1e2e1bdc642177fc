// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/kernel_transcript.h"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <utility>

#include "virtio_user/base/mac_address.h"
#include "virtio_user/os/linux_vhost.h"
#include "virtio_user/os/vdpa_requests.h"

namespace backend_sim {
namespace {

using virtio_user::Deadline;
using virtio_user::KernelEvent;

// What an ioctl's argument is.
enum class Shape : uint8_t {
  kNothing,
  kSetWord,    // 64 bits.
  kGetWord,    // Likewise, from the kernel.
  kSetState,   // struct vhost_vring_state.
  kGetState,   // Likewise, from the kernel.
  kFile,       // struct vhost_vring_file.
  kAddr,       // struct vhost_vring_addr.
  kTable,      // struct vhost_memory.
  kInterface,  // struct ifreq with name and flags.
  kQueue,      // struct ifreq with flags.
  kMac,        // struct ifreq with an address.
  kSetInt,
  kGetInt,
  kUnknown,
};

struct Request {
  unsigned long number;
  const char* name;
  Shape shape;
};

constexpr Request kRequests[] = {
    {VHOST_SET_OWNER, "VHOST_SET_OWNER", Shape::kNothing},
    {VHOST_RESET_OWNER, "VHOST_RESET_OWNER", Shape::kNothing},
    {VHOST_GET_FEATURES, "VHOST_GET_FEATURES", Shape::kGetWord},
    {VHOST_SET_FEATURES, "VHOST_SET_FEATURES", Shape::kSetWord},
    {VHOST_SET_MEM_TABLE, "VHOST_SET_MEM_TABLE", Shape::kTable},
    {VHOST_SET_VRING_NUM, "VHOST_SET_VRING_NUM", Shape::kSetState},
    {VHOST_SET_VRING_BASE, "VHOST_SET_VRING_BASE", Shape::kSetState},
    {VHOST_GET_VRING_BASE, "VHOST_GET_VRING_BASE", Shape::kGetState},
    {VHOST_SET_VRING_ADDR, "VHOST_SET_VRING_ADDR", Shape::kAddr},
    {VHOST_SET_VRING_KICK, "VHOST_SET_VRING_KICK", Shape::kFile},
    {VHOST_SET_VRING_CALL, "VHOST_SET_VRING_CALL", Shape::kFile},
    {VHOST_SET_VRING_ERR, "VHOST_SET_VRING_ERR", Shape::kFile},
    {VHOST_NET_SET_BACKEND, "VHOST_NET_SET_BACKEND", Shape::kFile},
    {TUNGETFEATURES, "TUNGETFEATURES", Shape::kGetInt},
    {TUNSETIFF, "TUNSETIFF", Shape::kInterface},
    {TUNSETQUEUE, "TUNSETQUEUE", Shape::kQueue},
    {TUNSETVNETHDRSZ, "TUNSETVNETHDRSZ", Shape::kSetInt},
    {TUNSETSNDBUF, "TUNSETSNDBUF", Shape::kSetInt},
    {TUNSETOFFLOAD, "TUNSETOFFLOAD", Shape::kUnknown},
    {SIOCSIFHWADDR, "SIOCSIFHWADDR", Shape::kMac},
};

const Request* Find(unsigned long number) {
  const auto found = std::ranges::find(kRequests, number, &Request::number);
  return found == std::end(kRequests) ? nullptr : found;
}

std::string Hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%" PRIx64, value);
  return text;
}

std::string RequestName(unsigned long number) {
  if (const Request* const request = Find(number)) return request->name;
  for (const virtio_user::VdpaRequest& vdpa : virtio_user::kVdpaRequests) {
    if (vdpa.number == number) return vdpa.name;
  }
  return "ioctl " + Hex(number);
}

template <typename T>
T Load(const void* argument) {
  T value;
  std::memcpy(&value, argument, sizeof(value));
  return value;
}

std::string StateText(const void* argument) {
  const auto state = Load<vhost_vring_state>(argument);
  return " index=" + std::to_string(state.index) +
         " num=" + std::to_string(state.num);
}

std::string InterfaceName(const void* argument) {
  const auto request = Load<ifreq>(argument);
  return {request.ifr_name, ::strnlen(request.ifr_name, IFNAMSIZ)};
}

std::string InterfaceFlags(const void* argument) {
  return " flags=" +
         Hex(static_cast<uint16_t>(Load<ifreq>(argument).ifr_flags));
}

std::string MacText(const void* argument) {
  const auto request = Load<ifreq>(argument);
  virtio_user::MacAddress mac;
  std::memcpy(mac.bytes.data(), request.ifr_hwaddr.sa_data, mac.bytes.size());
  return std::string(" mac=") + virtio_user::ToText(mac).data();
}

// "/dev/vhost-net": vhost; "/dev/net/tun": tun.
std::string DeviceName(const std::string& path) {
  const std::string last = path.substr(path.find_last_of('/') + 1);
  return last.substr(0, last.find('-'));
}

}  // namespace

std::string KernelTranscript::NameOf(int fd) const {
  if (fd < 0) return std::to_string(fd);
  const auto name = names_.find(fd);
  return name == names_.end() ? "fd" : name->second;
}

std::string KernelTranscript::Asked(unsigned long number,
                                    const void* argument) const {
  const Request* const request = Find(number);
  switch (request == nullptr ? Shape::kUnknown : request->shape) {
    case Shape::kSetWord:
      return " features=" + Hex(Load<uint64_t>(argument));
    case Shape::kSetState:
      return StateText(argument);
    case Shape::kGetState:
    case Shape::kAddr:
      return " index=" + std::to_string(Load<uint32_t>(argument));
    case Shape::kFile: {
      const auto file = Load<vhost_vring_file>(argument);
      return " index=" + std::to_string(file.index) +
             " file=" + NameOf(file.fd);
    }
    case Shape::kTable:
      return " regions=" + std::to_string(Load<uint32_t>(argument));
    case Shape::kInterface:
      return " name=" + InterfaceName(argument) + InterfaceFlags(argument);
    case Shape::kQueue:
      return InterfaceFlags(argument);
    case Shape::kMac:
      return MacText(argument);
    case Shape::kSetInt:
      return " value=" + std::to_string(Load<int>(argument));
    case Shape::kNothing:
    case Shape::kGetWord:
    case Shape::kGetInt:
    case Shape::kUnknown:
      break;
  }
  return "";
}

std::string KernelTranscript::Given(unsigned long number,
                                    const void* argument) const {
  const Request* const request = Find(number);
  switch (request == nullptr ? Shape::kUnknown : request->shape) {
    case Shape::kGetWord:
      return " features=" + Hex(Load<uint64_t>(argument));
    case Shape::kGetInt:
      return " value=" + Hex(Load<uint32_t>(argument));
    case Shape::kGetState:
      return " num=" + std::to_string(Load<vhost_vring_state>(argument).num);
    case Shape::kInterface:
      return " name=" + InterfaceName(argument);
    default:
      return "";
  }
}

int KernelTranscript::Tell(const std::string& call, int answer,
                           const std::string& given) {
  std::string line = call + " = ";
  if (answer >= 0) {
    line += std::to_string(answer) + given;
  } else {
    const char* const name = ::strerrorname_np(-answer);
    line += name != nullptr ? std::string("-") + name : std::to_string(answer);
  }
  on_call_(line);
  return answer;
}

int KernelTranscript::Open(const std::string& path) {
  const int fd = inner_.Open(path);
  if (fd < 0) return Tell("open " + path, fd);
  const std::string device = DeviceName(path);
  names_[fd] = device + std::to_string(used_[device]++);
  Tell("open " + path, 0, " " + names_[fd]);
  return fd;
}

int KernelTranscript::Ioctl(int fd, unsigned long request, void* argument) {
  const std::string call =
      RequestName(request) + " fd=" + NameOf(fd) + Asked(request, argument);
  const int answer = inner_.Ioctl(fd, request, argument);
  return Tell(call, answer, answer < 0 ? "" : Given(request, argument));
}

int KernelTranscript::IoctlNumber(int fd, unsigned long request,
                                  unsigned long number) {
  return Tell(
      RequestName(request) + " fd=" + NameOf(fd) + " value=" + Hex(number),
      inner_.IoctlNumber(fd, request, number));
}

int KernelTranscript::Read(int fd, std::span<std::byte> into) {
  return Tell("read fd=" + NameOf(fd) + " bytes=" + std::to_string(into.size()),
              inner_.Read(fd, into));
}

int KernelTranscript::Write(int fd, std::span<const std::byte> from) {
  return Tell(
      "write fd=" + NameOf(fd) + " bytes=" + std::to_string(from.size()),
      inner_.Write(fd, from));
}

int KernelTranscript::Poll(int fd, KernelEvent event, Deadline deadline) {
  // Asked whenever somebody looks at the link.
  if (event == KernelEvent::kFailure) return inner_.Poll(fd, event, deadline);
  return Tell("poll fd=" + NameOf(fd) +
                  (event == KernelEvent::kReadable ? " in" : " out"),
              inner_.Poll(fd, event, deadline));
}

void KernelTranscript::Sleep(Deadline deadline) {
  inner_.Sleep(deadline);
  Tell("sleep", 0);
}

std::string KernelTranscript::ReadText(const std::string& path) {
  std::string text = inner_.ReadText(path);
  std::string line = text;
  std::ranges::replace(line, '\n', ' ');
  while (line.ends_with(' ')) line.pop_back();
  Tell("read " + path, 0, " '" + line + "'");
  return text;
}

}  // namespace backend_sim
