// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_TRANSCRIPT_H_
#define BACKEND_SIM_TRANSCRIPT_H_

#include <span>
#include <string>

#include "backend_sim/trace.h"

namespace backend_sim {

struct TranscriptOptions {
  bool messages = true;
  bool rings = true;     // Start, stop, broken, and the events around them.
  bool packets = false;  // A line for each kick, packet and interrupt.
};

// Records as text, one line for each message, answer or event, with the
// spec's names: "-> SET_VRING_KICK index=0, 1 fd, need_reply".
std::string Transcript(std::span<const TraceRecord> records,
                       const TranscriptOptions& options = {});

}  // namespace backend_sim

#endif  // BACKEND_SIM_TRANSCRIPT_H_
