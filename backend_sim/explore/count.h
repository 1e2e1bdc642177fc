// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_COUNT_H_
#define BACKEND_SIM_EXPLORE_COUNT_H_

#include <cstdint>
#include <string>

namespace backend_sim {

// What was tried of one kind, beside the number that there is of it, which is
// found in another way than by counting what was tried.
struct ExploreCount {
  std::string name;
  uint64_t must = 0;
  uint64_t tried = 0;
  uint64_t wrong = 0;
  std::string first_wrong;  // In full; empty where nothing was.

  bool Good() const { return wrong == 0 && tried == must; }
  void Wrong(const std::string& text) {
    if (wrong++ == 0) first_wrong = text;
  }
  // Of a part that comes after what is counted here.
  void Merge(const ExploreCount& part) {
    must += part.must;
    tried += part.tried;
    if (wrong == 0) first_wrong = part.first_wrong;
    wrong += part.wrong;
  }
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_COUNT_H_
