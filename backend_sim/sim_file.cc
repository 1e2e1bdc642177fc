// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_file.h"

#include <sys/mman.h>

#include "backend_sim/poison.h"

namespace backend_sim {
namespace {

inline constexpr size_t kPage = 4096;
// eventfd(2): the largest value of a counter.
inline constexpr uint64_t kFullCounter = 0xfffffffffffffffe;

size_t WholePages(size_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

}  // namespace

std::shared_ptr<SimFile> SimFile::Event() {
  return std::make_shared<SimFile>(Kind::kEvent);
}

std::shared_ptr<SimFile> SimFile::Socket() {
  return std::make_shared<SimFile>(Kind::kSocket);
}

std::shared_ptr<SimFile> SimFile::Memory(size_t bytes) {
  const size_t whole = WholePages(bytes);
  void* const base = ::mmap(nullptr, whole + 2 * kPage, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  std::byte* const inner = static_cast<std::byte*>(base) + kPage;
  if (whole > 0 && ::mprotect(inner, whole, PROT_READ | PROT_WRITE) != 0) {
    ::munmap(base, whole + 2 * kPage);
    return nullptr;
  }
  auto file = std::make_shared<SimFile>(Kind::kMemory);
  file->memory_ = {inner, bytes};
  return file;
}

SimFile::~SimFile() {
  if (kind_ != Kind::kMemory) return;
  Permit(memory_);  // Whoever gets these pages next.
  ::munmap(memory_.data() - kPage, WholePages(memory_.size()) + 2 * kPage);
}

void SimFile::Add() {
  uint64_t before = counter_.load(std::memory_order_relaxed);
  while (before < kFullCounter &&
         !counter_.compare_exchange_weak(before, before + 1,
                                         std::memory_order_acq_rel)) {
  }
}

}  // namespace backend_sim
