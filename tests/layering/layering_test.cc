// SPDX-License-Identifier: BSD-3-Clause
//
// Holds the dependency graph of virtio_user/, as Bazel knows it, to the layers.
// tidy_test holds the includes to the same layers.

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

// The labels among `labels` that the production package `layer` must not need.
std::vector<std::string> Forbidden(std::string_view layer,
                                   const std::vector<std::string>& labels) {
  const std::string path = "virtio_user/" + std::string(layer) + "/x.h";
  std::vector<std::string> forbidden;
  for (const std::string& label : labels) {
    const size_t colon = label.find(':');
    const bool ours = label.starts_with("//") && colon != std::string::npos;
    const std::string header =
        ours ? label.substr(2, colon - 2) + "/x.h" : label;
    if (!tidy::MayInclude(path, header)) forbidden.push_back(label);
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

class LayeringTest : public ::testing::TestWithParam<Library> {};

TEST_P(LayeringTest, NeedsNothingFromAboveOrBeside) {
  const std::vector<std::string> labels = DepsOf(std::string(GetParam().deps));
  EXPECT_THAT(labels, Contains(::testing::StartsWith(
                          "//virtio_user/" + std::string(GetParam().layer))));
  EXPECT_THAT(Forbidden(GetParam().layer, labels), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    Production, LayeringTest,
    ::testing::Values(Library{.layer = "base", .deps = "base"},
                      Library{.layer = "base", .deps = "base_posix_fd_ops"},
                      Library{.layer = "device", .deps = "device"},
                      Library{.layer = "net", .deps = "net"},
                      Library{.layer = "os", .deps = "os"},
                      Library{.layer = "ring", .deps = "ring"},
                      Library{.layer = "spec", .deps = "spec"},
                      Library{.layer = "vhost", .deps = "vhost"},
                      Library{.layer = "vhost_user", .deps = "vhost_user"}),
    [](const auto& test) { return std::string(test.param.deps); });

TEST(ForbiddenTest, AnUpwardDependencyIsFound) {
  EXPECT_THAT(
      Forbidden("device", {"//virtio_user/base:base", "//virtio_user/os:os",
                           "//backend_sim:backend_sim", "@fmt//:fmt"}),
      ElementsAre("//virtio_user/os:os", "//backend_sim:backend_sim",
                  "@fmt//:fmt"));
}

}  // namespace
