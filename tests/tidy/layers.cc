// SPDX-License-Identifier: BSD-3-Clause

#include "tests/tidy/layers.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string>
#include <vector>

namespace tidy {
namespace {

struct Layer {
  std::string_view name;
  std::string_view below;  // The layers that it may include, between spaces.
};

constexpr std::array<Layer, 9> kLayers = {{
    {"base", " "},
    {"spec", " "},
    {"ring", " spec base "},
    {"vhost", " ring spec base "},
    {"device", " vhost ring spec base "},
    {"net", " vhost ring spec base "},
    {"vhost_user", " vhost ring spec base "},
    {"os", " vhost_user vhost ring spec base "},
    {"dpdk", " os vhost_user device net vhost ring spec base "},
}};

// The first folder of a path below virtio_user/; empty if there is none.
std::string_view LayerOf(std::string_view path) {
  constexpr std::string_view kTop = "virtio_user/";
  if (!path.starts_with(kTop)) return "";
  path.remove_prefix(kTop.size());
  const size_t slash = path.find('/');
  return slash == std::string_view::npos ? "" : path.substr(0, slash);
}

bool StartsWithAny(std::string_view text,
                   std::initializer_list<std::string_view> prefixes) {
  return std::ranges::any_of(
      prefixes, [text](std::string_view p) { return text.starts_with(p); });
}

bool MayIncludeOurs(std::string_view layer, std::string_view header) {
  const std::string_view other = LayerOf(header);
  if (other.empty()) return false;
  if (other == layer) return true;
  const std::string wanted = " " + std::string(other) + " ";
  return std::ranges::any_of(kLayers, [&](const Layer& l) {
    return l.name == layer && l.below.find(wanted) != std::string_view::npos;
  });
}

}  // namespace

std::vector<std::string_view> LayerNames() {
  std::vector<std::string_view> names;
  for (const Layer& layer : kLayers) names.push_back(layer.name);
  return names;
}

bool MayInclude(std::string_view path, std::string_view header) {
  const std::string_view layer = LayerOf(path);
  if (!header.starts_with('<')) return MayIncludeOurs(layer, header);
  if (StartsWithAny(header, {"<rte_", "<ethdev_", "<bus_", "<dev_driver"})) {
    return layer == "dpdk";
  }
  // Libraries for what is around production, not for production.
  if (StartsWithAny(header, {"<fmt/", "<CLI/", "<nlohmann/", "<gtest/",
                             "<gmock/", "<benchmark/", "<iostream"})) {
    return false;
  }
  const bool system =
      StartsWithAny(header, {"<sys/", "<linux/", "<net/", "<asm/", "<unistd.h",
                             "<fcntl.h", "<poll.h", "<signal.h"});
  return !system || layer == "os" || layer == "dpdk" ||
         path == "virtio_user/base/posix_fd_ops.cc";
}

}  // namespace tidy
