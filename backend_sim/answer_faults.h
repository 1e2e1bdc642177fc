// SPDX-License-Identifier: BSD-3-Clause
//
// What faults do to an answer.

#ifndef BACKEND_SIM_ANSWER_FAULTS_H_
#define BACKEND_SIM_ANSWER_FAULTS_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend_sim/entropy.h"
#include "backend_sim/fault_plan.h"
#include "backend_sim/wire.h"
#include "virtio_user/base/deadline.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

// One answer, or a piece of one, for the transport to send.
struct OutgoingAnswer {
  std::vector<std::byte> bytes;
  std::vector<virtio_user::FileDescriptor> fds;  // Go with the first byte.
  virtio_user::Duration delay{0};                // Since the message came.
  bool last = true;  // False: the next piece belongs to the same answer.
};

// Those that are of an answer.
std::span<const FaultKind> AnswerFaults();
// Any of them, with any argument.
Fault DrawAnswerFault(Entropy& entropy, uint64_t at);

// What a fault does to an answer before it is put into bytes; also sets the
// header's size.
void SpoilAnswer(const Fault& fault, WireHeader& header,
                 std::vector<std::byte>& payload);
// Cuts an answer into pieces of `bytes`, each a microsecond after the last.
void AddInPieces(OutgoingAnswer whole, size_t bytes,
                 std::vector<OutgoingAnswer>& answers);

}  // namespace backend_sim

#endif  // BACKEND_SIM_ANSWER_FAULTS_H_
