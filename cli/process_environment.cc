// SPDX-License-Identifier: BSD-3-Clause

#include "cli/process_environment.h"

#include <chrono>
#include <string>
#include <utility>

namespace virtio_user::cli {
namespace {

std::unexpected<Failure> Failed(const Error& error) {
  return std::unexpected(Failure{ExitCode::kFail, std::string(error.text())});
}

}  // namespace

std::expected<void, Failure> ProcessEnvironment::Prepare(size_t memory_bytes) {
  auto memory = MemfdMemory::Create(fds_, {.arena_bytes = memory_bytes});
  if (!memory) return Failed(memory.error());
  memory_ = std::move(*memory);
  auto quiescer = MembarrierQuiescer::Create();
  if (!quiescer) return Failed(quiescer.error());
  quiescer_ = std::move(*quiescer);
  return {};
}

Duration ProcessEnvironment::Now() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

}  // namespace virtio_user::cli
