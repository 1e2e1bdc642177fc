// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/asked_requests.h"

#include <algorithm>
#include <cstring>

#include "fuzz/finding.h"
#include "fuzz/reader.h"

namespace fuzz {
namespace {

constexpr uint32_t kConfigChange = 2;
constexpr uint32_t kVersionMask = 3;
constexpr size_t kAnswerBytes = 20;

}  // namespace

// When its user's news of the last one are dropped shows only in Begin.
void AskedRequests::Replace() {
  owed_.reset();
  over_ = false;
  known_ = false;
  have_ = 0;
  need_ = kHeaderBytes;
}

void AskedRequests::Begin(bool config) {
  config_ = config;
  known_ = true;
  news_ = {};
}

void AskedRequests::Forget() {
  Replace();
  known_ = true;
  news_ = {};
}

void AskedRequests::Read(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    Expect(!over_, "requests", "read on behind what is none");
    Expect(!owed_, "requests", "one is not answered");
    const size_t count = std::min(bytes.size(), need_ - have_);
    if (have_ < kHeaderBytes) {
      std::memcpy(head_.data() + have_, bytes.data(), count);
    }
    have_ += count;
    bytes = bytes.subspan(count);
    if (have_ == kHeaderBytes && need_ == kHeaderBytes) ReadHead();
    if (have_ == need_ && !over_) ReadWhole();
  }
}

void AskedRequests::ReadHead() {
  const auto flags = ValueAt<uint32_t>(head_, 4);
  const auto bytes = ValueAt<uint32_t>(head_, 8);
  if ((flags & kVersionMask) != kVersion || (flags & kReply) != 0 ||
      bytes > kMostPayload) {
    over_ = true;
    Break();
    return;
  }
  need_ += bytes;
}

// CONFIG_CHANGE_MSG has no payload, and is the only request that a front-end
// without IOTLB, doorbells and ring events in band carries out.
void AskedRequests::ReadWhole() {
  const auto request = ValueAt<uint32_t>(head_, 0);
  const bool done =
      request == kConfigChange && config_ && need_ == kHeaderBytes;
  if (done) news_.config_changed = true;
  if ((ValueAt<uint32_t>(head_, 4) & kNeedReply) != 0) {
    owed_ = {.request = request, .done = done};
  }
  have_ = 0;
  need_ = kHeaderBytes;
}

void AskedRequests::Answer(std::span<const std::byte> answer, bool whole) {
  Expect(owed_.has_value(), "requests", "an answer that nobody asked for");
  Expect(answer.size() == kAnswerBytes, "requests", "an answer's bytes");
  Expect(ValueAt<uint32_t>(answer, 0) == owed_->request, "requests",
         "another request is answered");
  Expect(ValueAt<uint32_t>(answer, 4) == (kVersion | kReply), "requests",
         "an answer's flags");
  Expect(ValueAt<uint32_t>(answer, 8) == 8, "requests", "an answer's size");
  Expect((ValueAt<uint64_t>(answer, 12) == 0) == owed_->done, "requests",
         "done is answered as refused, or refused as done");
  owed_.reset();
  if (whole) return;
  over_ = true;
  Break();
}

void AskedRequests::CompareNews(const News& told) {
  Expect(!owed_, "requests", "one is not answered");
  Expect(!told.config_changed || news_.config_changed, "news",
         "a change that nobody told of");
  Expect(!told.trouble || news_.trouble, "news", "trouble that there is not");
  if (known_) {
    Expect(told.config_changed == news_.config_changed, "news",
           "a change is not told of");
    Expect(told.trouble == news_.trouble, "news", "trouble is not told of");
  }
  news_ = {};
}

}  // namespace fuzz
