// SPDX-License-Identifier: BSD-3-Clause
//
// SMT-LIB formulas as text.

#ifndef BACKEND_SIM_EXPLORE_SMT_TEXT_H_
#define BACKEND_SIM_EXPLORE_SMT_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

namespace backend_sim::smt {

using Terms = std::vector<std::string>;

inline std::string Apply(std::string_view operation, const Terms& terms) {
  std::string text = "(" + std::string(operation);
  for (const std::string& term : terms) text += " " + term;
  return text + ")";
}
// Of any number of terms, none too.
inline std::string And(const Terms& terms) {
  return terms.empty() ? "true" : Apply("and", terms);
}
inline std::string Or(const Terms& terms) {
  return terms.empty() ? "false" : Apply("or", terms);
}
inline std::string Not(const std::string& term) { return Apply("not", {term}); }
inline std::string Differ(const std::string& a, const std::string& b) {
  return Apply("xor", {a, b});
}
inline std::string Define(const std::string& name, const std::string& term) {
  return "(define-fun " + name + " () Bool " + term + ")\n";
}
inline std::string Declare(const std::string& name) {
  return "(declare-const " + name + " Bool)\n";
}

// A bit of the set that is called by a letter: "d17".
inline std::string Bit(char set, unsigned bit) {
  return set + std::to_string(bit);
}

}  // namespace backend_sim::smt

#endif  // BACKEND_SIM_EXPLORE_SMT_TEXT_H_
