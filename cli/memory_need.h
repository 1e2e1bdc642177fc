// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_MEMORY_NEED_H_
#define CLI_MEMORY_NEED_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "cli/net_driver.h"
#include "cli/run_options.h"

namespace virtio_user::cli {

// What a driver's memory follows from.
struct MemoryNeed {
  NetDriverShape shape;
  std::string options;  // The same as typed: "--queues 4 --queue-size 256 ...".
};

// Of a run. While it is not known whether the back-end offers MRG_RXBUF, the
// shape leaves that open.
MemoryNeed NeedOf(const RunOptions& options);

// MemAvailable, in bytes, of a text as /proc/meminfo; nothing where it is not
// told.
std::optional<uint64_t> MemAvailable(std::string_view meminfo);
// That of this machine at this moment.
std::optional<uint64_t> MemAvailable();

// kUsage: more is needed, at least, than is there with some left for others.
// Where `available` is not known, everything passes.
std::optional<Failure> CheckMemory(const MemoryNeed& need,
                                   std::optional<uint64_t> available);

}  // namespace virtio_user::cli

#endif  // CLI_MEMORY_NEED_H_
