// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/kernel_server.h"

#include <cerrno>
#include <utility>

namespace backend_sim {

using virtio_user::Deadline;
using virtio_user::KernelEvent;

int KernelServer::Fault() {
  if (++call_count_ != fail_at_) return 0;
  return std::exchange(fail_with_, 0);
}

std::shared_ptr<KernelFile> KernelServer::FileOf(int fd) {
  std::shared_ptr<SimFile> file = fds_.FileOf(fd);
  if (file == nullptr || file->kind() != SimFile::Kind::kDevice) return nullptr;
  return std::static_pointer_cast<KernelFile>(std::move(file));
}

int KernelServer::Open(const std::string& path) {
  if (const int error = Fault(); error != 0) return -error;
  const auto device = devices_.find(path);
  if (device == devices_.end()) return -ENOENT;
  OpenedFile opened = device->second();
  if (opened.file == nullptr) return -opened.error;
  const auto fd = fds_.Install(opened.file, "open of a device");
  if (!fd) return -fd.error().sys_errno();
  files_.push_back(opened.file);
  return *fd;
}

int KernelServer::Ioctl(int fd, unsigned long request, void* argument) {
  if (const int error = Fault(); error != 0) return -error;
  const auto file = FileOf(fd);
  return file == nullptr ? -EBADF : file->Ioctl(request, argument);
}

int KernelServer::IoctlNumber(int fd, unsigned long request,
                              unsigned long number) {
  if (const int error = Fault(); error != 0) return -error;
  const auto file = FileOf(fd);
  return file == nullptr ? -EBADF : file->IoctlNumber(request, number);
}

int KernelServer::Read(int fd, std::span<std::byte> into) {
  if (const int error = Fault(); error != 0) return -error;
  const auto file = FileOf(fd);
  return file == nullptr ? -EBADF : file->Read(into);
}

int KernelServer::Write(int fd, std::span<const std::byte> from) {
  if (const int error = Fault(); error != 0) return -error;
  const auto file = FileOf(fd);
  return file == nullptr ? -EBADF : file->Write(from);
}

// What is not there after a turn of every driver does not come: time runs out.
int KernelServer::Poll(int fd, KernelEvent event, Deadline deadline) {
  // A mere look at a file does not fail.
  const bool looks = event == KernelEvent::kFailure && HasPassed(deadline);
  if (const int error = looks ? 0 : Fault(); error != 0) return -error;
  const auto file = FileOf(fd);
  if (file == nullptr) return -EBADF;
  while (!file->IsReady(event)) {
    if (HasPassed(deadline)) return 0;
    if (Step() != 0) continue;
    clock_.AdvanceTo(deadline.at);
    return 0;
  }
  return 1;
}

void KernelServer::Sleep(Deadline deadline) {
  Step();
  clock_.AdvanceTo(deadline.at);
}

std::string KernelServer::ReadText(const std::string& path) {
  const auto text = texts_.find(path);
  if (text != texts_.end()) return text->second;
  return text_source_ ? text_source_(path) : std::string();
}

size_t KernelServer::Step() {
  std::erase_if(files_, [](const auto& file) { return file.expired(); });
  size_t work = 0;
  for (const auto& weak : files_) {
    if (const auto file = weak.lock()) work += file->Step();
  }
  return work;
}

}  // namespace backend_sim
