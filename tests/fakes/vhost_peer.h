// SPDX-License-Identifier: BSD-3-Clause
//
// A small vhost-user server for tests: keeps to the specification, notes every
// message and whatever in it does not, and misbehaves where it is told to.

#ifndef TESTS_FAKES_VHOST_PEER_H_
#define TESTS_FAKES_VHOST_PEER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/fakes/scripted_channel.h"

namespace virtio_user {

// Message numbers, typed from the specification.
inline constexpr uint32_t kReqGetFeatures = 1;
inline constexpr uint32_t kReqSetFeatures = 2;
inline constexpr uint32_t kReqSetOwner = 3;
inline constexpr uint32_t kReqSetMemTable = 5;
inline constexpr uint32_t kReqSetVringNum = 8;
inline constexpr uint32_t kReqSetVringAddr = 9;
inline constexpr uint32_t kReqSetVringBase = 10;
inline constexpr uint32_t kReqGetVringBase = 11;
inline constexpr uint32_t kReqSetVringKick = 12;
inline constexpr uint32_t kReqSetVringCall = 13;
inline constexpr uint32_t kReqGetProtocolFeatures = 15;
inline constexpr uint32_t kReqSetProtocolFeatures = 16;
inline constexpr uint32_t kReqGetQueueNum = 17;
inline constexpr uint32_t kReqSetVringEnable = 18;
inline constexpr uint32_t kReqSendRarp = 19;
inline constexpr uint32_t kReqNetSetMtu = 20;
inline constexpr uint32_t kReqGetConfig = 24;
inline constexpr uint32_t kReqSetConfig = 25;
inline constexpr uint32_t kReqGetInflightFd = 31;
inline constexpr uint32_t kReqSetInflightFd = 32;
inline constexpr uint32_t kReqResetDevice = 34;
inline constexpr uint32_t kReqGetMaxMemSlots = 36;
inline constexpr uint32_t kReqAddMemReg = 37;
inline constexpr uint32_t kReqRemMemReg = 38;
inline constexpr uint32_t kReqSetStatus = 39;
inline constexpr uint32_t kReqGetStatus = 40;

inline constexpr uint64_t kBit30 = uint64_t{1} << 30;
inline constexpr uint64_t kProtoMq = 1u << 0;
inline constexpr uint64_t kProtoRarp = 1u << 2;
inline constexpr uint64_t kProtoMtu = 1u << 4;
inline constexpr uint64_t kProtoResetDevice = 1u << 13;
inline constexpr uint64_t kProtoReplyAck = 1u << 3;
inline constexpr uint64_t kProtoConfig = 1u << 9;
inline constexpr uint64_t kProtoInflight = 1u << 12;
inline constexpr uint64_t kProtoMemSlots = 1u << 15;
inline constexpr uint64_t kProtoStatus = 1u << 16;
// Without what takes the place of other messages: kProtoMemSlots.
inline constexpr uint64_t kProtoAll =
    kProtoMq | kProtoReplyAck | kProtoConfig | kProtoStatus;

class VhostPeer final : public ScriptedPeer {
 public:
  // --- What it is -----------------------------------------------------------
  uint64_t features = (uint64_t{1} << 32) | kBit30;
  uint64_t protocol = kProtoAll;
  uint64_t queue_num = 4;
  uint64_t mem_slots = 32;
  // Of its memory for notes, in a file that holds just as much behind it.
  uint64_t inflight_bytes = 0x2000;
  uint64_t inflight_offset = 0x1000;
  std::optional<uint64_t> status_answer;  // Else what was set.
  // By ring: what GET_VRING_BASE says.
  std::function<uint32_t(uint32_t)> base_of = [](uint32_t) { return 0; };

  // --- Where it misbehaves; messages and answers are counted from 0 ---------
  std::optional<size_t> close_before;
  std::optional<size_t> close_instead_of;
  std::optional<size_t> drop_answers_after;
  std::set<size_t> refuse;  // Messages whose ack says no.
  uint64_t refusal = 1;
  std::function<void(size_t answer, const WireRequest&, WireAnswer&)> spoil;
  std::set<size_t> silent;  // Answers that never come.

  // --- What it saw ----------------------------------------------------------
  std::vector<WireRequest> log;
  std::vector<std::string> violations;
  size_t answer_count = 0;
  // The requests of the log, by number.
  std::vector<uint32_t> Requests() const;

  void OnConnect() override;
  bool ClosesBefore(size_t index) override;
  std::optional<WireAnswer> OnMessage(size_t index,
                                      const WireRequest& request) override;
  bool DropsAnswersAfter(size_t index) override;

 private:
  void CheckShape(const WireRequest& request);
  void CheckGates(const WireRequest& request);
  void Obey(const WireRequest& request);
  void Violation(const WireRequest& request, const std::string& what);
  // The payload of a request's own answer; nothing: it has none.
  std::optional<Bytes> OwnAnswer(const WireRequest& request) const;

  // Of this connection.
  uint64_t acked_features_ = 0;
  uint64_t acked_protocol_ = 0;
  bool owned_ = false;
  uint64_t status_ = 0;
};

}  // namespace virtio_user

#endif  // TESTS_FAKES_VHOST_PEER_H_
