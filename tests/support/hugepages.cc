// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/hugepages.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

namespace testing_support {
namespace {

struct Hugepages {
  int64_t free = 0;
  int64_t kilobytes = 0;  // Of one.
};

Hugepages ReadMeminfo() {
  std::ifstream meminfo("/proc/meminfo");
  Hugepages pages;
  for (std::string line; std::getline(meminfo, line);) {
    std::istringstream words(line);
    std::string name;
    int64_t value = 0;
    words >> name >> value;
    if (name == "HugePages_Free:") pages.free = value;
    if (name == "Hugepagesize:") pages.kilobytes = value;
  }
  return pages;
}

}  // namespace

std::optional<std::string> WhyNoHugepages(int64_t megabytes) {
  const Hugepages pages = ReadMeminfo();
  if (pages.kilobytes == 0) return "this kernel has no hugepages";
  const int64_t free = pages.free * pages.kilobytes / 1024;
  if (free < megabytes) {
    const int64_t wanted = megabytes * 1024 / pages.kilobytes;
    return std::to_string(free) + " MB of hugepages are free and " +
           std::to_string(megabytes) +
           " MB are needed (root: sysctl vm.nr_hugepages=" +
           std::to_string(wanted + 1) + ")";
  }
  if (::geteuid() != 0) return "hugepages take root";
  return std::nullopt;
}

}  // namespace testing_support
