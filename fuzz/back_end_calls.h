// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_BACK_END_CALLS_H_
#define FUZZ_BACK_END_CALLS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "fuzz/answering_channel.h"
#include "fuzz/back_end_call.h"
#include "fuzz/known_back_end.h"
#include "fuzz/reader.h"
#include "fuzz/refusal_rules.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace fuzz {

// What a front-end asks of a vhost-user back-end, call by call, and what must
// hold after each of them: it took no longer than it was granted, it says what
// was answered, it is refused where the table of refusal_rules.h has it and
// nowhere else, a failure says why, a lost peer is detached, and of the
// descriptors that came only those are open that were handed on.
class BackEndCalls {
 public:
  static constexpr size_t kMost = 16;

  // All of these outlive it.
  BackEndCalls(virtio_user::VhostUserBackend& backend,
               AnsweringChannel& channel)
      : backend_(backend), channel_(channel) {}
  ~BackEndCalls() { End(); }
  BackEndCalls(const BackEndCalls&) = delete;
  BackEndCalls& operator=(const BackEndCalls&) = delete;

  // The usual session, where `calls` has none; else kOpen and those.
  void Make(Reader calls);
  // Nothing is left of it.
  void End();

 private:
  using Outcome = virtio_user::Result<void>;

  void MakeOne(uint8_t byte);
  // Each makes one group of calls, and hands the others on.
  Outcome Link(BackEndCall call, unsigned argument);
  Outcome Features(BackEndCall call, unsigned argument);
  Outcome Ring(BackEndCall call, unsigned argument);
  Outcome Device(BackEndCall call, unsigned argument);
  Outcome Config(BackEndCall call, unsigned argument);
  Outcome Inflight(BackEndCall call, unsigned argument);

  Outcome Attach(bool in_vain);
  Outcome Look();
  Outcome TakeNews();
  Outcome Open();
  Outcome UsualSession();
  Outcome GetFeatures();
  Outcome SetFeatures(unsigned argument);
  void SetLayout(virtio_user::RingFormat layout);
  Outcome BatchStep();
  void BeginBatch();
  void Discard();
  Outcome Lacking(unsigned argument);
  Outcome Start(unsigned argument);
  Outcome TellStart(unsigned argument);
  Outcome Stop();
  Outcome GetBases(std::span<const uint16_t> rings);
  Outcome Commit();

  // BeginCall, `make`, and what must hold then; `causes`: to refuse it.
  void Watched(virtio_user::Duration granted, const Causes& causes,
               virtio_user::FunctionRef<Outcome()> make);
  Causes CausesNow(BackEndCall call, unsigned argument) const;

  virtio_user::VhostUserBackend& backend_;
  AnsweringChannel& channel_;
  KnownBackEnd known_;
  virtio_user::Duration budget_ = std::chrono::seconds(2);
  virtio_user::FeatureSet offered_;
  virtio_user::RingFormat layout_ = virtio_user::RingFormat::kSplit;
  virtio_user::RingFormat layout_before_batch_ = layout_;
  virtio_user::InflightRegion notes_;
  bool in_batch_ = false;
};

}  // namespace fuzz

#endif  // FUZZ_BACK_END_CALLS_H_
