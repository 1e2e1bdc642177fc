// SPDX-License-Identifier: BSD-3-Clause

#include "tests/support/temp_dir.h"

#include <cstdlib>
#include <filesystem>

namespace testing_support {

TempDir::TempDir() {
  // A test without its folder proves nothing.
  if (::mkdtemp(path_.data()) == nullptr) std::abort();
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace testing_support
