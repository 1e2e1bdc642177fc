// SPDX-License-Identifier: BSD-3-Clause

#ifndef BENCH_SERVER_PROCESS_H_
#define BENCH_SERVER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "backend_sim/personality.h"

namespace virtio_user::bench {

// The simulated back-end as a vhost-user server in a process of its own, on a
// socket in a directory of its own. Ends with this object.
class ServerProcess {
 public:
  // Null, with a message to the terminal, where it cannot be started.
  static std::unique_ptr<ServerProcess> Start(
      backend_sim::Personality personality =
          backend_sim::Personality::Conforming());
  ~ServerProcess();

  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  const std::string& path() const { return path_; }

 private:
  ServerProcess() = default;

  std::string directory_;
  std::string path_;
  pid_t child_ = -1;
};

}  // namespace virtio_user::bench

#endif  // BENCH_SERVER_PROCESS_H_
