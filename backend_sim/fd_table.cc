// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/fd_table.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace backend_sim {

using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::MutexLock;
using virtio_user::Result;

namespace {

std::unexpected<Error> SystemError(int why, const char* what) {
  return std::unexpected(Error::System(ErrorCode::kSystem, why, "%s", what));
}

}  // namespace

FdTable::FdTable(FdTableOptions options) : options_(std::move(options)) {}

bool FdTable::MustFail(FdCall call) {
  const auto kind = static_cast<size_t>(call);
  const uint64_t count = ++calls_[kind];
  if (fail_at_[kind] != count) return false;
  fail_at_[kind] = 0;
  ++failed_;
  return true;
}

Result<int> FdTable::InstallLocked(Entry entry) {
  while (lowest_free_ < entries_.size() &&
         entries_[lowest_free_].file != nullptr) {
    ++lowest_free_;
  }
  const auto fd = static_cast<int>(lowest_free_);
  if (fd >= options_.limit) {
    ++failed_;
    return SystemError(EMFILE, "no descriptor is left");
  }
  if (lowest_free_ == entries_.size()) entries_.emplace_back();
  entries_[lowest_free_] = std::move(entry);
  return fd;
}

std::shared_ptr<SimFile> FdTable::Find(int fd, std::string_view use) {
  const auto index = static_cast<size_t>(fd);
  if (fd >= 0 && index < entries_.size() && entries_[index].file != nullptr) {
    return entries_[index].file;
  }
  violations_.push_back(options_.name + ": " + std::string(use) +
                        " of descriptor " + std::to_string(fd) +
                        ", which is not open");
  return nullptr;
}

Result<int> FdTable::CreateEvent() {
  const MutexLock lock(mutex_);
  if (MustFail(FdCall::kCreateEvent)) return SystemError(EMFILE, "eventfd");
  return InstallLocked({.file = SimFile::Event(), .origin = "eventfd"});
}

void FdTable::Close(int fd) {
  std::shared_ptr<SimFile> dying;  // Outlives the lock.
  const MutexLock lock(mutex_);
  dying = Find(fd, "close");
  if (dying == nullptr) return;
  entries_[static_cast<size_t>(fd)] = Entry();
  lowest_free_ = std::min(lowest_free_, static_cast<size_t>(fd));
}

Result<void> FdTable::Signal(int fd) {
  const MutexLock lock(mutex_);
  const std::shared_ptr<SimFile> file = Find(fd, "signal");
  if (file == nullptr) return SystemError(EBADF, "signal");
  if (file->kind() != SimFile::Kind::kEvent) {
    return SystemError(EINVAL, "signal of what is no event counter");
  }
  file->Add();
  return {};
}

Result<uint64_t> FdTable::Drain(int fd) {
  const MutexLock lock(mutex_);
  const std::shared_ptr<SimFile> file = Find(fd, "drain");
  if (file == nullptr) return SystemError(EBADF, "drain");
  if (file->kind() != SimFile::Kind::kEvent) {
    return SystemError(EINVAL, "drain of what is no event counter");
  }
  return file->Take();
}

Result<std::span<std::byte>> FdTable::Map(int fd, uint64_t offset,
                                          size_t bytes) {
  const MutexLock lock(mutex_);
  if (MustFail(FdCall::kMap)) return SystemError(ENOMEM, "map");
  std::shared_ptr<SimFile> file = Find(fd, "map");
  if (file == nullptr) return SystemError(EBADF, "map");
  const std::span<std::byte> memory = file->memory();
  if (file->kind() != SimFile::Kind::kMemory || bytes == 0 ||
      offset > memory.size() || bytes > memory.size() - offset) {
    return SystemError(EINVAL, "map of what the file does not hold");
  }
  const std::span<std::byte> span = memory.subspan(offset, bytes);
  mappings_.push_back({span, std::move(file)});
  return span;
}

