// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_SOLVER_H_
#define BACKEND_SIM_EXPLORE_SOLVER_H_

#include <string>

#include "virtio_user/base/error.h"

namespace backend_sim {

// The program z3 (Debian: package z3), found by PATH.
class Solver {
 public:
  explicit Solver(std::string program = "z3") : program_(std::move(program)) {}

  // What it prints first when asked for its version; kUnsupported: it is not
  // there.
  virtio_user::Result<std::string> Version() const;
  // What it answers to SMT-LIB text, within `seconds`.
  virtio_user::Result<std::string> Ask(const std::string& smt,
                                       unsigned seconds) const;

 private:
  const std::string program_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_SOLVER_H_
