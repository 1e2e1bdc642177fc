// SPDX-License-Identifier: BSD-3-Clause
//
// The channel on which the back-end asks.

#include <utility>

#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {

bool VhostUserBackend::MakeRequestChannel() {
  Result<ChannelPair> pair = channel_->MakePair();
  if (!pair) return false;
  request_pair_ = *std::move(pair);
  return true;
}

void VhostUserBackend::EnqueueRequestChannel() {
  QueuedMessage message = {.begin = window_.bytes().size(),
                           .request = VhostUserRequest::kSetBackendReqFd,
                           .operation = BackendOperation::kGetFeatures,
                           .fd_count = 1};
  message.fds[0] = request_pair_.theirs.get();
  MessageWriter(window_.bytes()).Empty(message.request);
  if (Speaks(ProtocolFeature::kReplyAck)) {
    SetNeedReply(std::span(window_.bytes()).subspan(message.begin));
    message.reply_bytes = sizeof(uint64_t);
  }
  Enqueue(message);
  // The back-end may ask as soon as it has its end.
  requests_.Open(std::move(request_pair_.ours), {.config = caps_.config});
}

void VhostUserBackend::CloseRequestChannel() {
  requests_.Close();
  request_pair_ = {};
}

BackendNews VhostUserBackend::TakeNews() {
  requests_.Serve();
  return requests_.TakeNews();
}

}  // namespace virtio_user
