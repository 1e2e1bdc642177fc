// SPDX-License-Identifier: BSD-3-Clause
//
// What a fault may lead to, and nothing else may.

#ifndef BACKEND_SIM_EXPLORE_FAULT_CONSEQUENCE_H_
#define BACKEND_SIM_EXPLORE_FAULT_CONSEQUENCE_H_

#include <cstdint>

#include "backend_sim/fault_plan.h"
#include "backend_sim/violation.h"
#include "virtio_user/base/error.h"

namespace backend_sim {

// Whether a later call breaks this rule because `refused`, a request, was not
// carried out. The front-end sends many calls before it reads the first answer.
bool Explains(uint32_t refused, Rule rule);

// Whether the front-end may end with this error after such a fault.
bool LeadsTo(FaultKind kind, virtio_user::ErrorCode code);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_FAULT_CONSEQUENCE_H_
