// SPDX-License-Identifier: BSD-3-Clause
//
// What a conforming vhost-user back-end is, one message at a time.

#ifndef BACKEND_SIM_VHOST_MODEL_H_
#define BACKEND_SIM_VHOST_MODEL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "backend_sim/backend_memory.h"
#include "backend_sim/inflight_notes.h"
#include "backend_sim/personality.h"
#include "backend_sim/ring_host.h"
#include "backend_sim/ring_model.h"
#include "backend_sim/trace.h"
#include "backend_sim/vhost_message.h"
#include "backend_sim/violation.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

// What follows a message.
struct ModelAnswer {
  bool answered = false;
  std::vector<std::byte> payload;
  std::vector<virtio_user::FileDescriptor> fds;  // Go with the answer.
  bool close = false;  // The connection ends; there is no answer.
};

// Makes a file of so many zeroes.
using MemoryMaker =
    std::function<virtio_user::Result<virtio_user::FileDescriptor>(size_t)>;

// What a payload of Layout::kInflight says.
InflightNumbers InflightNumbersOf(std::span<const std::byte> payload);

// `fds` and `trace` outlive it. One thread.
class VhostModel final : public RingHost {
 public:
  VhostModel(Personality personality, virtio_user::FdOps& fds, Trace& trace);

  // How it gets memory for its notes of what is in flight; without, it takes
  // none.
  void SetMemoryMaker(MemoryMaker maker) { make_memory_ = std::move(maker); }

  // A session begins, ends.
  void Connect(Personality personality);
  void Disconnect();

  // Carries the message out. What breaks a rule is written down and refused:
  // NACK if an ack was asked for, else the end of the connection (unless the
  // personality only notes it).
  ModelAnswer Handle(VhostMessage message);
  // How a server refuses this message without a reason.
  ModelAnswer Refuse(const WireHeader& header) const;

  // RingHost.
  const Personality& personality() const override { return personality_; }
  const SessionState& session() const override { return session_; }
  const BackendMemory& memory() const override { return memory_; }
  std::span<RingModel> rings() override { return rings_; }
  // It is started, and the driver is ready.
  bool Serving(const RingModel& ring) const override;
  void Report(Breach breach) override { Record(0, std::move(breach)); }

  std::span<const RingModel> rings() const { return rings_; }
  // For who is no vhost-user server and hears no messages.
  SessionState& mutable_session() { return session_; }
  BackendMemory& mutable_memory() { return memory_; }
  // The back-end's end of the channel for its requests; maybe none.
  const virtio_user::FileDescriptor& request_channel() const {
    return request_channel_;
  }
  bool AnyStarted() const;
  // MessageBehaviour::tolerates.
  bool Tolerates(Rule rule) const;
  const InflightArea& inflight() const { return inflight_; }
  // What GET_INFLIGHT_FD was answered last, in whatever session.
  const std::optional<InflightNumbers>& inflight_given() const {
    return inflight_given_;
  }

  // The configuration space changes, as a back-end's does; who is to hear of it
  // is told by a request.
  void ChangeConfig(size_t offset, std::span<const std::byte> bytes);

  // Over all sessions.
  const std::vector<Violation>& violations() const { return violations_; }
  void ClearViolations() { violations_.clear(); }

 private:
  using Apply = Check (VhostModel::*)(VhostMessage&, std::vector<std::byte>&);
  struct Handler {
    uint32_t request;
    Apply apply;
  };
  static const Handler kHandlers[];

  static Apply FindHandler(uint32_t request);
  std::optional<Rule> Judge(const VhostMessage& message);
  bool Overlooks(Rule rule) const;
  ModelAnswer RefuseFor(Rule rule, const WireHeader& header);
  bool FirstPairReady() const;
  void Record(uint32_t request, Breach breach);
  RingModel& RingOf(const VhostMessage& message);
  void AnswerU64(uint64_t value, std::vector<std::byte>& answer);

  // vhost_model_session.cc
  Check GetFeatures(VhostMessage&, std::vector<std::byte>& answer);
  Check SetFeatures(VhostMessage& message, std::vector<std::byte>&);
  Check SetOwner(VhostMessage&, std::vector<std::byte>&);
  Check GetProtocolFeatures(VhostMessage&, std::vector<std::byte>& answer);
  Check SetProtocolFeatures(VhostMessage& message, std::vector<std::byte>&);
  Check GetQueueNum(VhostMessage&, std::vector<std::byte>& answer);
  Check SendRarp(VhostMessage& message, std::vector<std::byte>&);
  Check NetSetMtu(VhostMessage& message, std::vector<std::byte>&);
  Check SetBackendReqFd(VhostMessage& message, std::vector<std::byte>&);
  Check GetConfig(VhostMessage& message, std::vector<std::byte>& answer);
  Check GetStatus(VhostMessage&, std::vector<std::byte>& answer);
  Check SetStatus(VhostMessage& message, std::vector<std::byte>&);
  Check ResetDevice(VhostMessage&, std::vector<std::byte>&);
  void ResetRings();

  // vhost_model_rings.cc
  Check SetMemTable(VhostMessage& message, std::vector<std::byte>&);
  Check GetMaxMemSlots(VhostMessage&, std::vector<std::byte>& answer);
  Check AddMemReg(VhostMessage& message, std::vector<std::byte>&);
  Check RemMemReg(VhostMessage& message, std::vector<std::byte>&);
  Check SetVringNum(VhostMessage& message, std::vector<std::byte>&);
  Check SetVringBase(VhostMessage& message, std::vector<std::byte>&);
  Check SetVringAddr(VhostMessage& message, std::vector<std::byte>&);
  Check GetVringBase(VhostMessage& message, std::vector<std::byte>& answer);
  Check SetVringKick(VhostMessage& message, std::vector<std::byte>&);
  Check SetVringCall(VhostMessage& message, std::vector<std::byte>&);
  Check SetVringErr(VhostMessage& message, std::vector<std::byte>&);
  Check SetVringEnable(VhostMessage& message, std::vector<std::byte>&);
  bool TryStart(RingModel& ring);
  void StartWhatWaits();

  // vhost_model_inflight.cc
  Check GetInflightFd(VhostMessage& message, std::vector<std::byte>& answer);
  Check SetInflightFd(VhostMessage& message, std::vector<std::byte>&);

  Personality personality_;
  virtio_user::FdOps& fds_;
  Trace& trace_;
  SessionState session_;
  BackendMemory memory_;
  std::vector<RingModel> rings_;
  virtio_user::FileDescriptor request_channel_;
  MemoryMaker make_memory_;
  InflightArea inflight_;
  std::optional<InflightNumbers> inflight_given_;
  std::vector<virtio_user::FileDescriptor> answer_fds_;  // Of this message.
  std::vector<Violation> violations_;
  uint64_t handled_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VHOST_MODEL_H_
