// SPDX-License-Identifier: BSD-3-Clause

#include "cli/atomic_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <system_error>

namespace virtio_user::cli {
namespace {

namespace fs = std::filesystem;

std::unexpected<std::string> CannotWrite(const std::string& path, int error) {
  return std::unexpected(fmt::format("cannot write {}: {}", path,
                                     std::generic_category().message(error)));
}

// An existing file of another kind cannot be replaced by renaming.
bool IsSpecial(const std::string& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status);
}

// Writes all of it to `fd` and closes it; 0 or an errno.
int WriteAndClose(int fd, std::string_view text, bool sync) {
  int error = 0;
  while (error == 0 && !text.empty()) {
    const ssize_t wrote = write(fd, text.data(), text.size());
    if (wrote >= 0) {
      text.remove_prefix(static_cast<size_t>(wrote));
    } else if (errno != EINTR) {
      error = errno;
    }
  }
  if (error == 0 && sync && fsync(fd) != 0) error = errno;
  if (close(fd) != 0 && error == 0) error = errno;
  return error;
}

// A new file beside `path`, open for writing; its name replaces `name`.
int OpenBeside(const std::string& path, std::string& name) {
  // Through links, so that what they point at is replaced, not they.
  std::error_code ignored;
  const fs::path real = fs::weakly_canonical(path, ignored);
  name = (real.empty() ? path : real.string()) + ".XXXXXX";
  return mkostemp(name.data(), O_CLOEXEC);
}

std::expected<void, std::string> WriteSpecial(const std::string& path,
                                              std::string_view text) {
  const int fd = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return CannotWrite(path, errno);
  if (const int error = WriteAndClose(fd, text, false); error != 0) {
    return CannotWrite(path, error);
  }
  return {};
}

}  // namespace

std::expected<void, std::string> WriteFileAtomically(const std::string& path,
                                                     std::string_view text) {
  if (IsSpecial(path)) return WriteSpecial(path, text);
  std::string name;
  const int fd = OpenBeside(path, name);
  if (fd < 0) return CannotWrite(path, errno);
  // mkostemp makes it private; a report is an ordinary file.
  const mode_t mask = umask(0);
  umask(mask);
  int error = fchmod(fd, 0666 & ~mask) != 0 ? errno : 0;
  const int written = WriteAndClose(fd, text, true);
  if (error == 0) error = written;
  const std::string target = name.substr(0, name.size() - 7);
  if (error == 0 && std::rename(name.c_str(), target.c_str()) != 0) {
    error = errno;
  }
  if (error == 0) return {};
  unlink(name.c_str());
  return CannotWrite(path, error);
}

std::expected<void, std::string> CheckWritable(const std::string& path) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return CannotWrite(path, EISDIR);
  if (IsSpecial(path)) {
    if (access(path.c_str(), W_OK) != 0) return CannotWrite(path, errno);
    return {};
  }
  std::string name;
  const int fd = OpenBeside(path, name);
  if (fd < 0) return CannotWrite(path, errno);
  close(fd);
  unlink(name.c_str());
  return {};
}

}  // namespace virtio_user::cli
