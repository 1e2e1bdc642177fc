// SPDX-License-Identifier: BSD-3-Clause
//
// The descriptor table of one simulated process.

#ifndef BACKEND_SIM_FD_TABLE_H_
#define BACKEND_SIM_FD_TABLE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/sim_file.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/base/mutex.h"

namespace backend_sim {

// The calls that can be told to fail.
enum class FdCall : uint8_t { kCreateEvent, kMap, kDup, kReceive };
inline constexpr size_t kFdCalls = 4;

// Who has to close a descriptor: the program under test, or the simulated
// world around it, which does so at its end.
enum class FdKeeper : uint8_t { kProgram, kWorld };

struct FdTableOptions {
  std::string name = "process";  // Whose table it is, for messages.
  int limit = 4096;              // Descriptors at most, as RLIMIT_NOFILE.
};

// Numbers are dense and start at 0: the lowest free one is given out, as a
// kernel does. Every descriptor remembers where it came from, so that what is
// left over can be named. Closing a number that is not open, or using it, is
// written down as a violation and answered with an error. Thread-safe.
class FdTable final : public virtio_user::FdOps {
 public:
  explicit FdTable(FdTableOptions options = {});
  FdTable(const FdTable&) = delete;
  FdTable& operator=(const FdTable&) = delete;

  // FdOps.
  virtio_user::Result<int> CreateEvent() override;
  void Close(int fd) override;
  virtio_user::Result<void> Signal(int fd) override;
  virtio_user::Result<uint64_t> Drain(int fd) override;
  virtio_user::Result<std::span<std::byte>> Map(int fd, uint64_t offset,
                                                size_t bytes) override;
  virtio_user::Result<std::span<std::byte>> MapDoorbell(
      int fd, uint16_t index) override;
  void Unmap(std::span<std::byte> mapped) override;
  virtio_user::Result<int> Dup(int fd) override;
  virtio_user::Result<uint64_t> FileBytes(int fd) override;

  // A descriptor of `file`; `origin` says where it comes from.
  virtio_user::Result<int> Install(std::shared_ptr<SimFile> file,
                                   std::string_view origin,
                                   FdKeeper keeper = FdKeeper::kProgram);
  // A descriptor of what `fd` is in `sender`, as SCM_RIGHTS passes it on.
  virtio_user::Result<int> Receive(FdTable& sender, int fd);
  // Null, and a violation, where `fd` is not open.
  std::shared_ptr<SimFile> FileOf(int fd);

  // Makes the `nth` call of this kind from now on (1: the next) fail, once.
  void FailCall(FdCall call, uint64_t nth);
  // Calls that failed because of FailCall or of the limit.
  uint64_t failed_count() const;
  // Calls of this kind so far.
  uint64_t CallCount(FdCall call) const;

  size_t open_count() const;
  size_t mapped_count() const;
  // Empty if the program has no descriptor open and nothing mapped; otherwise
  // what is left and where it came from, a line each.
  std::string Balance() const;
  // What was done wrongly, a sentence each.
  std::vector<std::string> violations() const;

 private:
  struct Entry {
    std::shared_ptr<SimFile> file;  // Null: free.
    std::string_view origin;
    FdKeeper keeper = FdKeeper::kProgram;
  };
  struct Mapping {
    std::span<std::byte> span;
    std::shared_ptr<SimFile> file;
    std::shared_ptr<SimFile> page = {};  // Of a doorbell.
  };

  bool MustFail(FdCall call) VU_REQUIRES(mutex_);
  virtio_user::Result<int> InstallLocked(Entry entry) VU_REQUIRES(mutex_);
  std::shared_ptr<SimFile> Find(int fd, std::string_view use)
      VU_REQUIRES(mutex_);

  const FdTableOptions options_;
  mutable virtio_user::Mutex mutex_;
  std::vector<Entry> entries_ VU_GUARDED_BY(mutex_);
  size_t lowest_free_ VU_GUARDED_BY(mutex_) = 0;  // None below it is free.
  std::vector<Mapping> mappings_ VU_GUARDED_BY(mutex_);
  std::array<uint64_t, kFdCalls> calls_ VU_GUARDED_BY(mutex_){};
  std::array<uint64_t, kFdCalls> fail_at_ VU_GUARDED_BY(mutex_){};
  uint64_t failed_ VU_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> violations_ VU_GUARDED_BY(mutex_);
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_FD_TABLE_H_
