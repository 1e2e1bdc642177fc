// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_PASSED_FDS_H_
#define BACKEND_SIM_PASSED_FDS_H_

#include <span>
#include <vector>

#include "backend_sim/fd_table.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

// The two processes that a message goes between.
struct FdPassage {
  FdTable& sender;
  FdTable& receiver;
};

// What SCM_RIGHTS does: the receiver gets descriptors of its own of what `fds`
// are at the sender. Where its table is full they are lost on the way, and
// nobody tells the sender.
std::vector<virtio_user::FileDescriptor> PassFds(const FdPassage& passage,
                                                 std::span<const int> fds);
// The same of descriptors that belong to the message.
std::vector<virtio_user::FileDescriptor> PassFds(
    const FdPassage& passage, std::vector<virtio_user::FileDescriptor> fds);

}  // namespace backend_sim

#endif  // BACKEND_SIM_PASSED_FDS_H_
