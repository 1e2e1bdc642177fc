// SPDX-License-Identifier: BSD-3-Clause
//
// The stream on which the simulated back-end asks, beside its main one.

#ifndef BACKEND_SIM_SIM_REQUEST_CHANNEL_H_
#define BACKEND_SIM_SIM_REQUEST_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "backend_sim/fd_table.h"
#include "backend_sim/sim_clock.h"
#include "virtio_user/vhost_user/channel.h"

namespace backend_sim {

// What is under way in both directions.
struct SimRequestStream {
  std::deque<std::byte> to_frontend;
  size_t fds_to_frontend = 0;  // That came with what is there.
  std::vector<std::byte> to_backend;
  size_t answer_room = 4096;  // Bytes that to_backend holds.
  bool frontend_open = true;
  bool backend_open = true;
  uint64_t number = 0;  // Of all that a channel had.
};

// The front-end's end. `fds` and `clock` outlive it.
class SimRequestChannel final : public virtio_user::Channel {
 public:
  // `fd`: of `fds`, owned from now on.
  SimRequestChannel(FdTable& fds, int fd, const SimClock& clock,
                    std::shared_ptr<SimRequestStream> stream)
      : fds_(fds), fd_(fd), clock_(clock), stream_(std::move(stream)) {}
  ~SimRequestChannel() override { Detach(); }
  SimRequestChannel(const SimRequestChannel&) = delete;
  SimRequestChannel& operator=(const SimRequestChannel&) = delete;

  // PeerLink. It is attached from the beginning, and never again.
  virtio_user::Result<void> Attach() override;
  void Detach() override;
  virtio_user::LinkState Poll() override;
  int fd() const override { return fd_; }

  // Channel. Nobody waits here.
  virtio_user::Deadline After(virtio_user::Duration budget) override;
  void SetAttachDeadline(virtio_user::Deadline) override {}
  virtio_user::Result<size_t> Send(
      std::span<const virtio_user::SendChunk> chunks, size_t skip) override;
  virtio_user::Result<virtio_user::Received> Receive(
      std::span<std::byte> into) override;
  virtio_user::Result<void> WaitWritable(virtio_user::Deadline) override;
  virtio_user::Result<void> WaitReadable(size_t,
                                         virtio_user::Deadline) override;

 private:
  FdTable& fds_;
  int fd_;
  const SimClock& clock_;
  const std::shared_ptr<SimRequestStream> stream_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIM_REQUEST_CHANNEL_H_
