// SPDX-License-Identifier: BSD-3-Clause
//
// Our vhost-user server with somebody behind it who looks at each of its
// answers, its descriptors, and the memory that it was not given.

#ifndef FUZZ_WATCHED_SERVER_H_
#define FUZZ_WATCHED_SERVER_H_

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "backend_sim/fault_plan.h"
#include "backend_sim/fd_table.h"
#include "backend_sim/sim_file.h"
#include "backend_sim/trace.h"
#include "backend_sim/vhost_user_server.h"
#include "fuzz/front_end_input.h"

namespace fuzz {

// Whatever is not as it must be is reported as a finding.
class WatchedServer {
 public:
  // A first session begins.
  explicit WatchedServer(uint16_t server);
  WatchedServer(const WatchedServer&) = delete;
  WatchedServer& operator=(const WatchedServer&) = delete;

  void Do(const FrontEndAction& action);
  // Ends the session, which leaves nothing behind.
  void End();

  // Bytes of all answers, one entry a session.
  const std::vector<std::vector<std::byte>>& answers() const {
    return answers_;
  }
  // From then on what is answered may depend on when rings were served.
  bool ring_has_run() const { return ring_has_run_; }

 private:
  // Bytes of a file that the front-end has told of.
  struct Range {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  // What the front-end knows of one of its files.
  struct File {
    std::shared_ptr<backend_sim::SimFile> file;
    std::vector<std::byte> known;
  };

  void Begin();
  void Send(const FrontEndAction& action);
  std::vector<virtio_user::FileDescriptor> Pass(
      std::span<const PassedFile> files);
  void HearOf(backend_sim::ServerOutput output, size_t complaints_before);
  void JudgeAnswer(const backend_sim::WireHeader& asked,
                   const backend_sim::OutgoingAnswer& answer);
  size_t complaints() { return server_.model().violations().size() + failed_; }
  void NoteGiven();
  void AddRange(Range range);
  bool WasGiven(size_t at) const;
  void LookAtMemory();
  virtio_user::Result<virtio_user::FileDescriptor> MakeMemory(size_t bytes);

  backend_sim::Trace trace_;
  backend_sim::FaultPlan faults_;
  backend_sim::FdTable fds_;
  std::array<File, 2> files_;  // kMemory, kSmallFile.
  const std::shared_ptr<backend_sim::SimFile> event_;
  size_t failed_ = 0;  // For want of resources: a reason too.
  backend_sim::VhostUserServer server_;
  std::vector<std::byte> message_;  // What has come of it.
  std::vector<Range> given_;
  std::vector<std::vector<std::byte>> answers_;
  bool ring_has_run_ = false;
};

}  // namespace fuzz

#endif  // FUZZ_WATCHED_SERVER_H_
