// SPDX-License-Identifier: BSD-3-Clause
//
// The client's end of a real socket, in blocking system calls.

#ifndef TESTS_SIM_REAL_CLIENT_H_
#define TESTS_SIM_REAL_CLIENT_H_

#include <vector>

#include "tests/sim/raw_client.h"
#include "virtio_user/base/file_descriptor.h"

namespace sim_test {

class RealClient {
 public:
  explicit RealClient(virtio_user::FileDescriptor socket)
      : socket_(std::move(socket)) {}

  // False: the server is gone.
  bool Send(const RawMessage& message);
  // The whole answer; empty: the server closed.
  Bytes Answer();
  // Sends each message and waits for its answer, if it has one.
  void Play(const std::vector<RawMessage>& script);

 private:
  Bytes Read(size_t wanted);

  virtio_user::FileDescriptor socket_;
};

// Whether a conforming server answers this message.
bool HasAnswer(const RawMessage& message);

}  // namespace sim_test

#endif  // TESTS_SIM_REAL_CLIENT_H_
