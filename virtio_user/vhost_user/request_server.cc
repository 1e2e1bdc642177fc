// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/request_server.h"

#include <span>
#include <utility>

#include "virtio_user/base/check.h"
#include "virtio_user/vhost_user/message.h"

namespace virtio_user {
namespace {

constexpr size_t kHeaderBytes = sizeof(VhostUserHeader);
constexpr uint64_t kDone = 0;
constexpr uint64_t kRefused = 1;

}  // namespace

void RequestServer::Open(std::unique_ptr<Channel> channel, Scope scope) {
  VU_CHECK(channel != nullptr);
  Close();
  channel_ = std::move(channel);
  main_.WatchBeside(channel_.get());
  scope_ = scope;
  news_ = {};
}

void RequestServer::Close() {
  if (open()) main_.WatchBeside(nullptr);
  channel_.reset();
  have_ = 0;
  answer_.clear();
  answered_ = 0;
}

BackendNews RequestServer::TakeNews() { return std::exchange(news_, {}); }

void RequestServer::Serve() {
  for (size_t served = 0; served < kMaxRequestsATurn; ++served) {
    if (!open() || !FlushAnswer() || !ReadRequest()) return;
    Handle();
    have_ = 0;
  }
}

bool RequestServer::ReadRequest() {
  if (have_ < kHeaderBytes && !Fill(kHeaderBytes)) return false;
  const auto header = DecodePayload<VhostUserHeader>(inbox_);
  if ((header.flags & kVhostUserVersionMask) != kVhostUserVersion ||
      (header.flags & kVhostUserReplyFlag) != 0) {
    GiveUp(Error::Make(ErrorCode::kProtocol,
                       "a request of the back-end has flags 0x%x",
                       header.flags));
    return false;
  }
  if (header.size > kMaxPayload) {
    GiveUp(Error::Make(ErrorCode::kProtocol,
                       "request %u of the back-end announces %u bytes",
                       header.request, header.size));
    return false;
  }
  return Fill(kHeaderBytes + header.size);
}

// Whether the inbox holds `wanted` bytes. No more are read, so that what
// follows waits in the channel.
bool RequestServer::Fill(size_t wanted) {
  while (have_ < wanted) {
    const Result<Received> got =
        channel_->Receive(std::span(inbox_).subspan(have_, wanted - have_));
    if (!got) {
      if (got.error().code() == ErrorCode::kDisconnected) {
        Close();  // The back-end has nothing more to ask.
      } else {
        GiveUp(got.error());
      }
      return false;
    }
    if (got->bytes == 0) return false;
    have_ += got->bytes;
  }
  return true;
}

void RequestServer::Handle() {
  const auto header = DecodePayload<VhostUserHeader>(inbox_);
  const uint64_t value = Carry(header);
  if ((header.flags & kVhostUserNeedReplyFlag) != 0) Answer(header, value);
}

uint64_t RequestServer::Carry(const VhostUserHeader& header) {
  if (header.request !=
      static_cast<uint32_t>(VhostUserBackendRequest::kConfigChange)) {
    // IOTLB_MSG without ACCESS_PLATFORM, doorbells that nobody could map, what
    // was not negotiated or is not known.
    return kRefused;
  }
  if (!scope_.config || header.size != 0) return kRefused;
  news_.config_changed = true;
  return kDone;
}

void RequestServer::Answer(const VhostUserHeader& header, uint64_t value) {
  const VhostUserHeader answer = {
      .request = header.request,
      .flags = kVhostUserVersion | kVhostUserReplyFlag,
      .size = sizeof(value)};
  const auto append = [this](const auto& part) {
    const auto bytes = std::as_bytes(std::span(&part, 1));
    answer_.insert(answer_.end(), bytes.begin(), bytes.end());
  };
  answer_.clear();
  answered_ = 0;
  append(answer);
  append(value);
  (void)FlushAnswer();
}

// Whether nothing is left to be sent.
bool RequestServer::FlushAnswer() {
  while (answered_ < answer_.size()) {
    const SendChunk chunk = {.bytes = answer_, .fds = {}};
    const Result<size_t> sent = channel_->Send({&chunk, 1}, answered_);
    if (!sent) {
      Close();
      return false;
    }
    if (*sent == 0) return false;
    answered_ += *sent;
  }
  answer_.clear();
  answered_ = 0;
  return true;
}

void RequestServer::GiveUp(const Error& why) {
  news_.trouble = why;
  Close();
}

}  // namespace virtio_user
