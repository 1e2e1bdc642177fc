// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_VHOST_USER_RIG_H_
#define TESTS_FAKES_VHOST_USER_RIG_H_

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "tests/fakes/scripted_channel.h"
#include "tests/fakes/vhost_peer.h"
#include "tests/fakes/vhost_user_session.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {

// A VhostUserBackend on a scripted channel to a VhostPeer.
class VhostUserRig {
 public:
  VhostPeer peer;

 private:
  std::unique_ptr<ScriptedChannel> owned_ =
      std::make_unique<ScriptedChannel>(peer);
  TwoRegions regions_;

 public:
  ScriptedChannel& channel = *owned_;
  VhostUserBackend backend{std::move(owned_)};

 private:
  VhostUserSession session_{backend, regions_.table()};

 public:
  Result<void> Attach() { return session_.Attach(); }
  Result<void> Open() { return session_.Open(); }
  Result<void> RunSession() { return session_.Run(); }

  const MemoryTable& table() const { return regions_.table(); }
  // Of the first batch that failed since the rig was made.
  const std::optional<CommitError>& commit_error() const {
    return session_.commit_error();
  }
  std::array<VringBaseQuery, 2>& bases = session_.bases;
};

}  // namespace virtio_user

#endif  // TESTS_FAKES_VHOST_USER_RIG_H_
