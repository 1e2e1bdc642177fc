// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SIM_MEMORY_FIXTURE_H_
#define TESTS_SIM_MEMORY_FIXTURE_H_

#include <vector>

#include "backend_sim/sim_memory.h"
#include "gtest/gtest.h"

namespace backend_sim {

class SimMemoryFixture : public testing::Test {
 protected:
  static std::vector<virtio_user::MemoryRegion> Regions(SimMemory& memory) {
    std::vector<virtio_user::MemoryRegion> regions;
    memory.WithTable([&](const virtio_user::MemoryTable& table) {
      regions.assign(table.regions().begin(), table.regions().end());
    });
    return regions;
  }

  FdTable fds_;
  Trace trace_;
};

}  // namespace backend_sim

#endif  // TESTS_SIM_MEMORY_FIXTURE_H_
