// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/solver.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "virtio_user/base/file_descriptor.h"
#include "virtio_user/base/posix_fd_ops.h"

namespace backend_sim {

using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::FileDescriptor;
using virtio_user::Result;

namespace {

std::unexpected<Error> SystemError(const char* what) {
  return std::unexpected(Error::System(ErrorCode::kSystem, errno, "%s", what));
}

// A file without a name that holds `text`, and is read from its beginning.
Result<FileDescriptor> FileOf(virtio_user::FdOps& fds,
                              const std::string& text) {
  FileDescriptor file(fds, ::memfd_create("smt", MFD_CLOEXEC));
  if (!file.valid()) return SystemError("memfd_create");
  for (size_t at = 0; at < text.size();) {
    const ssize_t written =
        ::write(file.get(), text.data() + at, text.size() - at);
    if (written < 0) return SystemError("write");
    at += static_cast<size_t>(written);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return SystemError("lseek");
  return file;
}

Result<std::string> ReadAll(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t count = ::read(fd, buffer, sizeof(buffer));
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("read");
    text.append(buffer, static_cast<size_t>(count));
  }
}

// Runs a program with `in` as its input; what it printed.
Result<std::string> Run(std::vector<std::string> arguments, int in) {
  virtio_user::PosixFdOps fds;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return SystemError("pipe2");
  FileDescriptor ours(fds, ends[0]);
  FileDescriptor theirs(fds, ends[1]);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  pid_t child = 0;
  const int failed =
      ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return std::unexpected(Error::System(ErrorCode::kUnsupported, failed, "%s",
                                         arguments[0].c_str()));
  }
  theirs.Reset();
  Result<std::string> printed = ReadAll(ours.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return printed;
}

}  // namespace

Result<std::string> Solver::Version() const {
  virtio_user::PosixFdOps fds;
  const auto nothing = FileOf(fds, "");
  if (!nothing) return Fail(nothing);
  Result<std::string> text = Run({program_, "--version"}, nothing->get());
  if (text && text->starts_with("Z3")) return text->substr(0, text->find('\n'));
  if (!text) return text;
  return Fail(ErrorCode::kUnsupported, "%s is no z3", program_.c_str());
}

Result<std::string> Solver::Ask(const std::string& smt,
                                unsigned seconds) const {
  virtio_user::PosixFdOps fds;
  const auto file = FileOf(fds, smt);
  if (!file) return Fail(file);
  return Run({program_, "-smt2", "-in", "-T:" + std::to_string(seconds)},
             file->get());
}

}  // namespace backend_sim
