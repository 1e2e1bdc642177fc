// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_BENCH_REPORT_H_
#define CLI_BENCH_REPORT_H_

#include <string>

#include "cli/path_bench.h"

namespace virtio_user::cli {

// A table, and what its columns mean.
std::string BenchReport(const BenchResult& result);

// The same as one JSON document.
std::string BenchJson(const BenchResult& result);

}  // namespace virtio_user::cli

#endif  // CLI_BENCH_REPORT_H_
