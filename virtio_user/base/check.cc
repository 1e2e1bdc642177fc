// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace virtio_user {

void CheckFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: CHECK failed: %s\n", file, line, expression);
  std::abort();
}

}  // namespace virtio_user
