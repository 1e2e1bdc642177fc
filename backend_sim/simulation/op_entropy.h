// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_SIMULATION_OP_ENTROPY_H_
#define BACKEND_SIM_SIMULATION_OP_ENTROPY_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "backend_sim/entropy.h"
#include "backend_sim/seeded_entropy.h"

namespace backend_sim {

// What the world draws from while one operation runs: every stream begins
// anew, by the operation's salt and the stream's label, so that what one
// operation draws never depends on how much another one drew.
class OpEntropy final : public Entropy {
 public:
  OpEntropy() : OpEntropy(std::make_shared<Turn>(), SeededEntropy(0)) {}

  // An operation begins. All forks of this one are concerned.
  void Begin(uint64_t salt) {
    turn_->salt = salt;
    ++turn_->number;
  }

  uint64_t Choose(uint64_t n) override {
    if (seen_ != turn_->number) {
      seen_ = turn_->number;
      stream_ = SeededEntropy(label_.Next() ^ turn_->salt);
      label_ = first_;
    }
    return stream_.Choose(n);
  }

  std::unique_ptr<Entropy> Fork(std::string_view label) override {
    // Of a seeded stream's forks, so that labels are told apart the same way.
    const auto forked = first_.Fork(label);
    return std::unique_ptr<Entropy>(
        new OpEntropy(turn_, static_cast<SeededEntropy&>(*forked)));
  }

 private:
  struct Turn {
    uint64_t salt = 0;
    uint64_t number = 1;
  };

  OpEntropy(std::shared_ptr<Turn> turn, const SeededEntropy& label)
      : turn_(std::move(turn)), first_(label), label_(label), stream_(label) {}

  std::shared_ptr<Turn> turn_;
  SeededEntropy first_;  // Nothing was drawn from it.
  SeededEntropy label_;
  SeededEntropy stream_;
  uint64_t seen_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIMULATION_OP_ENTROPY_H_
