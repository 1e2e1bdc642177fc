// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_HUGEPAGES_H_
#define TESTS_SUPPORT_HUGEPAGES_H_

#include <cstdint>
#include <optional>
#include <string>

namespace testing_support {

// Why a program that needs this much in hugepages cannot run here; none where
// it can. `./vuser test --interop` has them made where it may.
std::optional<std::string> WhyNoHugepages(int64_t megabytes);

}  // namespace testing_support

#endif  // TESTS_SUPPORT_HUGEPAGES_H_
