// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_BASE_OVERLOADED_H_
#define VIRTIO_USER_BASE_OVERLOADED_H_

namespace virtio_user {

// Several lambdas as one, which takes whatever any of them takes.
template <typename... Parts>
struct Overloaded : Parts... {
  using Parts::operator()...;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_BASE_OVERLOADED_H_
