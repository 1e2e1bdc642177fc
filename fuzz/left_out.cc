// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/left_out.h"

#include <fstream>

namespace fuzz {

std::set<std::string> LeftOutSeeds(std::string_view target) {
  std::ifstream file("fuzz/left_out/" + std::string(target) + ".list");
  std::set<std::string> names;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && !line.starts_with('#')) names.insert(line);
  }
  return names;
}

}  // namespace fuzz
