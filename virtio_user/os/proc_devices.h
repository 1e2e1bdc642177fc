// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_PROC_DEVICES_H_
#define VIRTIO_USER_OS_PROC_DEVICES_H_

#include <optional>
#include <string>
#include <string_view>

namespace virtio_user {

// The major number of the character devices of `driver`, from the text of
// /proc/devices (proc(5)); none where it does not list the driver.
std::optional<unsigned> CharacterMajor(std::string_view proc_devices,
                                       std::string_view driver);

// That text as it is now; empty where it cannot be read.
std::string ReadProcDevices();

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_PROC_DEVICES_H_
