// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/base/log.h"

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>

namespace virtio_user {
namespace {

std::atomic<LogSink> g_sink{nullptr};

}  // namespace

void SetLogSink(LogSink sink) { g_sink.store(sink, std::memory_order_release); }

void Log(LogLevel level, const char* format, ...) {
  // Pairs with the release in SetLogSink.
  const LogSink sink = g_sink.load(std::memory_order_acquire);
  if (sink == nullptr) return;
  char line[400];
  std::va_list args;
  va_start(args, format);
  const int wanted = std::vsnprintf(line, sizeof(line), format, args);
  va_end(args);
  const int bytes = std::clamp<int>(wanted, 0, sizeof(line) - 1);
  sink(level, {line, static_cast<size_t>(bytes)});
}

}  // namespace virtio_user
