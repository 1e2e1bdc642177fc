// SPDX-License-Identifier: BSD-3-Clause
//
// Descriptors and the seam behind them. Production ends at FdOps: the shipped
// one is posix_fd_ops, the simulated one a table with limits and a ledger.

#ifndef VIRTIO_USER_BASE_FILE_DESCRIPTOR_H_
#define VIRTIO_USER_BASE_FILE_DESCRIPTOR_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "virtio_user/base/error.h"

namespace virtio_user {

// Everything that is done to a bare descriptor number. Thread-safe.
class FdOps {
 public:
  virtual ~FdOps() = default;

  // A new event counter at 0, close-on-exec and non-blocking (eventfd(2)).
  virtual Result<int> CreateEvent() = 0;
  // Closes `fd`, which is valid.
  virtual void Close(int fd) = 0;
  // Adds 1 to the counter. A counter that is full already says what 1 more
  // would say, so that is success.
  virtual Result<void> Signal(int fd) = 0;
  // Reads and clears the counter; 0 where nothing was there. Never blocks.
  virtual Result<uint64_t> Drain(int fd) = 0;
  // Maps `bytes` from `offset` of the file, shared, readable and writable.
  virtual Result<std::span<std::byte>> Map(int fd, uint64_t offset,
                                           size_t bytes) = 0;
  // Maps page `index` of a device's file, shared and for stores alone, as
  // doorbells are. kUnsupported: this kind of table has no devices.
  virtual Result<std::span<std::byte>> MapDoorbell(int fd, uint16_t index);
  // Undoes a Map or MapDoorbell of exactly this span.
  virtual void Unmap(std::span<std::byte> mapped) = 0;
  // A second descriptor of the same file, close-on-exec.
  virtual Result<int> Dup(int fd) = 0;
  // How many bytes the file of `fd` has; 0 for what is no regular file.
  virtual Result<uint64_t> FileBytes(int fd) = 0;
};

inline Result<std::span<std::byte>> FdOps::MapDoorbell(int /*fd*/,
                                                       uint16_t /*index*/) {
  return Fail(ErrorCode::kUnsupported, "no doorbells are here");
}

// Owns one descriptor, or none. 0 is a descriptor like any other; none is -1.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  // Takes `fd` over. Requires: fd >= 0, closed by nobody else.
  FileDescriptor(FdOps& ops, int fd) : ops_(&ops), fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept
      : ops_(other.ops_), fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      ops_ = other.ops_;
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~FileDescriptor() { Reset(); }

  static Result<FileDescriptor> CreateEvent(FdOps& ops) {
    const Result<int> fd = ops.CreateEvent();
    if (!fd) return Fail(fd);
    return FileDescriptor(ops, *fd);
  }

  // Borrowed; -1 where there is none.
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void Reset() {
    if (fd_ >= 0) ops_->Close(std::exchange(fd_, -1));
  }
  // Gives the descriptor up; the caller closes it.
  int Release() { return std::exchange(fd_, -1); }

  // Requires: valid().
  Result<void> Signal() const { return ops_->Signal(fd_); }
  Result<uint64_t> Drain() const { return ops_->Drain(fd_); }
  Result<uint64_t> FileBytes() const { return ops_->FileBytes(fd_); }

 private:
  FdOps* ops_ = nullptr;
  int fd_ = -1;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_FILE_DESCRIPTOR_H_
