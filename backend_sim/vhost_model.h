// SPDX-License-Identifier: BSD-3-Clause
//
// What a conforming vhost-user back-end is, one message at a time.

#ifndef BACKEND_SIM_VHOST_MODEL_H_
#define BACKEND_SIM_VHOST_MODEL_H_

#include <cstdint>
#include <span>
#include <vector>

#include "backend_sim/backend_memory.h"
#include "backend_sim/personality.h"
#include "backend_sim/ring_model.h"
#include "backend_sim/trace.h"
#include "backend_sim/vhost_message.h"
#include "backend_sim/violation.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

// What was negotiated in this session.
struct SessionState {
  bool has_owner = false;
  bool features_asked = false;
  bool features_set = false;  // Since the last reset.
  uint64_t features = 0;
  uint64_t protocol_features = 0;
  uint8_t status = 0;
  uint64_t mtu = 0;
  uint64_t rarps = 0;      // SEND_RARP came so often,
  uint64_t rarp_word = 0;  // and last with this.
  uint64_t resets = 0;     // RESET_DEVICE.

  bool Has(unsigned bit) const { return HasBit(features, bit); }
  bool HasProtocol(unsigned bit) const {
    return HasBit(protocol_features, bit);
  }
};

// What follows a message.
struct ModelAnswer {
  bool answered = false;
  std::vector<std::byte> payload;
  bool close = false;  // The connection ends; there is no answer.
};

// `fds` and `trace` outlive it. One thread.
class VhostModel {
 public:
  VhostModel(Personality personality, virtio_user::FdOps& fds, Trace& trace);

  // A session begins, ends.
  void Connect(Personality personality);
  void Disconnect();

  // Carries the message out. What breaks a rule is written down and refused:
  // NACK if an ack was asked for, else the end of the connection (unless the
  // personality only notes it).
  ModelAnswer Handle(VhostMessage message);
  // How a server refuses this message without a reason.
  ModelAnswer Refuse(const WireHeader& header) const;
  // A rule that was broken in a ring.
  void Report(Breach breach) { Record(0, std::move(breach)); }

  const Personality& personality() const { return personality_; }
  const SessionState& session() const { return session_; }
  const BackendMemory& memory() const { return memory_; }
  std::span<RingModel> rings() { return rings_; }
  std::span<const RingModel> rings() const { return rings_; }
  // The back-end's end of the channel for its requests; maybe none.
  const virtio_user::FileDescriptor& request_channel() const {
    return request_channel_;
  }
  bool AnyStarted() const;
  // Whether this ring may be served now: it is started, and the driver is
  // ready. A started ring that is disabled is served without effect.
  bool Serving(const RingModel& ring) const;
  // 20 with HASH_REPORT; 12; 10 where neither VERSION_1 nor MRG_RXBUF was
  // accepted.
  size_t net_header_bytes() const;
  // Of every ring that starts now.
  RingRules ring_rules() const;

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
  // Whether it is a breach that ends the handling of the message.
  bool Refused(uint32_t request, Check breach);
  void Record(uint32_t request, Breach breach);
  RingModel& RingOf(const VhostMessage& message);
  void AnswerU64(uint64_t value, std::vector<std::byte>& answer);

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

  void ResetRings();

  Personality personality_;
  virtio_user::FdOps& fds_;
  Trace& trace_;
  SessionState session_;
  BackendMemory memory_;
  std::vector<RingModel> rings_;
  virtio_user::FileDescriptor request_channel_;
  std::vector<Violation> violations_;
  uint64_t handled_ = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_VHOST_MODEL_H_
