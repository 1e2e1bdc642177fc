// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/decision_diagram.h"

#include "virtio_user/base/check.h"

namespace backend_sim {

std::string DecisionDiagrams::NameOf(NodeId id) {
  if (id <= 1) return id == 0 ? "false" : "true";
  return "n" + std::to_string(id);
}

std::string DecisionDiagrams::Add(const Variables& variables,
                                  const std::function<bool(uint64_t)>& value) {
  std::vector<bool> table(size_t{1} << variables.size());
  for (size_t i = 0; i < table.size(); ++i) table[i] = value(i);
  return Add(variables, std::move(table));
}

std::string DecisionDiagrams::Add(const Variables& variables,
                                  std::vector<bool> table) {
  VU_CHECK(table.size() == size_t{1} << variables.size());
  std::vector<NodeId> level(table.begin(), table.end());
  // Entries 2i and 2i + 1 differ in the first variable alone.
  for (const std::string& variable : variables) {
    Nodes& nodes = nodes_[variable];
    for (size_t i = 0; i < level.size() / 2; ++i) {
      const NodeId otherwise = level[2 * i];
      const NodeId then = level[2 * i + 1];
      level[i] = then;
      if (otherwise == then) continue;
      const auto [at, is_new] =
          nodes.try_emplace(uint64_t{otherwise} << 32 | then, next_);
      level[i] = at->second;
      if (!is_new) continue;
      definitions_ += "(define-fun " + NameOf(next_++) + " () Bool (ite " +
                      variable + " " + NameOf(then) + " " + NameOf(otherwise) +
                      "))\n";
    }
    level.resize(level.size() / 2);
  }
  return NameOf(level.front());
}

}  // namespace backend_sim
