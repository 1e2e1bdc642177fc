// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/watched_server.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "backend_sim/mapping_pool.h"
#include "backend_sim/wire_request.h"
#include "fuzz/finding.h"

namespace fuzz {

using backend_sim::OutgoingAnswer;
using backend_sim::ServerOutput;
using backend_sim::SimFile;
using backend_sim::WireHeader;
using virtio_user::FileDescriptor;
using virtio_user::Result;

namespace {

// Frames of a pair at a time.
constexpr uint32_t kBurst = 8;
constexpr uint64_t kSourceFrames = 32;

std::shared_ptr<SimFile> NewFile(size_t bytes) {
  static const auto kPool = std::make_shared<backend_sim::MappingPool>();
  return SimFile::Memory(bytes, kPool);
}

// Requests with an answer of their own, by number, and how long that may be
// (vhost-user.rst, "Front-end message types").
struct OwnAnswer {
  uint32_t request;
  size_t least;
  size_t most;
};
constexpr size_t kAny = 4096;
constexpr OwnAnswer kOwnAnswers[] = {
    {1, 8, 8},      // GET_FEATURES
    {6, 0, 0},      // SET_LOG_BASE
    {11, 8, 8},     // GET_VRING_BASE
    {15, 8, 8},     // GET_PROTOCOL_FEATURES
    {17, 8, 8},     // GET_QUEUE_NUM
    {22, 8, 8},     // IOTLB_MSG
    {24, 0, 268},   // GET_CONFIG: 12 bytes and at most 256; none: no.
    {26, 0, kAny},  // CREATE_CRYPTO_SESSION
    {28, 0, 0},     // POSTCOPY_ADVISE
    {30, 8, 8},     // POSTCOPY_END
    {31, 24, 24},   // GET_INFLIGHT_FD
    {36, 8, 8},     // GET_MAX_MEM_SLOTS
    {40, 8, 8},     // GET_STATUS
    {41, 0, kAny},  // GET_SHARED_OBJECT
    {42, 8, 8},     // SET_DEVICE_STATE_FD
    {43, 8, 8},     // CHECK_DEVICE_STATE
    {44, 8, kAny},  // GET_SHMEM_CONFIG
};

const OwnAnswer* OwnAnswerOf(uint32_t request) {
  const auto found =
      std::ranges::find(kOwnAnswers, request, &OwnAnswer::request);
  return found == std::end(kOwnAnswers) ? nullptr : &*found;
}

// Whether it is the answer that the request has, or a no to it.
bool AnswerFits(const WireHeader& asked, std::span<const std::byte> body) {
  const bool acks = (asked.flags & backend_sim::kWireNeedReply) != 0;
  if (acks && body.size() == sizeof(uint64_t)) return true;
  const OwnAnswer* const own = OwnAnswerOf(asked.request);
  return own != nullptr && own->least <= body.size() &&
         body.size() <= own->most;
}

bool IsNack(const WireHeader& asked, std::span<const std::byte> body) {
  if (OwnAnswerOf(asked.request) != nullptr) return false;
  return body.size() == sizeof(uint64_t) &&
         backend_sim::Get(body, backend_sim::kU64Value) != 0;
}

}  // namespace

WatchedServer::WatchedServer(uint16_t server)
    : trace_({.keep_last = 0}),
      fds_({.name = "server"}),
      files_{{{NewFile(kFrontEndBytes), std::vector<std::byte>(kFrontEndBytes)},
              {NewFile(kSmallFileBytes),
               std::vector<std::byte>(kSmallFileBytes)}}},
      event_(SimFile::Event()),
      server_(
          {.personality = ServerFor(server),
           .packets = {.burst = kBurst, .source_frames = kSourceFrames},
           .make_memory = [this](size_t bytes) { return MakeMemory(bytes); }},
          fds_, trace_, faults_) {
  Begin();
}

void WatchedServer::Begin() {
  server_.Connect();
  message_.clear();
  answers_.emplace_back();
}

void WatchedServer::End() {
  if (!server_.connected()) return;
  server_.Disconnect();
  const std::string left = fds_.Balance();
  Expect(left.empty(), "descriptors", left);
  const auto violations = fds_.violations();
  Expect(violations.empty(), "descriptors",
         violations.empty() ? "" : violations.front());
  LookAtMemory();
}

void WatchedServer::Do(const FrontEndAction& action) {
  switch (action.what) {
    case FrontEndDoes::kSend:
      Send(action);
      break;
    case FrontEndDoes::kWrite: {
      const size_t at = action.at % kFrontEndBytes;
      const size_t count = std::min(action.bytes.size(), kFrontEndBytes - at);
      const auto bytes = std::span(action.bytes).first(count);
      std::ranges::copy(bytes, files_[0].file->memory().subspan(at).begin());
      std::ranges::copy(bytes, std::span(files_[0].known).subspan(at).begin());
      break;
    }
    case FrontEndDoes::kKick:
      event_->Add();
      break;
    case FrontEndDoes::kServe:
      server_.Step();
      LookAtMemory();
      break;
    case FrontEndDoes::kReconnect:
      End();
      Begin();
      break;
    case FrontEndDoes::kFailMap:
      fds_.FailCall(backend_sim::FdCall::kMap, 1);
      break;
  }
}

std::vector<FileDescriptor> WatchedServer::Pass(
    std::span<const PassedFile> files) {
  std::vector<FileDescriptor> passed;
  for (const PassedFile what : files) {
    std::shared_ptr<SimFile> file = event_;
    if (what == PassedFile::kMemory) file = files_[0].file;
    if (what == PassedFile::kSmallFile) file = files_[1].file;
    if (what == PassedFile::kSocket) file = SimFile::Socket();
    if (const auto fd = fds_.Install(std::move(file), "received")) {
      passed.emplace_back(fds_, *fd);
    }
  }
  return passed;
}

// In the pieces in which a socket would give it.
void WatchedServer::Send(const FrontEndAction& action) {
  std::span<const std::byte> left = action.bytes;
  std::vector<FileDescriptor> passed;
  if (!left.empty()) passed = Pass(action.fds);
  while (!left.empty() && server_.connected()) {
    const size_t count = std::min(server_.BytesWanted(), left.size());
    Expect(count != 0, "progress", "it waits for nothing");
    const auto piece = left.first(count);
    left = left.subspan(count);
    message_.insert(message_.end(), piece.begin(), piece.end());
    const uint64_t failed = fds_.failed_count();
    const size_t before = complaints();
    ServerOutput output = server_.OnBytes(piece, std::exchange(passed, {}));
    failed_ += fds_.failed_count() - failed;
    HearOf(std::move(output), before);
  }
}

void WatchedServer::HearOf(ServerOutput output, size_t complaints_before) {
  const bool complained = complaints() != complaints_before;
  NoteGiven();
  Expect(message_.size() >= backend_sim::kWireHeaderBytes ||
             (output.answers.empty() && !output.close),
         "answer", "before there is a header");
  if (message_.size() < backend_sim::kWireHeaderBytes) return;
  const WireHeader asked = backend_sim::DecodeHeader(message_);
  const bool whole =
      message_.size() == backend_sim::kWireHeaderBytes + size_t{asked.size};
  const size_t count = output.answers.size();
  Expect(count <= (whole ? 1 : 0), "answer", "to what has not come yet");
  for (const OutgoingAnswer& answer : output.answers) {
    JudgeAnswer(asked, answer);
    const auto body = std::span<const std::byte>(answer.bytes)
                          .subspan(backend_sim::kWireHeaderBytes);
    Expect(complained || !IsNack(asked, body), "reason", "a NACK without one");
    answers_.back().insert(answers_.back().end(), answer.bytes.begin(),
                           answer.bytes.end());
  }
  Expect(complained || !output.close, "reason", "it closes without one");
  Expect(!whole || count == 1 || output.close ||
             OwnAnswerOf(asked.request) == nullptr,
         "answer", "a question stays open");
  if (whole) message_.clear();
  output.answers.clear();  // Their descriptors have been sent.
  if (output.close) End();
}

void WatchedServer::JudgeAnswer(const WireHeader& asked,
                                const OutgoingAnswer& answer) {
  Expect(answer.bytes.size() >= backend_sim::kWireHeaderBytes, "answer",
         "it has no header");
  const WireHeader header = backend_sim::DecodeHeader(answer.bytes);
  const auto body = std::span<const std::byte>(answer.bytes)
                        .subspan(backend_sim::kWireHeaderBytes);
  Expect(header == WireHeader{asked.request, backend_sim::kWireAnswerFlags,
                              static_cast<uint32_t>(body.size())},
         "answer", "its header is another message's");
  Expect(AnswerFits(asked, body), "answer", "nobody waits for such a payload");
  // Where an ack was asked for, a no is one, in the place of the answer.
  if (asked.request == backend_sim::kReqGetVringBase &&
      (asked.flags & backend_sim::kWireNeedReply) == 0) {
    constexpr size_t kIndexBytes = 4;
    Expect(std::ranges::equal(body.first(kIndexBytes),
                              std::span<const std::byte>(message_).subspan(
                                  backend_sim::kWireHeaderBytes, kIndexBytes)),
           "answer", "of another ring than was asked for");
  }
  const size_t most = asked.request == backend_sim::kReqGetInflightFd ? 1 : 0;
  Expect(answer.fds.size() <= most, "answer", "nobody waits for descriptors");
}

// --- Memory ------------------------------------------------------------------

Result<FileDescriptor> WatchedServer::MakeMemory(size_t bytes) {
  if (bytes > kMostMadeBytes) {
    ++failed_;
    return std::unexpected(virtio_user::Error::System(
        virtio_user::ErrorCode::kSystem, ENOMEM, "memory for notes"));
  }
  const auto fd = fds_.Install(NewFile(bytes), "notes");
  if (!fd) return virtio_user::Fail(fd);
  return FileDescriptor(fds_, *fd);
}

void WatchedServer::AddRange(Range range) {
  const auto same = std::ranges::find_if(given_, [&](const Range& known) {
    return known.begin <= range.begin && range.end <= known.end;
  });
  if (same != given_.end()) return;
  // What was written before was not given yet.
  LookAtMemory();
  given_.push_back(range);
}

// Over the whole life: a server may finish what it has begun.
void WatchedServer::NoteGiven() {
  backend_sim::VhostModel& model = server_.model();
  for (const auto& region : model.memory().Descriptions()) {
    AddRange({region.offset, region.offset + region.size});
  }
  if (model.inflight().mapped()) {
    const auto& numbers = model.inflight().numbers();
    AddRange({numbers.mmap_offset, numbers.mmap_offset + numbers.mmap_size});
  }
  ring_has_run_ = ring_has_run_ || model.AnyStarted();
}

bool WatchedServer::WasGiven(size_t at) const {
  return std::ranges::any_of(given_, [at](const Range& range) {
    return range.begin <= at && at < range.end;
  });
}

void WatchedServer::LookAtMemory() {
  for (auto& [file, known] : files_) {
    const auto now = file->memory();
    // Mostly nothing was written, and this is what costs most.
    if (std::memcmp(now.data(), known.data(), now.size()) == 0) continue;
    for (size_t i = 0; i < now.size(); ++i) {
      if (now[i] == known[i]) continue;
      Expect(WasGiven(i), "memory", "it writes where no region is");
      known[i] = now[i];
    }
  }
}

}  // namespace fuzz
