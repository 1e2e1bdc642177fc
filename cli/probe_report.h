// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PROBE_REPORT_H_
#define CLI_PROBE_REPORT_H_

#include <string>

#include "cli/probe_result.h"

namespace virtio_user::cli {

// What a back-end offers, for people.
std::string ProbeReport(const ProbeResult& result);

}  // namespace virtio_user::cli

#endif  // CLI_PROBE_REPORT_H_
