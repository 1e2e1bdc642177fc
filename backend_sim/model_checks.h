// SPDX-License-Identifier: BSD-3-Clause
//
// The rules that a message must keep, looked up and judged without changing
// anything.

#ifndef BACKEND_SIM_MODEL_CHECKS_H_
#define BACKEND_SIM_MODEL_CHECKS_H_

#include "backend_sim/vhost_message.h"
#include "backend_sim/vhost_model.h"
#include "backend_sim/violation.h"

namespace backend_sim {

// framing_checks: header, length, descriptors, and what must have been
// negotiated for this message.
Check CheckFraming(const VhostModel& model, const VhostMessage& message);

// session_checks: owner, features, status, configuration. Nothing for other
// messages. Requires: the framing is right.
Check CheckSession(const VhostModel& model, const VhostMessage& message);

// ring_checks: memory and rings. Nothing for other messages. Requires: the
// framing is right.
Check CheckRings(const VhostModel& model, const VhostMessage& message);

// inflight_checks: the memory for notes of what is in flight, and the kick of a
// ring that has none. Nothing for other messages. Requires: CheckRings has
// nothing to say.
Check CheckInflight(const VhostModel& model, const VhostMessage& message);

// strict_checks: what a back-end with Strictness::kClose takes for a breach as
// well; nothing for the others. Requires: the framing is right.
Check CheckStrictly(const VhostModel& model, const VhostMessage& message);

// ring_checks: what the driver of a running ring asks for in its available
// ring's flags or in its event suppression area.
Check CheckEvents(const RingHost& host, const RingModel& ring);

// Whether a back-end that only takes notes can carry out a message that broke
// this rule.
bool CanBeOverlooked(Rule rule);

}  // namespace backend_sim

#endif  // BACKEND_SIM_MODEL_CHECKS_H_
