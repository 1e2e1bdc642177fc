// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/sim_world.h"

#include <utility>

#include "backend_sim/channel_handle.h"
#include "backend_sim/seeded_entropy.h"

namespace backend_sim {
namespace {

PacketEngineOptions WithEntropy(PacketEngineOptions options, Entropy& entropy) {
  if (options.entropy == nullptr) options.entropy = &entropy;
  return options;
}

}  // namespace

SimWorld::SimWorld(SimWorldOptions options)
    : SimWorld(options, std::make_unique<SeededEntropy>(options.seed)) {}

SimWorld::SimWorld(SimWorldOptions options, std::unique_ptr<Entropy> entropy)
    : entropy_(std::move(entropy)),
      trace_(options.trace),
      faults_(std::move(options.faults)),
      fds_({.name = "front-end", .limit = options.fd_limit}),
      server_fds_({.name = "back-end"}),
      memory_(fds_, trace_, options.memory),
      packet_entropy_(entropy_->Fork("packets")),
      server_entropy_(entropy_->Fork("server")),
      server_({.personality = std::move(options.personality),
               .packets = WithEntropy(options.packets, *packet_entropy_),
               .make_memory = [this](size_t bytes) { return Memory(bytes); },
               .entropy = server_entropy_.get()},
              server_fds_, trace_, faults_),
      channel_({.server = server_,
                .client_fds = fds_,
                .server_fds = server_fds_,
                .clock = clock_,
                .trace = trace_,
                .faults = faults_},
               entropy_->Fork("channel"), options.channel) {
  trace_.Add({.kind = TraceKind::kNote, .words = {options.seed}});
}

// Of the back-end's own, which lives on as long as somebody has it.
virtio_user::Result<virtio_user::FileDescriptor> SimWorld::Memory(
    size_t bytes) {
  const auto fd =
      server_fds_.Install(SimFile::Memory(bytes), "back-end's memory");
  if (!fd) return virtio_user::Fail(fd);
  return virtio_user::FileDescriptor(server_fds_, *fd);
}

std::unique_ptr<virtio_user::Channel> SimWorld::MakeChannel() {
  return std::make_unique<ChannelHandle>(channel_);
}

size_t SimWorld::Step() {
  const size_t read = channel_.Pump() ? 1 : 0;
  return read + server_.Step();
}

size_t SimWorld::RunUntilIdle(size_t max_steps) {
  size_t work = 0;
  for (size_t i = 0; i < max_steps; ++i) {
    const size_t done = Step();
    if (done == 0) break;
    work += done;
  }
  return work;
}

}  // namespace backend_sim
