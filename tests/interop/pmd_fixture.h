// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_INTEROP_PMD_FIXTURE_H_
#define TESTS_INTEROP_PMD_FIXTURE_H_

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "tests/interop/pmd_testpmd.h"
#include "tests/interop/testpmd.h"
#include "tests/support/temp_dir.h"

namespace interop {

constexpr std::chrono::seconds kPatience(60);

// A folder with a socket, and testpmds at both of its ends: net_vhost is the
// back-end, and the driver is what the test asks for.
class PmdFixture : public testing::Test {
 protected:
  void SetUp() override {
    const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
    if (why) GTEST_SKIP() << *why;
  }

  PmdTestpmdOptions BackendOptions(const std::string& name,
                                   int queues = 1) const {
    return {.folder = dir_.path(),
            .name = name,
            .device = "net_vhost0,iface=" + socket_ +
                      ",queues=" + std::to_string(queues),
            .queues = queues,
            .auto_start = true};
  }
  PmdTestpmdOptions DriverOptions(const std::string& arguments,
                                  int queues = 1) const {
    return {.folder = dir_.path(),
            .name = "driver",
            .driver = "virtio_user/dpdk/librte_net_vuser.so",
            .device = "net_vuser0," + arguments,
            .queues = queues};
  }
  static std::unique_ptr<PmdTestpmd> Start(const PmdTestpmdOptions& options) {
    std::string log;
    auto started = PmdTestpmd::Start(options, kPatience, log);
    EXPECT_NE(started, nullptr) << options.name << " did not start:\n" << log;
    return started;
  }

  testing_support::TempDir dir_;
  const std::string socket_ = dir_.Join("v.sock");
};

}  // namespace interop

#endif  // TESTS_INTEROP_PMD_FIXTURE_H_
