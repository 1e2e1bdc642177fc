// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/spoiled_kernel.h"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/ioctl.h>
#include <linux/sockios.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "fuzz/finding.h"
#include "virtio_user/os/linux_vhost.h"
#include "virtio_user/os/vdpa_requests.h"

namespace fuzz {

namespace {

// Bytes below it leave a call alone; no bytes do.
constexpr uint8_t kFirstSpoiled = 128;
constexpr uint8_t kWays = 8;

// What the drivers answer with, and a few that they do not.
constexpr int kErrors[] = {EPERM,  ENOENT, EINTR,      EIO,    ENXIO,  E2BIG,
                           EBADF,  EAGAIN, ENOMEM,     EACCES, EFAULT, EBUSY,
                           EEXIST, ENODEV, EINVAL,     EMFILE, ENOTTY, ENOSPC,
                           EPIPE,  ERANGE, EOPNOTSUPP, EPROTO};

// A table of six regions.
constexpr size_t kMostArgumentBytes = 256;

// What this request has the kernel read, or read and write.
std::span<const std::byte> ArgumentOf(unsigned long request,
                                      const void* argument) {
  const auto* const bytes = static_cast<const std::byte*>(argument);
  if (argument == nullptr) return {};
  // Sizes in a request's number that are not those of its argument.
  if (request == TUNSETIFF || request == TUNSETQUEUE ||
      request == SIOCSIFHWADDR) {
    return {bytes, sizeof(ifreq)};
  }
  size_t size = _IOC_SIZE(request);
  if (request == VHOST_SET_MEM_TABLE) {
    vhost_memory head;
    std::memcpy(&head, bytes, sizeof(head));
    size = sizeof(head) + head.nregions * sizeof(vhost_memory_region);
  } else if (request == virtio_user::kVdpaSetConfig.number) {
    virtio_user::VdpaConfigHead head;
    std::memcpy(&head, bytes, sizeof(head));
    size += head.bytes;
  }
  return {bytes, size};
}

// The bytes that this request has the kernel write.
std::span<std::byte> WrittenBy(unsigned long request, void* argument) {
  auto* const bytes = static_cast<std::byte*>(argument);
  if (argument == nullptr) return {};
  // A size in a request's number that is not that of its argument.
  if (request == TUNSETIFF || request == TUNGETIFF) {
    return {bytes, sizeof(ifreq)};
  }
  if (request == virtio_user::kVdpaGetConfig.number) {
    virtio_user::VdpaConfigHead head;
    std::memcpy(&head, bytes, sizeof(head));
    return {bytes + sizeof(head), head.bytes};
  }
  if ((_IOC_DIR(request) & _IOC_READ) == 0) return {};
  return {bytes, _IOC_SIZE(request)};
}

}  // namespace

SpoiledKernel::Way SpoiledKernel::Draw() {
  const uint8_t byte = input_.Byte();
  if (byte < kFirstSpoiled) return Way::kAsItIs;
  switch (byte % kWays) {
    case 0:
    case 1:
      return Way::kFails;
    case 2:
      return Way::kOnlySaysDone;
    default:
      return Way::kOtherBytes;
  }
}

int SpoiledKernel::Errno() {
  return -kErrors[input_.Byte() % std::size(kErrors)];
}

std::optional<int> SpoiledKernel::InPlaceOf(Way way) {
  if (way == Way::kFails) return Errno();
  if (way == Way::kOnlySaysDone) return input_.Byte();
  return std::nullopt;
}

void SpoiledKernel::Overwrite(std::span<std::byte> answer) {
  const auto bytes = input_.Chunk();
  const size_t count = std::min(bytes.size(), answer.size());
  std::ranges::copy(bytes.first(count), answer.begin());
}

// A number that it does not have open is nothing that a kernel gives.
int SpoiledKernel::Open(const std::string& path) {
  const int fd = Draw() == Way::kFails ? Errno() : kernel_.Open(path);
  answers_.Other(fd < 0);
  if (fd >= 0) told_.Opened(path, fd);
  return fd;
}

int SpoiledKernel::Ioctl(int fd, unsigned long request, void* argument) {
  // As it is before the kernel writes into it.
  std::array<std::byte, kMostArgumentBytes> copy;
  const auto argument_bytes = ArgumentOf(request, argument);
  Expect(argument_bytes.size() <= copy.size(), "argument", "it is too long");
  std::ranges::copy(argument_bytes, copy.begin());
  const auto told = std::span(copy).first(argument_bytes.size());
  const int answer = AnswerTo(fd, request, argument);
  if (answer >= 0) told_.Ioctl(fd, request, told);
  answers_.Ioctl(request, told, argument, answer);
  return answer;
}

int SpoiledKernel::AnswerTo(int fd, unsigned long request, void* argument) {
  const Way way = Draw();
  if (const auto answer = InPlaceOf(way)) return *answer;
  const int answer = kernel_.Ioctl(fd, request, argument);
  if (way == Way::kOtherBytes && answer >= 0) {
    Overwrite(WrittenBy(request, argument));
  }
  return answer;
}

int SpoiledKernel::IoctlNumber(int fd, unsigned long request,
                               unsigned long number) {
  const auto spoiled = InPlaceOf(Draw());
  const int answer =
      spoiled ? *spoiled : kernel_.IoctlNumber(fd, request, number);
  if (answer >= 0) told_.IoctlNumber(fd, request, number);
  answers_.Ioctl(request, {}, nullptr, answer);
  return answer;
}

int SpoiledKernel::Read(int fd, std::span<std::byte> into) {
  const Way way = Draw();
  if (way == Way::kFails) return Errno();
  const int count = kernel_.Read(fd, into);
  if (way == Way::kAsItIs || count <= 0) return count;
  Overwrite(into.first(static_cast<size_t>(count)));
  return way == Way::kOnlySaysDone ? input_.Byte() % count : count;
}

// Of what was taken, any part may be said.
int SpoiledKernel::Write(int fd, std::span<const std::byte> from) {
  const Way way = Draw();
  int count = static_cast<int>(from.size());
  if (way == Way::kFails) {
    count = Errno();
  } else if (way != Way::kOnlySaysDone) {
    count = kernel_.Write(fd, from);
    if (way != Way::kAsItIs && count > 0) count = input_.Byte() % (count + 1);
  }
  const bool whole = count == static_cast<int>(from.size());
  answers_.Other(!whole);
  if (whole) told_.Wrote(fd, from);
  return count;
}

int SpoiledKernel::Poll(int fd, virtio_user::KernelEvent event,
                        virtio_user::Deadline deadline) {
  const Way way = Draw();
  if (way == Way::kFails) return Errno();
  const int ready = kernel_.Poll(fd, event, deadline);
  return way == Way::kAsItIs ? ready : input_.Byte() % 2;
}

std::string SpoiledKernel::ReadText(const std::string& path) {
  if (Draw() == Way::kAsItIs) return kernel_.ReadText(path);
  const auto bytes = input_.Chunk();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace fuzz
