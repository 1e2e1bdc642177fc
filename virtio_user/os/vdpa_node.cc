// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vdpa_node.h"

#include <cerrno>

namespace virtio_user {
namespace {

// virtio: "Device Types".
constexpr uint32_t kNetworkDevice = 1;

const char* ClassName(uint32_t id) {
  switch (id) {
    case 2:
      return "block";
    case 3:
      return "console";
    case 4:
      return "entropy";
    case 8:
      return "SCSI host";
    case 19:
      return "socket";
    case 26:
      return "file system";
    case 40:
      return "Bluetooth";
  }
  return "another";
}

ErrorCode CodeOf(int why) {
  switch (why) {
    case ENOTTY:
    case EOPNOTSUPP:
      return ErrorCode::kUnsupported;
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EBADF:
      return ErrorCode::kSystem;
    case ENODEV:
    case ENXIO:
      return ErrorCode::kDisconnected;
  }
  return ErrorCode::kRefused;
}

}  // namespace

Result<void> VdpaNode::Open() {
  const int fd = calls_.Open(path_);
  if (fd < 0) return CannotOpen(-fd);
  fd_ = FileDescriptor(calls_.fds(), fd);
  const auto right = CheckClass();
  if (!right) Close();
  return right;
}

std::unexpected<Error> VdpaNode::CannotOpen(int why) const {
  ErrorCode code = ErrorCode::kSystem;
  const char* remedy = "cannot be opened";
  switch (why) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      code = ErrorCode::kDisconnected;
      remedy =
          "is not there; load the driver (modprobe vhost_vdpa) and make a "
          "device (vdpa dev add)";
      break;
    case EACCES:
    case EPERM:
      remedy =
          "may not be opened; give this user read and write access to it "
          "(chown, or a udev rule)";
      break;
    case EBUSY:
      code = ErrorCode::kRefused;
      remedy =
          "has one user at a time, and somebody has it open; stop that "
          "program (fuser -v names it)";
      break;
  }
  return std::unexpected(Error::System(code, why, "%s %s", path(), remedy));
}

Result<void> VdpaNode::CheckClass() const {
  uint32_t id = 0;
  if (auto asked = Ask(kVdpaGetDeviceId, &id); !asked) return asked;
  if (id == kNetworkDevice) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "%s is a device of class %u (%s); name one of class 1 (network)",
              path(), id, ClassName(id));
}

Result<void> VdpaNode::Ask(const VdpaRequest& request, void* argument) const {
  const int answer = calls_.Ioctl(fd_.get(), request.number, argument);
  if (answer >= 0) return {};
  return std::unexpected(
      Error::System(CodeOf(-answer), -answer, "%s: %s", path(), request.name));
}

Result<void> VdpaNode::AskOfRing(const VdpaRequest& request, uint32_t ring,
                                 void* argument) const {
  const int answer = calls_.Ioctl(fd_.get(), request.number, argument);
  if (answer >= 0) return {};
  return std::unexpected(Error::System(CodeOf(-answer), -answer,
                                       "%s: %s of ring %u", path(),
                                       request.name, ring));
}

int VdpaNode::Write(std::span<const std::byte> message) const {
  const int answer = calls_.Write(fd_.get(), message);
  if (answer < 0) return -answer;
  return static_cast<size_t>(answer) == message.size() ? 0 : EIO;
}

}  // namespace virtio_user
