// SPDX-License-Identifier: BSD-3-Clause
//
// Holds the dependency graph of virtio_user/, as Bazel knows it, to the layers.
// tidy_test holds the includes to the same layers.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tidy/layers.h"

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A header that stands for the label. Headers of DPDK go with DPDK itself.
std::string HeaderOf(const std::string& label) {
  if (label.starts_with("@dpdk//")) return "<rte_eal.h>";
  const size_t colon = label.find(':');
  if (!label.starts_with("//") || colon == std::string::npos) return label;
  return label.substr(2, colon - 2) + "/x.h";
}

// The labels among `labels` that the production package `layer` must not need.
std::vector<std::string> Forbidden(std::string_view layer,
                                   const std::vector<std::string>& labels) {
  const std::string path = "virtio_user/" + std::string(layer) + "/x.h";
  std::vector<std::string> forbidden;
  for (const std::string& label : labels) {
    if (!tidy::MayInclude(path, HeaderOf(label))) forbidden.push_back(label);
  }
  return forbidden;
}

std::vector<std::string> DepsOf(const std::string& name) {
  const char* const files = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  if (files == nullptr || workspace == nullptr) return {};
  std::ifstream file(std::string(files) + "/" + workspace + "/tests/layering/" +
                     name + ".deps");
  std::vector<std::string> labels;
  for (std::string line; std::getline(file, line);) labels.push_back(line);
  return labels;
}

struct Library {
  std::string_view layer;
  std::string_view deps;  // The query's name.
};

constexpr Library kLibraries[] = {
    {.layer = "base", .deps = "base"},
    {.layer = "base", .deps = "base_posix_fd_ops"},
    {.layer = "device", .deps = "device"},
    {.layer = "dpdk", .deps = "dpdk"},
    {.layer = "dpdk", .deps = "dpdk_driver"},
    {.layer = "net", .deps = "net"},
    {.layer = "os", .deps = "os"},
    {.layer = "ring", .deps = "ring"},
    {.layer = "spec", .deps = "spec"},
    {.layer = "vhost", .deps = "vhost"},
    {.layer = "vhost_user", .deps = "vhost_user"},
};

class LayeringTest : public ::testing::TestWithParam<Library> {};

TEST_P(LayeringTest, NeedsNothingFromAboveOrBeside) {
  const std::vector<std::string> labels = DepsOf(std::string(GetParam().deps));
  EXPECT_THAT(labels, Contains(::testing::StartsWith(
                          "//virtio_user/" + std::string(GetParam().layer))));
  EXPECT_THAT(Forbidden(GetParam().layer, labels), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Production, LayeringTest,
                         ::testing::ValuesIn(kLibraries), [](const auto& test) {
                           return std::string(test.param.deps);
                         });

TEST(LibrariesTest, EveryLayerIsLookedAt) {
  for (const std::string_view layer : tidy::LayerNames()) {
    EXPECT_TRUE(std::ranges::count(kLibraries, layer, &Library::layer))
        << layer;
  }
}

TEST(ForbiddenTest, AnUpwardDependencyIsFound) {
  EXPECT_THAT(
      Forbidden("device", {"//virtio_user/base:base", "//virtio_user/os:os",
                           "//backend_sim:backend_sim", "@fmt//:fmt"}),
      ElementsAre("//virtio_user/os:os", "//backend_sim:backend_sim",
                  "@fmt//:fmt"));
}

TEST(ForbiddenTest, TheDpdkLayerNeedsAllOfProductionAndNoJudge) {
  EXPECT_THAT(
      Forbidden("dpdk",
                {"@dpdk//:dpdk", "//virtio_user/os:os", "//virtio_user/net:net",
                 "//virtio_user/device:device", "//virtio_user/spec:spec",
                 "//backend_sim:backend_sim", "//tests/dpdk:dpdk_support",
                 "//cli:cli", "//bench:bench", "@googletest//:gtest"}),
      ElementsAre("//backend_sim:backend_sim", "//tests/dpdk:dpdk_support",
                  "//cli:cli", "//bench:bench", "@googletest//:gtest"));
}

TEST(ForbiddenTest, NoOtherLayerNeedsDpdk) {
  for (const char* layer :
       {"base", "spec", "ring", "vhost", "device", "net", "vhost_user", "os"}) {
    EXPECT_THAT(Forbidden(layer, {"//virtio_user/dpdk:dpdk", "@dpdk//:dpdk",
                                  "@dpdk//:include0/rte_mbuf.h"}),
                ElementsAre("//virtio_user/dpdk:dpdk", "@dpdk//:dpdk",
                            "@dpdk//:include0/rte_mbuf.h"))
        << layer;
  }
}

}  // namespace
