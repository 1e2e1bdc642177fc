// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/error.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace virtio_user {
namespace {

// What vsnprintf stored, given what it would have liked to store.
uint16_t StoredBytes(int wanted) {
  return static_cast<uint16_t>(
      std::clamp<int>(wanted, 0, static_cast<int>(Error::kMaxTextBytes) - 1));
}

}  // namespace

std::string_view ToString(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kWrongState:
      return "wrong state";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kRefused:
      return "refused by the back-end";
    case ErrorCode::kProtocol:
      return "protocol violation by the back-end";
    case ErrorCode::kDeadline:
      return "deadline";
    case ErrorCode::kDisconnected:
      return "disconnected";
    case ErrorCode::kSystem:
      return "system";
  }
  return "unknown";
}

Error::Error(ErrorCode code, int sys_errno, const char* format,
             std::va_list args)
    : code_(code),
      sys_errno_(sys_errno),
      text_bytes_(
          StoredBytes(std::vsnprintf(text_, kMaxTextBytes, format, args))) {}

Error Error::Make(ErrorCode code, const char* format, ...) {
  std::va_list args;
  va_start(args, format);
  const Error error(code, 0, format, args);
  va_end(args);
  return error;
}

Error Error::System(ErrorCode code, int sys_errno, const char* format, ...) {
  std::va_list args;
  va_start(args, format);
  Error error(code, sys_errno, format, args);
  va_end(args);
  const uint16_t used = error.text_bytes_;
  const char* name = strerrorname_np(sys_errno);
  const char* text = strerrordesc_np(sys_errno);
  const int more = std::snprintf(error.text_ + used, kMaxTextBytes - used,
                                 ": %s (%s)", text != nullptr ? text : "error",
                                 name != nullptr ? name : "unknown errno");
  error.text_bytes_ = StoredBytes(used + std::max(more, 0));
  return error;
}

std::unexpected<Error> Fail(ErrorCode code, const char* format, ...) {
  std::va_list args;
  va_start(args, format);
  const Error error(code, 0, format, args);
  va_end(args);
  return std::unexpected(error);
}

}  // namespace virtio_user
