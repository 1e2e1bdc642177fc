// SPDX-License-Identifier: BSD-3-Clause
//
// Looks at the whole tree as it lies on the disk, so it always runs.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "tests/tidy/rules.h"

namespace {

namespace fs = std::filesystem;

// Production units without a test of their own name.
const std::vector<tidy::Untested>& Exceptions() {
  static const auto* const exceptions = new std::vector<tidy::Untested>{
      {.unit = "virtio_user/base/deadline", .reason = "a value, no code"},
      {.unit = "virtio_user/base/device_addr", .reason = "a value, no code"},
      {.unit = "virtio_user/base/mutex", .reason = "annotations for clang"},
      {.unit = "virtio_user/dpdk/control_commands", .reason = "pmd_test"},
      {.unit = "virtio_user/dpdk/eal_table", .reason = "dpdk_memory_test"},
      {.unit = "virtio_user/dpdk/instances_mbuf_rx",
       .reason = "mbuf_rx_queue_test"},
      {.unit = "virtio_user/dpdk/instances_mbuf_tx",
       .reason = "mbuf_tx_queue_test"},
      {.unit = "virtio_user/dpdk/mbuf_path", .reason = "mbuf_rx_queue_test"},
      {.unit = "virtio_user/dpdk/mbuf_policy",
       .reason = "mbuf_rx_queue_test, mbuf_tx_queue_test"},
      {.unit = "virtio_user/dpdk/pmd_ops", .reason = "pmd_test"},
      {.unit = "virtio_user/dpdk/pmd_port", .reason = "pmd_test"},
      {.unit = "virtio_user/dpdk/pmd_stats", .reason = "pmd_test"},
      {.unit = "virtio_user/net/instances_own_rx", .reason = "rx_queue_test"},
      {.unit = "virtio_user/net/instances_own_tx", .reason = "tx_queue_test"},
      {.unit = "virtio_user/net/packet", .reason = "a value, no code"},
      {.unit = "virtio_user/os/kernel_calls", .reason = "an interface"},
      {.unit = "virtio_user/os/linux_vhost", .reason = "a header of Linux"},
      {.unit = "virtio_user/ring/driver_queue_calls",
       .reason = "driver_queue_test"},
      {.unit = "virtio_user/spec/net", .reason = "layouts and numbers"},
      {.unit = "virtio_user/spec/ring", .reason = "layouts and numbers"},
      {.unit = "virtio_user/vhost/memory_provider", .reason = "an interface"},
      {.unit = "virtio_user/vhost/quiescer", .reason = "an interface"},
      {.unit = "virtio_user/vhost/vring_state", .reason = "a value, no code"},
      {.unit = "virtio_user/vhost_user/channel", .reason = "an interface"},
  };
  return *exceptions;
}

// WORKSPACE among the test's files is a link into the tree.
fs::path Root() {
  const char* const files = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  if (files == nullptr || workspace == nullptr) return {};
  return fs::canonical(fs::path(files) / workspace / "WORKSPACE").parent_path();
}

bool IsOurText(const fs::path& path) {
  constexpr std::array<std::string_view, 14> kEndings = {
      ".cc",  ".h",    ".bzl", ".sh",    ".awk",  ".md",    ".txt",
      ".yml", ".yaml", ".py",  ".BUILD", ".dict", ".patch", ".options"};
  constexpr std::array<std::string_view, 9> kNames = {
      "BUILD", "WORKSPACE",     "vuser",         "run",     "Dockerfile",
      "bazel", ".bazelversion", ".clang-format", ".bazelrc"};
  const std::string ending = path.extension().string();
  const std::string name = path.filename().string();
  return std::ranges::count(kEndings, ending) > 0 ||
         std::ranges::count(kNames, name) > 0;
}

// Neither history nor what a build or a tool leaves behind.
bool IsOurFolder(const fs::directory_entry& entry) {
  const std::string name = entry.path().filename().string();
  return !entry.is_symlink() && name != ".git" && name != "coverage" &&
         name != "build" && !name.starts_with("bazel-");
}

std::vector<std::string> TreePaths(const fs::path& root) {
  std::vector<std::string> paths;
  auto walk = fs::recursive_directory_iterator(root);
  for (; walk != fs::end(walk); ++walk) {
    if (walk->is_directory() && !IsOurFolder(*walk)) {
      walk.disable_recursion_pending();
    } else if (walk->is_regular_file() && IsOurText(walk->path())) {
      paths.push_back(fs::relative(walk->path(), root).string());
    }
  }
  std::ranges::sort(paths);
  return paths;
}

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(TidyTest, TheWholeTreeIsFound) {
  const std::vector<std::string> paths = TreePaths(Root());
  for (const char* path : {"WORKSPACE", "vuser", "tests/tidy_test.cc",
                           "virtio_user/base/check.h", ".ci/run"}) {
    EXPECT_EQ(std::ranges::count(paths, std::string_view(path)), 1) << path;
  }
}

TEST(TidyTest, EveryFileKeepsTheRules) {
  const fs::path root = Root();
  std::vector<tidy::Violation> violations;
  for (const std::string& path : TreePaths(root)) {
    std::ranges::copy(tidy::CheckFile(path, Read(root / path)),
                      std::back_inserter(violations));
  }
  EXPECT_TRUE(violations.empty()) << tidy::Render(violations);
}

TEST(TidyTest, EveryProductionUnitHasATest) {
  const auto violations =
      tidy::CheckUnitsHaveTests(TreePaths(Root()), Exceptions());
  EXPECT_TRUE(violations.empty()) << tidy::Render(violations);
}

}  // namespace
