// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_BYTES_ENTROPY_H_
#define BACKEND_SIM_BYTES_ENTROPY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "backend_sim/entropy.h"

namespace backend_sim {

// Answers from a fuzzer's bytes. A number takes as few bytes as its range
// needs, least significant first; when the bytes have run out the answer is 0.
// All forks take from the same bytes in the order of drawing, so that a
// fuzzer's mutation of one byte changes one answer. The bytes outlive it.
class BytesEntropy final : public Entropy {
 public:
  explicit BytesEntropy(std::span<const std::byte> bytes)
      : left_(std::make_shared<std::span<const std::byte>>(bytes)) {}

  uint64_t Choose(uint64_t n) override;
  std::unique_ptr<Entropy> Fork(std::string_view) override {
    return std::unique_ptr<Entropy>(new BytesEntropy(left_));
  }

  size_t left_bytes() const { return left_->size(); }

 private:
  explicit BytesEntropy(std::shared_ptr<std::span<const std::byte>> left)
      : left_(std::move(left)) {}

  std::shared_ptr<std::span<const std::byte>> left_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_BYTES_ENTROPY_H_
