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
#include "tests/fakes/vhost_requests.h"

namespace virtio_user {

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
