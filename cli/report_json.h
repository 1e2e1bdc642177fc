// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_REPORT_JSON_H_
#define CLI_REPORT_JSON_H_

#include <string>

#include "cli/probe_result.h"
#include "cli/run_result.h"

namespace virtio_user::cli {

// Of the documents: raised whenever a field changes its meaning or goes away,
// not when one is added.
inline constexpr int kJsonSchema = 1;

// A run for programs: everything of RunReport. Ends with a newline.
std::string RunJson(const RunResult& result);
// Likewise of ProbeReport.
std::string ProbeJson(const ProbeResult& result);

}  // namespace virtio_user::cli

#endif  // CLI_REPORT_JSON_H_
