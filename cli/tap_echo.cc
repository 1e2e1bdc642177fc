// SPDX-License-Identifier: BSD-3-Clause

#include "cli/tap_echo.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace virtio_user::cli {
namespace {

// Frames of one step.
constexpr size_t kStepFrames = 256;
// Room for what comes while this thread is elsewhere.
constexpr int kSocketBytes = 64 << 20;
// Frames that the tap keeps for rings without buffers, on each queue.
constexpr int kQueueFrames = 16384;
constexpr size_t kAddressesBytes = 12;  // In front of a VLAN tag.

std::unexpected<Error> Failed(const char* what, const std::string& ifname) {
  const int error = errno;
  return std::unexpected(Error::System(
      ErrorCode::kSystem, error, "%s of %s%s", what, ifname.c_str(),
      error == EPERM ? "; run with CAP_NET_ADMIN and CAP_NET_RAW" : ""));
}

ifreq RequestFor(const std::string& ifname) {
  ifreq request{};
  std::copy_n(ifname.begin(), std::min<size_t>(ifname.size(), IFNAMSIZ - 1),
              request.ifr_name);
  return request;
}

}  // namespace

Result<std::unique_ptr<TapEcho>> TapEcho::Open(FdOps& fds,
                                               const TapEchoOptions& options) {
  // Of no protocol: it hears nothing before it is bound to the interface.
  const int fd =
      ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return Failed("cannot make a packet socket", options.ifname);
  std::unique_ptr<TapEcho> echo(new TapEcho(options, FileDescriptor(fds, fd)));
  if (auto ready = echo->Prepare(); !ready) return Fail(ready);
  return echo;
}

TapEcho::~TapEcho() {
  if (found_ && ::if_nametoindex(options_.ifname.c_str()) == found_->index) {
    PutBack();
  }
}

Result<void> TapEcho::Prepare() {
  const int fd = socket_.get();
  const unsigned index = ::if_nametoindex(options_.ifname.c_str());
  if (index == 0) return Failed("no interface", options_.ifname);
  // As much as may be had without privileges, if not all.
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kSocketBytes,
                   sizeof(kSocketBytes)) != 0) {
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kSocketBytes,
                 sizeof(kSocketBytes));
  }
  const int on = 1;
  packet_mreq promiscuous{};
  promiscuous.mr_ifindex = static_cast<int>(index);
  promiscuous.mr_type = PACKET_MR_PROMISC;
  if (::setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) != 0 ||
      ::setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
                   sizeof(promiscuous)) != 0) {
    return Failed("cannot prepare the packet socket", options_.ifname);
  }
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(index);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address),
             sizeof(address)) != 0) {
    return Failed("cannot bind the packet socket", options_.ifname);
  }
  return Configure(index);
}

Result<void> TapEcho::Configure(unsigned index) {
  const int fd = socket_.get();
  Found found = {.index = index};
  ifreq request = RequestFor(options_.ifname);
  if (::ioctl(fd, SIOCGIFMTU, &request) != 0) {
    return Failed("cannot read the MTU", options_.ifname);
  }
  found.mtu = request.ifr_mtu;
  if (::ioctl(fd, SIOCGIFTXQLEN, &request) != 0) {
    return Failed("cannot read the queue length", options_.ifname);
  }
  found.queue_frames = request.ifr_qlen;
  if (::ioctl(fd, SIOCGIFFLAGS, &request) != 0) {
    return Failed("cannot read the flags", options_.ifname);
  }
  found.was_up = (request.ifr_flags & IFF_UP) != 0;
  if (!options_.is_ours) found_ = found;
  return Change(found);
}

