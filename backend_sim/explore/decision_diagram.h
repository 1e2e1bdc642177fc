// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_DECISION_DIAGRAM_H_
#define BACKEND_SIM_EXPLORE_DECISION_DIAGRAM_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace backend_sim {

// Truth tables as SMT-LIB text: each that is added is brought down to nested
// (ite variable then else) over what it depends on, and what several have in
// common is defined once.
class DecisionDiagrams {
 public:
  using Variables = std::vector<std::string>;

  // The name of a formula that is true where `value` is: bit i of its argument
  // is variables[i]. `value` is asked 2^n times.
  std::string Add(const Variables& variables,
                  const std::function<bool(uint64_t)>& value);
  // Likewise of a table that is there already, of 2^n entries.
  std::string Add(const Variables& variables, std::vector<bool> table);

  // (define-fun ...) of everything, in an order that a solver can read.
  const std::string& definitions() const { return definitions_; }

 private:
  using NodeId = uint32_t;  // 0: false, 1: true.
  // Of one variable: `otherwise` and `then`, 32 bits each, to the node.
  using Nodes = std::unordered_map<uint64_t, NodeId>;

  static std::string NameOf(NodeId id);

  std::map<std::string, Nodes> nodes_;
  NodeId next_ = 2;
  std::string definitions_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_DECISION_DIAGRAM_H_
