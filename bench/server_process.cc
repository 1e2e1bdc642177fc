// SPDX-License-Identifier: BSD-3-Clause

#include "bench/server_process.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "backend_sim/fault_plan.h"
#include "backend_sim/socket_peer.h"
#include "backend_sim/socket_server.h"
#include "backend_sim/trace.h"
#include "backend_sim/vhost_user_server.h"
#include "virtio_user/base/posix_fd_ops.h"

namespace virtio_user::bench {
namespace {

// Serves one front-end after the other until the process is ended.
void ServeForEver(PosixFdOps& fds, const FileDescriptor& listener,
                  const backend_sim::Personality& personality) {
  const std::atomic<bool> stop{false};
  backend_sim::Trace trace;
  backend_sim::FaultPlan faults;
  backend_sim::VhostUserServer server({.personality = personality}, fds, trace,
                                      faults);
  while (true) {
    auto connection = backend_sim::AcceptFrom(listener, fds, stop);
    if (!connection) return;
    backend_sim::SocketServer socket(server, fds);
    (void)socket.Serve(*std::move(connection), stop);
  }
}

}  // namespace

std::unique_ptr<ServerProcess> ServerProcess::Start(
    backend_sim::Personality personality) {
  char directory[] = "/tmp/vuser_bench.XXXXXX";
  if (mkdtemp(directory) == nullptr) {
    std::perror("bench: mkdtemp");
    return nullptr;
  }
  std::unique_ptr<ServerProcess> process(new ServerProcess);
  process->directory_ = directory;
  process->path_ = process->directory_ + "/socket";
  PosixFdOps fds;
  // Listens before the child exists, so that nobody can come too early.
  auto listener = backend_sim::ListenAt(process->path_, fds);
  if (!listener) {
    std::fprintf(stderr, "bench: %s\n", listener.error().text().data());
    return nullptr;
  }
  process->child_ = fork();
  if (process->child_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    ServeForEver(fds, *listener, personality);
    _exit(1);
  }
  if (process->child_ > 0) return process;
  std::perror("bench: fork");
  return nullptr;
}

ServerProcess::~ServerProcess() {
  if (child_ > 0) {
    kill(child_, SIGTERM);
    waitpid(child_, nullptr, 0);
  }
  if (!path_.empty()) unlink(path_.c_str());
  if (!directory_.empty()) rmdir(directory_.c_str());
}

}  // namespace virtio_user::bench
