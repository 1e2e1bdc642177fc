// SPDX-License-Identifier: BSD-3-Clause
//
// What the kernel's own headers say, for C++: <linux/virtio_net.h> has a member
// named "class" and compiles as C alone.

#ifndef TESTS_UAPI_CONSTANTS_H_
#define TESTS_UAPI_CONSTANTS_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct UapiConstant {
  const char* name;
  uint64_t value;
};

// Feature bits, by their names.
extern const struct UapiConstant kUapiFeatures[];
extern const size_t kUapiFeatureCount;
// All other numbers and sizes.
extern const struct UapiConstant kUapiNumbers[];
extern const size_t kUapiNumberCount;

#ifdef __cplusplus
}
#endif

#endif  // TESTS_UAPI_CONSTANTS_H_
