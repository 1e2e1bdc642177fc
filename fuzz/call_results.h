// SPDX-License-Identifier: BSD-3-Clause
//
// What a call of a vhost-user back-end may say, given what its peer answered.
// Each reports what does not fit.

#ifndef FUZZ_CALL_RESULTS_H_
#define FUZZ_CALL_RESULTS_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/answering_channel.h"
#include "fuzz/known_back_end.h"
#include "fuzz/refusal_rules.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace fuzz {

struct CallBegin {
  virtio_user::Duration at{0};
  virtio_user::Duration granted{0};
  bool attached = false;
  size_t sent_bytes = 0;
  Causes causes = {};  // To refuse it before anything is said.
};

// How a call ended: refused before anything is said where there is a cause,
// named by its code; with success where each answer is the one that was asked
// for and no other, with kRefused where one says no, with kProtocol and without
// a link where one is none.
void JudgeCall(AnsweringChannel& channel, const CallBegin& begin,
               const virtio_user::Result<void>& done);

// What the last GetFeatures has settled.
KnownBackEnd::Agreement SaidAgreement(const AnsweringChannel& channel);

// What was returned, where it was. A fault is left to JudgeCall.
void JudgeFeatures(AnsweringChannel& channel,
                   const virtio_user::VhostUserBackend& backend,
                   virtio_user::FeatureSet offered);
void JudgeBases(AnsweringChannel& channel,
                std::span<const virtio_user::VringBaseQuery> queries,
                virtio_user::RingFormat layout);
void JudgeNotes(AnsweringChannel& channel,
                const virtio_user::InflightRegion& notes,
                const virtio_user::InflightShape& shape);
// Also kRefused, which may have been read ahead.
void JudgeConfig(AnsweringChannel& channel, uint32_t offset,
                 std::span<const std::byte> bytes,
                 const virtio_user::Result<void>& done);

}  // namespace fuzz

#endif  // FUZZ_CALL_RESULTS_H_
