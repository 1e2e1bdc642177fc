// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SCRIPT_ENTROPY_H_
#define BACKEND_SIM_SCRIPT_ENTROPY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backend_sim/entropy.h"

namespace backend_sim {

// What was drawn in a run: for each stream, named by its labels joined with
// '/', the numbers in order. Shrinking edits it.
using EntropyScript = std::map<std::string, std::vector<uint64_t>, std::less<>>;

// Hands on the draws of another driver and writes them down. `script`
// outlives it and its forks.
class RecordingEntropy : public Entropy {
 public:
  RecordingEntropy(std::unique_ptr<Entropy> source, EntropyScript& script,
                   std::string stream = "");

  uint64_t Choose(uint64_t n) override;
  std::unique_ptr<Entropy> Fork(std::string_view label) override;

 private:
  std::unique_ptr<Entropy> source_;
  EntropyScript& script_;
  std::string stream_;
};

// Answers from a script: numbers that are too large are reduced, and a stream
// that has run out answers 0. `script` outlives it and its forks.
class ScriptEntropy : public Entropy {
 public:
  explicit ScriptEntropy(const EntropyScript& script, std::string stream = "");

  uint64_t Choose(uint64_t n) override;
  std::unique_ptr<Entropy> Fork(std::string_view label) override;

 private:
  const EntropyScript& script_;
  std::string stream_;
  size_t next_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SCRIPT_ENTROPY_H_
