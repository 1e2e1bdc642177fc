// SPDX-License-Identifier: BSD-3-Clause
//
// One sink for the whole process, chosen by the embedder. Code logs once, at
// the edge that decides, and never instead of returning an Error.

#ifndef VIRTIO_USER_BASE_LOG_H_
#define VIRTIO_USER_BASE_LOG_H_

#include <cstdint>
#include <string_view>

namespace virtio_user {

enum class LogLevel : uint8_t { kInfo, kWarning, kError };

// Called from any thread; must not call back into the device.
using LogSink = void (*)(LogLevel level, std::string_view text);

// nullptr (the initial value) drops everything. Thread-safe.
void SetLogSink(LogSink sink);

// One line, as printf; cut at 400 bytes.
[[gnu::format(printf, 2, 3)]] void Log(LogLevel level, const char* format, ...);

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_LOG_H_
