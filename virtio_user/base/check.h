// SPDX-License-Identifier: BSD-3-Clause
//
// CHECK is for what only this code can get wrong; it is on in every build and
// ends the process. What a driver, a back-end or the kernel can cause is an
// Error (error.h), never a CHECK.

#ifndef VIRTIO_USER_BASE_CHECK_H_
#define VIRTIO_USER_BASE_CHECK_H_

namespace virtio_user {

[[noreturn]] void CheckFailed(const char* expression, const char* file,
                              int line);

}  // namespace virtio_user

#define VU_CHECK(expression)           \
  (__builtin_expect(!!(expression), 1) \
       ? static_cast<void>(0)          \
       : ::virtio_user::CheckFailed(#expression, __FILE__, __LINE__))

#endif  // VIRTIO_USER_BASE_CHECK_H_
