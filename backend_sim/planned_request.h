// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_PLANNED_REQUEST_H_
#define BACKEND_SIM_PLANNED_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace backend_sim {

// Bytes of an answer to a request of the back-end: a header and a u64.
inline constexpr size_t kRequestAnswerBytes = 20;

// A request that the server makes before it reads a message of the front-end,
// and for whose answer it waits first.
struct PlannedRequest {
  uint64_t before_message = 0;  // Counted over the server's life.
  std::vector<std::byte> bytes;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_PLANNED_REQUEST_H_
