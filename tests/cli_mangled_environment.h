// SPDX-License-Identifier: BSD-3-Clause
//
// The simulated back-end behind a wire that changes messages on the way: how a
// back-end looks that does something else than it was told.

#ifndef TESTS_CLI_MANGLED_ENVIRONMENT_H_
#define TESTS_CLI_MANGLED_ENVIRONMENT_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "backend_sim/wire.h"
#include "cli/net_driver.h"
#include "cli/sim_environment.h"
#include "cli/tracing_channel.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user::cli {

// Changes the payload of one request, in place.
using Mangle =
    std::function<void(uint32_t request, std::span<std::byte> payload)>;

// Requires that what is sent fits, as it does in the simulated channel: a
// chunk is whole messages.
class MangledChannel final : public Channel {
 public:
  MangledChannel(Channel& inner, Mangle mangle)
      : inner_(inner), mangle_(std::move(mangle)) {}

  Result<void> Attach() override { return inner_.Attach(); }
  void Detach() override { inner_.Detach(); }
  LinkState Poll() override { return inner_.Poll(); }
  int fd() const override { return inner_.fd(); }
  Deadline After(Duration budget) override { return inner_.After(budget); }
  void SetAttachDeadline(Deadline deadline) override {
    inner_.SetAttachDeadline(deadline);
  }
  Result<size_t> Send(std::span<const SendChunk> chunks, size_t skip) override {
    std::vector<std::vector<std::byte>> copies;
    std::vector<SendChunk> changed(chunks.begin(), chunks.end());
    for (SendChunk& chunk : changed) {
      copies.emplace_back(chunk.bytes.begin(), chunk.bytes.end());
      Change(copies.back());
      chunk.bytes = copies.back();
    }
    return inner_.Send(changed, skip);
  }
  Result<Received> Receive(std::span<std::byte> into) override {
    return inner_.Receive(into);
  }
  Result<void> WaitWritable(Deadline deadline) override {
    return inner_.WaitWritable(deadline);
  }
  Result<void> WaitReadable(size_t bytes, Deadline deadline) override {
    return inner_.WaitReadable(bytes, deadline);
  }

 private:
  void Change(std::span<std::byte> left) const {
    while (left.size() >= backend_sim::kWireHeaderBytes) {
      const auto header = backend_sim::DecodeHeader(left);
      left = left.subspan(backend_sim::kWireHeaderBytes);
      mangle_(header.request, left.first(header.size));
      left = left.subspan(header.size);
    }
  }

  Channel& inner_;
  const Mangle mangle_;
};

class MangledEnvironment : public Environment {
 public:
  explicit MangledEnvironment(
      Mangle mangle,
      backend_sim::TrafficMode traffic = backend_sim::TrafficMode::kEcho)
      : Environment({}),
        inner_({.backend = "sim",
                .memory_bytes = NetDriver::MemoryFor({.pairs = 4}),
                .on_line = {}},
               Conforming(traffic)),
        mangled_(inner_.world().channel(), std::move(mangle)) {}

  std::expected<std::unique_ptr<VhostBackend>, Failure> OpenBackend() override {
    return std::make_unique<VhostUserBackend>(
        std::make_unique<TracingChannel>(mangled_, tap()));
  }
  MemoryProvider& memory() override { return inner_.memory(); }
  FdOps& fds() override { return inner_.fds(); }
  Quiescer& quiescer() override { return inner_.quiescer(); }
  Result<std::span<std::byte>> AddRegion(size_t bytes) override {
    return inner_.AddRegion(bytes);
  }
  Result<void> RemoveRegion(std::span<std::byte> region) override {
    return inner_.RemoveRegion(region);
  }
  void Turn(bool idle) override { inner_.Turn(idle); }
  Duration Now() override { return inner_.Now(); }

 private:
  static backend_sim::Personality Conforming(backend_sim::TrafficMode traffic) {
    auto personality = backend_sim::Personality::Conforming();
    personality.traffic = traffic;
    return personality;
  }

  SimEnvironment inner_;
  MangledChannel mangled_;
};

}  // namespace virtio_user::cli

#endif  // TESTS_CLI_MANGLED_ENVIRONMENT_H_
