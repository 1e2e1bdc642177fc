// SPDX-License-Identifier: BSD-3-Clause
//
// What every process that the command forks has in common.

#ifndef CLI_CHILD_PROCESS_H_
#define CLI_CHILD_PROCESS_H_

#include <sys/types.h>

#include <string>

namespace virtio_user::cli {

// In the child, first of all. It dies with `parent`, whatever kills that; what
// a terminal sends to all of them is for the parent to answer, which then ends
// its children.
void BeginChild(pid_t parent);

// Waits until a child is gone; waitpid's status.
int WaitFor(pid_t child);

// "signal 11 (Segmentation fault)", "exit code 1"; "": it ended well.
std::string DeathText(int status);

}  // namespace virtio_user::cli

#endif  // CLI_CHILD_PROCESS_H_
