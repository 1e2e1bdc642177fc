// SPDX-License-Identifier: BSD-3-Clause
//
// A vhost-user server over the model, without a transport: bytes and
// descriptors go in, answers come out.

#ifndef BACKEND_SIM_VHOST_USER_SERVER_H_
#define BACKEND_SIM_VHOST_USER_SERVER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "backend_sim/answer_faults.h"
#include "backend_sim/entropy.h"
#include "backend_sim/fault_plan.h"
#include "backend_sim/packet_engine.h"
#include "backend_sim/personality.h"
#include "backend_sim/trace.h"
#include "backend_sim/vhost_model.h"
#include "virtio_user/base/deadline.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

struct ServerOutput {
  std::vector<OutgoingAnswer> answers;
  bool close = false;  // After the answers: the connection ends.
  bool stall = false;  // The server reads nothing more.
};

struct VhostUserServerOptions {
  Personality personality = Personality::Conforming();
  PacketEngineOptions packets = {};
  // For notes of what is in flight; without, it takes none.
  MemoryMaker make_memory = {};
  // Decides about what a personality leaves open: when it crashes, lies, is
  // late. Outlives the server; none: one of the server's own, always the same.
  Entropy* entropy = nullptr;
};

// One session at a time; one thread. `fds` is how it closes, signals and maps
// what it receives: a simulated process's table or the kernel. The three
// references outlive it.
class VhostUserServer {
 public:
  VhostUserServer(VhostUserServerOptions options, virtio_user::FdOps& fds,
                  Trace& trace, FaultPlan& faults);

  // A new session, in which nothing is negotiated.
  void Connect();
  // The session is over: every descriptor and mapping is given back.
  void Disconnect();
  // What sessions from the next Connect on are like.
  void SetPersonality(Personality personality);

  // Bytes up to the end of the header or payload that is being read, or fewer
  // where the back-end reads in pieces. Who
  // never feeds more can tell which message descriptors belong to, and when
  // an answer is due before more is read.
  size_t BytesWanted() const;
  // Requires: connected. `received` belong to the message whose bytes begin
  // or go on here.
  ServerOutput OnBytes(std::span<const std::byte> bytes,
                       std::vector<virtio_user::FileDescriptor> received);

  // Serves the rings once; how much there was to do.
  size_t Step();

  bool connected() const { return connected_; }
  VhostModel& model() { return model_; }
  PacketEngine& packets() { return packets_; }
  uint64_t message_count() const { return message_count_; }
  uint64_t answer_count() const { return answer_count_; }
  // Answers that cannot be what they claim to be: of another message, version
  // or length, or without the reply flag.
  uint64_t lie_count() const { return lie_count_; }

 private:
  size_t BytesMissing() const;
  void DrawPiece();
  std::optional<Fault> FaultOfMessage();
  std::optional<Fault> FaultOfAnswer();
  void HandleMessage(ServerOutput& output);
  void EmitAnswer(const WireHeader& request, ModelAnswer given,
                  ServerOutput& output);
  void AddExtraFds(uint64_t count, OutgoingAnswer& answer);
  void TraceFault(const Fault& fault);

  Personality next_personality_;
  const std::unique_ptr<Entropy> own_entropy_;
  Entropy& entropy_;
  virtio_user::FdOps& fds_;
  Trace& trace_;
  FaultPlan& faults_;
  VhostModel model_;
  PacketEngine packets_;
  bool connected_ = false;
  bool dead_ = false;                // Nothing more is read in this session.
  bool crashed_ = false;             // The session before the next Connect.
  size_t piece_ = SIZE_MAX;          // Read at most so much next,
  size_t message_piece_ = SIZE_MAX;  // and of this message.
  uint64_t message_count_ = 0;
  uint64_t answer_count_ = 0;
  uint64_t lie_count_ = 0;
  std::vector<std::byte> partial_;
  std::vector<virtio_user::FileDescriptor> partial_fds_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VHOST_USER_SERVER_H_
