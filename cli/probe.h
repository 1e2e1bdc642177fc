// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PROBE_H_
#define CLI_PROBE_H_

#include <expected>

#include "cli/environment.h"
#include "cli/exit_code.h"
#include "cli/probe_result.h"
#include "virtio_user/base/deadline.h"

namespace virtio_user::cli {

// Connects, asks what the back-end offers, and goes away again without
// starting anything; all of it within `timeout`.
std::expected<ProbeResult, Failure> Probe(Environment& environment,
                                          Duration timeout);

}  // namespace virtio_user::cli

#endif  // CLI_PROBE_H_
