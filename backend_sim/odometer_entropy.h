// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_ODOMETER_ENTROPY_H_
#define BACKEND_SIM_ODOMETER_ENTROPY_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "backend_sim/entropy.h"

namespace backend_sim {

// Tries everything: whoever draws is run again and again, each time with the
// next combination of answers, the last one counting fastest. How much is
// drawn may depend on what was answered. All forks are the same stream.
class OdometerEntropy final : public Entropy {
 public:
  OdometerEntropy() : wheels_(std::make_shared<Wheels>()) {}

  uint64_t Choose(uint64_t n) override;
  std::unique_ptr<Entropy> Fork(std::string_view) override {
    return std::unique_ptr<Entropy>(new OdometerEntropy(wheels_));
  }

  // One run is over: the next begins. How many of its first answers will be
  // those of the run before.
  size_t Next();
  // There are no more combinations.
  bool done() const { return wheels_->done; }

 private:
  struct Wheel {
    uint64_t at = 0;
    uint64_t size = 1;
  };
  struct Wheels {
    std::vector<Wheel> all;
    size_t drawn = 0;  // In this run.
    bool done = false;
  };

  explicit OdometerEntropy(std::shared_ptr<Wheels> wheels)
      : wheels_(std::move(wheels)) {}

  std::shared_ptr<Wheels> wheels_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_ODOMETER_ENTROPY_H_
