// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SIM_FILE_H_
#define BACKEND_SIM_SIM_FILE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace backend_sim {

class MappingPool;

// What descriptors refer to: shared by every descriptor of it, in whatever
// simulated process, and alive as long as one of them or a mapping is.
class SimFile {
 public:
  // kDevice: a KernelFile.
  enum class Kind : uint8_t { kEvent, kMemory, kSocket, kDevice };

  static std::shared_ptr<SimFile> Event();
  static std::shared_ptr<SimFile> Socket();
  // `bytes` of zeroed memory, aligned to 4096, with a page on both sides that
  // cannot be touched; null where the kernel has no such room.
  // With a pool, it comes from there and goes back.
  static std::shared_ptr<SimFile> Memory(
      size_t bytes, std::shared_ptr<MappingPool> pool = nullptr);

  explicit SimFile(Kind kind) : kind_(kind) {}
  virtual ~SimFile();
  SimFile(const SimFile&) = delete;
  SimFile& operator=(const SimFile&) = delete;

  Kind kind() const { return kind_; }
  // Empty unless kMemory.
  std::span<std::byte> memory() const { return memory_; }

  // The doorbell of a kDevice's queue, as a file of one page; null for none.
  virtual std::shared_ptr<SimFile> DoorbellAt(uint16_t /*index*/) {
    return nullptr;
  }

  // The counter of a kEvent. Add stops where eventfd(2)'s counter is full.
  void Add();
  uint64_t Take() { return counter_.exchange(0, std::memory_order_acq_rel); }
  uint64_t counter() const { return counter_.load(std::memory_order_relaxed); }

 private:
  const Kind kind_;
  std::atomic<uint64_t> counter_{0};
  std::span<std::byte> memory_;
  std::shared_ptr<MappingPool> pool_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIM_FILE_H_