// What is enough already stays.
Result<void> TapEcho::Change(const Found& found) const {
  const int fd = socket_.get();
  ifreq request = RequestFor(options_.ifname);
  request.ifr_mtu = static_cast<int>(options_.max_frame_bytes - ETH_HLEN);
  if (request.ifr_mtu > found.mtu && ::ioctl(fd, SIOCSIFMTU, &request) != 0) {
    return Failed("cannot set the MTU", options_.ifname);
  }
  request.ifr_qlen = kQueueFrames;
  if (found.queue_frames < kQueueFrames &&
      ::ioctl(fd, SIOCSIFTXQLEN, &request) != 0) {
    return Failed("cannot set the queue length", options_.ifname);
  }
  // Otherwise the kernel looks for neighbours and routers there. Of somebody
  // else's interface all addresses would be lost.
  if (options_.is_ours) {
    std::ofstream("/proc/sys/net/ipv6/conf/" + options_.ifname +
                  "/disable_ipv6")
        << "1\n";
  }
  if (found.was_up) return {};
  if (SwitchLink(true)) return {};
  return Failed("cannot bring up the link", options_.ifname);
}

bool TapEcho::SwitchLink(bool up) const {
  ifreq request = RequestFor(options_.ifname);
  if (::ioctl(socket_.get(), SIOCGIFFLAGS, &request) != 0) return false;
  const auto flags = static_cast<unsigned short>(request.ifr_flags);
  request.ifr_flags = static_cast<short>(up ? flags | IFF_UP : flags & ~IFF_UP);
  return ::ioctl(socket_.get(), SIOCSIFFLAGS, &request) == 0;
}

// As much of it as can be.
void TapEcho::PutBack() const {
  if (!found_->was_up) (void)SwitchLink(false);
  ifreq request = RequestFor(options_.ifname);
  request.ifr_qlen = found_->queue_frames;
  (void)::ioctl(socket_.get(), SIOCSIFTXQLEN, &request);
  request.ifr_mtu = found_->mtu;
  (void)::ioctl(socket_.get(), SIOCSIFMTU, &request);
}

std::span<const std::byte> TapEcho::Receive() {
  alignas(cmsghdr) std::byte control[CMSG_SPACE(sizeof(tpacket_auxdata))];
  sockaddr_ll from{};
  iovec part = {.iov_base = buffer_.data() + kTagBytes,
                .iov_len = kBufferBytes - kTagBytes};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof(from);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
  if (got <= 0) return {};
  std::byte* const frame = buffer_.data() + kTagBytes;
  const auto bytes = static_cast<size_t>(got);
  // This machine's kernel has sent it, and the driver gets it anyway.
  if (from.sll_pkttype == PACKET_OUTGOING) return {frame, 0};
  const cmsghdr* const header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_PACKET ||
      header->cmsg_type != PACKET_AUXDATA || bytes < kAddressesBytes) {
    return {frame, bytes};
  }
  tpacket_auxdata auxiliary;
  std::memcpy(&auxiliary, CMSG_DATA(header), sizeof(auxiliary));
  if ((auxiliary.tp_status & TP_STATUS_VLAN_VALID) == 0) return {frame, bytes};
  const bool has_tpid = (auxiliary.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
  const uint16_t tag[] = {
      htons(has_tpid ? auxiliary.tp_vlan_tpid : ETHERTYPE_VLAN),
      htons(auxiliary.tp_vlan_tci)};
  static_assert(sizeof(tag) == kTagBytes);
  std::memmove(buffer_.data(), frame, kAddressesBytes);
  std::memcpy(buffer_.data() + kAddressesBytes, tag, kTagBytes);
  return {buffer_.data(), bytes + kTagBytes};
}

// False: there is no room now.
bool TapEcho::Send(std::span<const std::byte> frame) {
  const ssize_t sent =
      ::send(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
  if (sent >= 0) return true;
  if (errno == EAGAIN || errno == ENOBUFS) return false;
  ++lost_;
  return true;
}

size_t TapEcho::Step() {
  size_t count = 0;
  for (size_t i = 0; i < kStepFrames; ++i) {
    if (!pending_.empty() && !Send(pending_)) break;
    pending_ = {};
    const std::span<const std::byte> frame = Receive();
    if (frame.data() == nullptr) break;
    if (frame.empty()) continue;
    ++count;
    ++seen_;
    if (options_.answers) pending_ = frame;
  }
  return count;
}

}  // namespace virtio_user::cli
