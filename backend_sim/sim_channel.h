// SPDX-License-Identifier: BSD-3-Clause
//
// A connection to the simulated server, in one thread and in virtual time.

#ifndef BACKEND_SIM_SIM_CHANNEL_H_
#define BACKEND_SIM_SIM_CHANNEL_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "backend_sim/entropy.h"
#include "backend_sim/fault_plan.h"
#include "backend_sim/fd_table.h"
#include "backend_sim/planned_request.h"
#include "backend_sim/sim_clock.h"
#include "backend_sim/sim_request_channel.h"
#include "backend_sim/trace.h"
#include "backend_sim/vhost_user_server.h"
#include "virtio_user/vhost_user/channel.h"

namespace backend_sim {

// When the server reads what was sent.
enum class ServerPace : uint8_t {
  kEager,   // As soon as it was sent.
  kLazy,    // Only when the front-end waits, or the world steps.
  kRandom,  // One or the other, by entropy.
};

struct SimChannelOptions {
  // The front-end listens and the back-end connects; see PeerConnects.
  bool server_mode = false;
  // False: nobody is there to be attached to until PeerConnects.
  bool peer_present = true;
  ServerPace pace = ServerPace::kEager;
  // What a socket of the default size holds. The server does not read the
  // next message while `max_unread_answers` of its own are unread: whoever
  // sends everything first and collects later ends in kDeadline.
  size_t max_unread_answers = 278;
  size_t max_unread_sends = 278;
  size_t max_unread_bytes = 212992;
  // Percentage of sends and receives that move fewer bytes than they could.
  uint32_t short_send_percent = 0;
  uint32_t short_receive_percent = 0;
};

struct ChannelStats {
  uint64_t attaches = 0;
  uint64_t sends = 0;  // Calls, each of which would be a system call.
  uint64_t receives = 0;
  uint64_t readable_waits = 0;
  uint64_t writable_waits = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  uint64_t fds_sent = 0;
  uint64_t messages = 0;     // That the server got.
  uint64_t answers = 0;      // That it gave.
  uint64_t fd_messages = 0;  // That had descriptors on their way,
  uint64_t fd_answers = 0;   // and answers that had.
};

// All of these outlive the channel.
struct SimChannelParts {
  VhostUserServer& server;
  FdTable& client_fds;
  FdTable& server_fds;
  SimClock& clock;
  Trace& trace;
  FaultPlan& faults;
};

class SimChannel final : public virtio_user::Channel {
 public:
  SimChannel(const SimChannelParts& parts, std::unique_ptr<Entropy> entropy,
             SimChannelOptions options = {});
  ~SimChannel();
  SimChannel(const SimChannel&) = delete;
  SimChannel& operator=(const SimChannel&) = delete;

  // PeerLink.
  virtio_user::Result<void> Attach() override;
  void Detach() override;
  virtio_user::LinkState Poll() override;
  int fd() const override;

  // Channel.
  virtio_user::Deadline After(virtio_user::Duration budget) override;
  void SetAttachDeadline(virtio_user::Deadline deadline) override;
  virtio_user::Result<size_t> Send(
      std::span<const virtio_user::SendChunk> chunks, size_t skip) override;
  virtio_user::Result<virtio_user::Received> Receive(
      std::span<std::byte> into) override;
  virtio_user::Result<void> WaitWritable(
      virtio_user::Deadline deadline) override;
  virtio_user::Result<void> WaitReadable(
      size_t bytes, virtio_user::Deadline deadline) override;
  virtio_user::Result<virtio_user::ChannelPair> MakePair() override;
  void WatchBeside(virtio_user::Channel* beside) override { beside_ = beside; }

  // The back-end's requests. Puts bytes on their way to the front-end; false:
  // there is no stream for them.
  bool SendRequest(std::span<const std::byte> bytes, size_t fd_count = 0);
  void PlanRequest(PlannedRequest planned) { planned_ = std::move(planned); }
  // What both sides said and nobody has read; null: never made.
  SimRequestStream* requests() { return requests_.get(); }

  // The other end. PeerConnects: there is a back-end again (client mode), or
  // one waits at our listener (server mode). PeerCloses: it goes away now.
  void PeerConnects() { peer_present_ = true; }
  void PeerLeaves() { peer_present_ = false; }
  void PeerCloses();

  // Lets the server read until it can do no more; whether it read anything.
  bool Pump();

  bool attached() const { return connection_ >= 0; }
  ChannelStats stats() const;

 private:
  // What one Send put into the socket.
  struct Segment {
    std::vector<std::byte> bytes;
    size_t taken = 0;                              // By the server.
    std::vector<virtio_user::FileDescriptor> fds;  // The server's.
  };
  struct Answer {
    std::vector<std::byte> bytes;
    size_t taken = 0;                              // By the front-end.
    std::vector<virtio_user::FileDescriptor> fds;  // The server's.
    virtio_user::Duration due{0};
    bool last = true;  // False: more of the same message follows.
  };

  // sim_channel_server.cc
  bool PumpOnce();
  bool WaitsForRequest();
  bool SeesRequest(virtio_user::Deadline deadline);
  void Queue(ServerOutput output);
  void CloseByServer();
  void LoseConnection();
  void DropStreams();
  virtio_user::Result<size_t> AcceptChunk(const virtio_user::SendChunk& chunk,
                                          size_t skip, size_t limit);
  virtio_user::Result<void> SendFds(std::span<const int> fds, Segment& segment);
  void TakeFds(Answer& answer, virtio_user::Received& received);
  void SpoilFds(uint64_t at, std::vector<virtio_user::FileDescriptor>& fds);
  void AddFd(std::shared_ptr<SimFile> file,
             std::vector<virtio_user::FileDescriptor>& fds);
  void ChangeKind(std::vector<virtio_user::FileDescriptor>& fds);
  std::optional<Fault> TakeFault(FaultKind kind, uint64_t count);
  bool Full() const;
  size_t Readable() const;
  size_t Limit(FaultKind kind, uint64_t count, uint32_t percent);
  void OpenListener();

  SimChannelParts parts_;
  std::unique_ptr<Entropy> entropy_;
  const SimChannelOptions options_;
  virtio_user::Deadline attach_deadline_;
  int connection_ = -1;  // A descriptor in client_fds.
  int listener_ = -1;
  bool peer_present_;
  bool peer_closed_ = false;
  bool stalled_ = false;
  std::deque<Segment> to_server_;
  size_t to_server_bytes_ = 0;
  std::deque<Answer> to_client_;
  size_t unread_answers_ = 0;
  std::shared_ptr<SimRequestStream> requests_;
  uint64_t request_streams_ = 0;
  virtio_user::Channel* beside_ = nullptr;
  std::optional<PlannedRequest> planned_;
  size_t answers_before_ = 0;  // Bytes that lay there when it was made.
  bool asking_ = false;        // It was, and there is no answer yet.
  ChannelStats stats_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_SIM_CHANNEL_H_
