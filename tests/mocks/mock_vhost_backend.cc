// SPDX-License-Identifier: BSD-3-Clause

#include "tests/mocks/mock_vhost_backend.h"

namespace testing_support {

MockPeerLink::MockPeerLink() = default;
MockPeerLink::~MockPeerLink() = default;

MockVhostBackend::MockVhostBackend() {
  ON_CALL(peer, Poll)
      .WillByDefault(testing::Return(virtio_user::LinkState::kUp));
}

MockVhostBackend::~MockVhostBackend() = default;

}  // namespace testing_support
