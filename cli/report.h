// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_REPORT_H_
#define CLI_REPORT_H_

#include <string>

#include "cli/run_result.h"

namespace virtio_user::cli {

// A run for people. Ends with VerdictLine.
std::string RunReport(const RunResult& result);

// "verdict: pass" or "verdict: FAIL (reason)", with the end of the line.
std::string VerdictLine(const std::optional<Failure>& failure);

}  // namespace virtio_user::cli

#endif  // CLI_REPORT_H_
