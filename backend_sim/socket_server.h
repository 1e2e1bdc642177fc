// SPDX-License-Identifier: BSD-3-Clause
//
// The server on a real socket, with the kernel's descriptors and mappings.

#ifndef BACKEND_SIM_SOCKET_SERVER_H_
#define BACKEND_SIM_SOCKET_SERVER_H_

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "backend_sim/planned_request.h"
#include "backend_sim/vhost_user_server.h"
#include "virtio_user/base/deadline.h"
#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

struct SocketServerStats {
  uint64_t receives = 0;
  uint64_t sends = 0;
  uint64_t polls = 0;
};

// Serves one connection at a time in the caller's thread. `server` and `fds`,
// which is the same that the server was made with, outlive it.
class SocketServer {
 public:
  SocketServer(VhostUserServer& server, virtio_user::FdOps& fds)
      : server_(server), fds_(fds) {}

  // Until the peer closes, the server ends the session, or `stop` is set.
  // An Error: the socket failed otherwise.
  virtio_user::Result<void> Serve(virtio_user::FileDescriptor connection,
                                  const std::atomic<bool>& stop);

  // Before Serve. Once it is due, the server waits for its answer for at most
  // five seconds, and reads nothing meanwhile.
  void PlanRequest(PlannedRequest planned) { planned_ = std::move(planned); }
  // What came back, header and all.
  const std::vector<std::byte>& request_answer() const {
    return request_answer_;
  }

  const SocketServerStats& stats() const { return stats_; }

 private:
  enum class Next : uint8_t { kGoOn, kNothing, kEnd };

  virtio_user::Result<Next> ReadWhatIsThere(int socket,
                                            const std::atomic<bool>& stop);
  virtio_user::Result<Next> ReadSome(int socket, const std::atomic<bool>& stop);
  virtio_user::Result<Next> Emit(int socket, ServerOutput output,
                                 const std::atomic<bool>& stop);
  virtio_user::Result<Next> SendAll(int socket, const OutgoingAnswer& answer,
                                    const std::atomic<bool>& stop);
  virtio_user::Result<void> AskIfDue();
  virtio_user::Result<bool> WaitFor(int socket, short events, int timeout_ms);

  VhostUserServer& server_;
  virtio_user::FdOps& fds_;
  SocketServerStats stats_;
  std::optional<PlannedRequest> planned_;
  std::vector<std::byte> request_answer_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SOCKET_SERVER_H_
