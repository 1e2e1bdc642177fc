// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/request_server.h"

#include <cstring>
#include <span>
#include <string_view>
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
}

BackendNews RequestServer::TakeNews() { return std::exchange(news_, {}); }

void RequestServer::Serve() {
  for (size_t served = 0; served < kMaxRequestsATurn; ++served) {
    if (!open() || !ReadRequest()) return;
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

// What it asks next would stay unread, and so readable for ever, behind an
// answer that waits for room. Nobody else waits for one here.
void RequestServer::Answer(const VhostUserHeader& header, uint64_t value) {
  const VhostUserHeader answer = {
      .request = header.request,
      .flags = kVhostUserVersion | kVhostUserReplyFlag,
      .size = sizeof(value)};
  std::array<std::byte, sizeof(answer) + sizeof(value)> bytes;
  std::memcpy(bytes.data(), &answer, sizeof(answer));
  std::memcpy(bytes.data() + sizeof(answer), &value, sizeof(value));
  const SendChunk chunk = {.bytes = bytes, .fds = {}};
  const Result<size_t> sent = channel_->Send({&chunk, 1}, 0);
  if (sent && *sent == bytes.size()) return;
  const std::string_view why =
      sent ? "the back-end does not read its answers, and no more fit"
           : sent.error().text();
  GiveUp(
      Error::Make(sent ? ErrorCode::kProtocol : sent.error().code(),
                  "request %u of the back-end: the answer cannot leave: %.*s",
                  header.request, static_cast<int>(why.size()), why.data()));
}

void RequestServer::GiveUp(const Error& why) {
  news_.trouble = why;
  Close();
}

}  // namespace virtio_user
