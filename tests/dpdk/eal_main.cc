// SPDX-License-Identifier: BSD-3-Clause
//
// main() of tests that need DPDK's EAL: in ordinary memory, without devices.
// Nothing is left behind, and no root is needed.

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_log.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const char* const folder = std::getenv("TEST_TMPDIR")) {
    ::setenv("RUNTIME_DIRECTORY", folder, 1);
  }
  std::vector<std::string> words = {
      argv[0],          "--no-huge",    "-m",       "128",
      "--no-pci",       "--no-shconf",  "--lcores", "0@0",
      "--no-telemetry", "--log-level=4"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    std::fputs("rte_eal_init failed\n", stderr);
    return 1;
  }
  const int result = RUN_ALL_TESTS();
  rte_eal_cleanup();
  return result;
}
