// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_file.h"

#include <utility>

#include "backend_sim/mapping_pool.h"
#include "backend_sim/poison.h"

namespace backend_sim {
namespace {

// eventfd(2): the largest value of a counter.
inline constexpr uint64_t kFullCounter = 0xfffffffffffffffe;

}  // namespace

std::shared_ptr<SimFile> SimFile::Event() {
  return std::make_shared<SimFile>(Kind::kEvent);
}

std::shared_ptr<SimFile> SimFile::Socket() {
  return std::make_shared<SimFile>(Kind::kSocket);
}

std::shared_ptr<SimFile> SimFile::Memory(size_t bytes,
                                         std::shared_ptr<MappingPool> pool) {
  std::byte* const inner =
      pool == nullptr ? MapGuarded(bytes) : pool->Take(bytes);
  if (inner == nullptr) return nullptr;
  auto file = std::make_shared<SimFile>(Kind::kMemory);
  file->memory_ = {inner, bytes};
  file->pool_ = std::move(pool);
  return file;
}

SimFile::~SimFile() {
  if (kind_ != Kind::kMemory) return;
  Permit(memory_);  // Whoever gets these pages next.
  if (pool_ != nullptr) {
    pool_->Give(memory_);
  } else {
    UnmapGuarded(memory_);
  }
}

void SimFile::Add() {
  uint64_t before = counter_.load(std::memory_order_relaxed);
  while (before < kFullCounter &&
         !counter_.compare_exchange_weak(before, before + 1,
                                         std::memory_order_acq_rel)) {
  }
}

}  // namespace backend_sim