// mmap(2) of a driver that has no doorbells, or none in a page of its own.
Result<std::span<std::byte>> FdTable::MapDoorbell(int fd, uint16_t index) {
  const MutexLock lock(mutex_);
  if (MustFail(FdCall::kMap)) return SystemError(ENOMEM, "map");
  std::shared_ptr<SimFile> file = Find(fd, "map");
  if (file == nullptr) return SystemError(EBADF, "map");
  std::shared_ptr<SimFile> page = file->DoorbellAt(index);
  if (page == nullptr) return SystemError(ENOTSUP, "map of a doorbell");
  const std::span<std::byte> span = page->memory();
  mappings_.push_back({span, std::move(file), std::move(page)});
  return span;
}

void FdTable::Unmap(std::span<std::byte> mapped) {
  const MutexLock lock(mutex_);
  const auto found =
      std::ranges::find_if(mappings_, [&](const Mapping& mapping) {
        return mapping.span.data() == mapped.data() &&
               mapping.span.size() == mapped.size();
      });
  if (found == mappings_.end()) {
    violations_.push_back(options_.name + ": unmap of " +
                          std::to_string(mapped.size()) +
                          " bytes that are not mapped");
    return;
  }
  mappings_.erase(found);
}

Result<int> FdTable::Dup(int fd) {
  const MutexLock lock(mutex_);
  if (MustFail(FdCall::kDup)) return SystemError(EMFILE, "dup");
  std::shared_ptr<SimFile> file = Find(fd, "dup");
  if (file == nullptr) return SystemError(EBADF, "dup");
  return InstallLocked({.file = std::move(file), .origin = "dup"});
}

Result<uint64_t> FdTable::FileBytes(int fd) {
  const MutexLock lock(mutex_);
  const std::shared_ptr<SimFile> file = Find(fd, "look");
  if (file == nullptr) return SystemError(EBADF, "look at a descriptor");
  return file->memory().size();
}

Result<int> FdTable::Install(std::shared_ptr<SimFile> file,
                             std::string_view origin, FdKeeper keeper) {
  const MutexLock lock(mutex_);
  return InstallLocked(
      {.file = std::move(file), .origin = origin, .keeper = keeper});
}

Result<int> FdTable::Receive(FdTable& sender, int fd) {
  std::shared_ptr<SimFile> file = sender.FileOf(fd);
  if (file == nullptr) return SystemError(EBADF, "send of a descriptor");
  const MutexLock lock(mutex_);
  if (MustFail(FdCall::kReceive)) return SystemError(EMFILE, "receive");
  return InstallLocked({.file = std::move(file), .origin = "received"});
}

std::shared_ptr<SimFile> FdTable::FileOf(int fd) {
  const MutexLock lock(mutex_);
  return Find(fd, "use");
}

void FdTable::FailCall(FdCall call, uint64_t nth) {
  const MutexLock lock(mutex_);
  const auto kind = static_cast<size_t>(call);
  fail_at_[kind] = calls_[kind] + nth;
}

uint64_t FdTable::failed_count() const {
  const MutexLock lock(mutex_);
  return failed_;
}

uint64_t FdTable::CallCount(FdCall call) const {
  const MutexLock lock(mutex_);
  return calls_[static_cast<size_t>(call)];
}

size_t FdTable::open_count() const {
  const MutexLock lock(mutex_);
  return entries_.size() - static_cast<size_t>(std::ranges::count(
                               entries_, nullptr, &Entry::file));
}

size_t FdTable::mapped_count() const {
  const MutexLock lock(mutex_);
  return mappings_.size();
}

std::string FdTable::Balance() const {
  const MutexLock lock(mutex_);
  std::string left;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    if (entry.file == nullptr || entry.keeper == FdKeeper::kWorld) continue;
    left += options_.name + ": descriptor " + std::to_string(i) + " (" +
            std::string(entry.origin) + ") is open\n";
  }
  for (const Mapping& mapping : mappings_) {
    left += options_.name + ": " + std::to_string(mapping.span.size()) +
            " bytes are mapped\n";
  }
  return left;
}

std::vector<std::string> FdTable::violations() const {
  const MutexLock lock(mutex_);
  return violations_;
}

}  // namespace backend_sim
