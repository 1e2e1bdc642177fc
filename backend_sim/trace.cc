// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/trace.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>
#include <utility>

namespace backend_sim {
namespace {

// Odd, with about as many ones as zeros.
inline constexpr uint64_t kOddA = 0xa4093822299f31d1;
inline constexpr uint64_t kOddB = 0x082efa98ec4e6c89;
inline constexpr uint64_t kOddC = 0x452821e638d01377;

// Eight bytes as a little-endian number; fewer are filled up with zeros.
uint64_t Word(std::span<const std::byte> bytes) {
  static_assert(std::endian::native == std::endian::little);
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), std::min<size_t>(bytes.size(), 8));
  return word;
}

// Every bit of the input reaches every bit of the result.
uint64_t Settle(uint64_t x) {
  x = (x ^ (x >> 32)) * kOddA;
  x = (x ^ (x >> 29)) * kOddB;
  return x ^ (x >> 32);
}

}  // namespace

void TraceHash::Add(uint64_t word) {
  a_ = std::rotl(a_ ^ word, 29) * kOddA + b_;
  b_ = (std::rotl(b_ + word, 37) * kOddB) ^ a_;
  ++count_;
}

void TraceHash::Add(const TraceRecord& record) {
  Add(static_cast<uint64_t>(record.kind) | uint64_t{record.detail} << 8 |
      uint64_t{record.ring} << 16 | uint64_t{record.size} << 32);
  for (const uint64_t word : record.words) Add(word);
}

std::array<uint64_t, 2> TraceHash::Value() const {
  const uint64_t high = Settle(a_ ^ count_ * kOddC);
  return {high, Settle(b_ + high)};
}

std::string TraceHash::Text() const {
  const std::array<uint64_t, 2> value = Value();
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx",
                static_cast<unsigned long long>(value[0]),
                static_cast<unsigned long long>(value[1]));
  return text;
}

uint64_t Digest(std::span<const std::byte> bytes) {
  uint64_t digest = Settle(kOddC ^ bytes.size());
  while (!bytes.empty()) {
    const size_t count = std::min<size_t>(bytes.size(), 8);
    digest = std::rotl(digest ^ Word(bytes), 31) * kOddA;
    bytes = bytes.subspan(count);
  }
  return Settle(digest);
}

Trace::Trace(TraceOptions options) : options_(std::move(options)) {}

void Trace::Add(const TraceRecord& record) {
  const virtio_user::MutexLock lock(mutex_);
  AddLocked(record);
}

void Trace::AddLocked(const TraceRecord& record) {
  if (mute_ && record.kind != TraceKind::kViolation) return;
  hash_.Add(record);
  ++count_;
  if (options_.on_record) options_.on_record(record);
  if (options_.keep_all || kept_.size() < options_.keep_last) {
    kept_.push_back(record);
    return;
  }
  if (kept_.empty()) return;
  kept_[oldest_] = record;
  oldest_ = (oldest_ + 1) % kept_.size();
}

void Trace::AddMessage(const Message& message) {
  const virtio_user::MutexLock lock(mutex_);
  AddLocked({.kind = TraceKind::kMessage,
             .detail = static_cast<uint8_t>(message.direction),
             .size = static_cast<uint32_t>(message.payload.size()),
             .words = {message.request, message.flags, message.fd_count}});
  std::span<const std::byte> left = message.payload;
  while (!left.empty()) {
    TraceRecord record{.kind = TraceKind::kPayload};
    const size_t count = std::min(left.size(), sizeof(record.words));
    record.size = static_cast<uint32_t>(count);
    for (size_t at = 0; at < count; at += 8) {
      record.words[at / 8] = Word(left.first(count).subspan(at));
    }
    AddLocked(record);
    left = left.subspan(count);
  }
}

void Trace::Mute(bool mute) {
  const virtio_user::MutexLock lock(mutex_);
  mute_ = mute;
}

std::string Trace::hash() const {
  const virtio_user::MutexLock lock(mutex_);
  return hash_.Text();
}

uint64_t Trace::record_count() const {
  const virtio_user::MutexLock lock(mutex_);
  return count_;
}

std::vector<TraceRecord> Trace::records() const {
  const virtio_user::MutexLock lock(mutex_);
  std::vector<TraceRecord> records = kept_;
  std::ranges::rotate(records,
                      records.begin() + static_cast<std::ptrdiff_t>(oldest_));
  return records;
}

}  // namespace backend_sim
