// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/bytes_entropy.h"

#include "virtio_user/base/check.h"

namespace backend_sim {

uint64_t BytesEntropy::Choose(uint64_t n) {
  VU_CHECK(n > 0);
  uint64_t drawn = 0;
  unsigned shift = 0;
  for (uint64_t most = n - 1; most != 0 && !left_->empty(); most >>= 8) {
    drawn |= std::to_integer<uint64_t>(left_->front()) << shift;
    *left_ = left_->subspan(1);
    shift += 8;
  }
  return drawn % n;
}

}  // namespace backend_sim
