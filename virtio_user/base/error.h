// SPDX-License-Identifier: BSD-3-Clause
//
// Errors as values. An Error says what the caller can do about it (its code),
// what the kernel said (sys_errno) and a sentence that names the thing, the
// value and the remedy. It allocates nothing.

#ifndef VIRTIO_USER_BASE_ERROR_H_
#define VIRTIO_USER_BASE_ERROR_H_

#include <cstdarg>
#include <cstdint>
#include <expected>
#include <string_view>

namespace virtio_user {

// Told apart by the remedy, not by the place.
enum class ErrorCode : uint8_t {
  kInvalidArgument,  // Fix the argument.
  kWrongState,       // Call it at another time.
  kUnsupported,      // This side or the other cannot do it.
  kRefused,          // The back-end answered no.
  kProtocol,         // The back-end broke the protocol; reconnect.
  kDeadline,         // Time ran out; reconnect.
  kDisconnected,     // The peer is gone; reconnect.
  kSystem,           // The kernel said no; sys_errno tells why.
};

// The code as a short word, for messages: "invalid argument", "deadline", ...
std::string_view ToString(ErrorCode code);

// Whether an operation on a back-end that ended so has lost the peer.
constexpr bool LosesPeer(ErrorCode code) {
  return code == ErrorCode::kProtocol || code == ErrorCode::kDeadline ||
         code == ErrorCode::kDisconnected;
}

class [[nodiscard]] Error {
 public:
  static constexpr size_t kMaxTextBytes = 240;

  // `format` as printf's; the text is cut at kMaxTextBytes - 1.
  [[gnu::format(printf, 2, 3)]] static Error Make(ErrorCode code,
                                                  const char* format, ...);
  // The same with an errno, whose name is appended to the text.
  [[gnu::format(printf, 3, 4)]] static Error System(ErrorCode code,
                                                    int sys_errno,
                                                    const char* format, ...);

  ErrorCode code() const { return code_; }
  // 0 where no system call was involved.
  int sys_errno() const { return sys_errno_; }
  std::string_view text() const { return {text_, text_bytes_}; }

 private:
  friend std::unexpected<Error> Fail(ErrorCode code, const char* format, ...);

  [[gnu::format(printf, 4, 0)]] Error(ErrorCode code, int sys_errno,
                                      const char* format, std::va_list args);

  ErrorCode code_ = ErrorCode::kSystem;
  int sys_errno_ = 0;
  char text_[kMaxTextBytes] = {};
  uint16_t text_bytes_ = 0;
};

template <typename T = void>
using Result = std::expected<T, Error>;

// Shorthand for `return std::unexpected(Error::Make(...))`.
[[gnu::format(printf, 2, 3)]] std::unexpected<Error> Fail(ErrorCode code,
                                                          const char* format,
                                                          ...);

// Hands an error on, whatever the value types of the two results.
template <typename T>
std::unexpected<Error> Fail(const Result<T>& failed) {
  return std::unexpected(failed.error());
}

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_ERROR_H_
