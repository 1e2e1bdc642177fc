// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/passed_fds.h"

namespace backend_sim {

using virtio_user::FileDescriptor;

std::vector<FileDescriptor> PassFds(const FdPassage& passage,
                                    std::span<const int> fds) {
  std::vector<FileDescriptor> passed;
  for (const int fd : fds) {
    const auto received = passage.receiver.Receive(passage.sender, fd);
    if (received) passed.emplace_back(passage.receiver, *received);
  }
  return passed;
}

std::vector<FileDescriptor> PassFds(const FdPassage& passage,
                                    std::vector<FileDescriptor> fds) {
  std::vector<int> numbers;
  for (const FileDescriptor& fd : fds) numbers.push_back(fd.get());
  return PassFds(passage, numbers);
}

}  // namespace backend_sim
