// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_OUTCOME_H_
#define TESTS_FAKES_OUTCOME_H_

#include <optional>
#include <string>

#include "virtio_user/base/error.h"

namespace testing_support {

// The code and the text of what failed; nothing, and "", for success.
template <typename T>
std::optional<virtio_user::ErrorCode> CodeOf(
    const virtio_user::Result<T>& outcome) {
  if (outcome) return std::nullopt;
  return outcome.error().code();
}

template <typename T>
std::string TextOf(const virtio_user::Result<T>& outcome) {
  return outcome ? std::string() : std::string(outcome.error().text());
}

}  // namespace testing_support

#endif  // TESTS_FAKES_OUTCOME_H_
