// SPDX-License-Identifier: BSD-3-Clause
//
// What happened in a run, as fixed records, and a hash over them. A record
// has no pointer, no descriptor number and no time in it, so that two runs
// with the same inputs have the same hash, whatever machine or compiler.

#ifndef BACKEND_SIM_TRACE_H_
#define BACKEND_SIM_TRACE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "virtio_user/base/mutex.h"

namespace backend_sim {

enum class TraceKind : uint8_t {
  kMessage = 1,     // detail: Direction; words: request, flags, descriptors.
  kPayload = 2,     // Up to 40 further bytes of the message before it.
  kAttach = 3,      // words: how many attachments there were before.
  kClose = 4,       // detail: Closer.
  kViolation = 5,   // detail: Rule; words: request.
  kFault = 6,       // detail: FaultKind; words: at, argument.
  kRingStart = 7,   // words: num, next avail, next used.
  kRingStop = 8,    // words: base.
  kKick = 9,        // words: kicks since the last one.
  kPacketIn = 10,   // From the driver. size: bytes; words: digest.
  kPacketOut = 11,  // To the driver. size: bytes; words: digest, chains.
  kCall = 12,       // The driver was interrupted.
  kRingBroken = 13,
  kMemory = 14,  // detail: MemoryChange; words: published, bytes.
  kNote = 15,    // A mark that the embedder sets. words: its own.
  kAged = 16,    // Frames that are not in the trace. words: sent, came back.
};

enum class Direction : uint8_t { kToBackend = 0, kToFrontend = 1 };
enum class Closer : uint8_t { kFrontend = 0, kBackend = 1 };
enum class MemoryChange : uint8_t {
  kAdded = 0,
  kRemoving = 1,
  kExternalAdded = 2,
  kExternalRemoving = 3,
  kUnknown = 4,
};

inline constexpr uint16_t kNoRing = 0xffff;

struct TraceRecord {
  TraceKind kind = TraceKind::kNote;
  uint8_t detail = 0;
  uint16_t ring = kNoRing;
  uint32_t size = 0;
  std::array<uint64_t, 5> words{};

  friend bool operator==(const TraceRecord&, const TraceRecord&) = default;
};

// 128 bits in two lanes of 64. Each record enters as six words, the first of
// which is kind | detail << 8 | ring << 16 | size << 32, so that the order of
// bytes in memory plays no part. A word enters lane a by xor and lane b by
// addition; each lane is then rotated, multiplied by an odd constant, and fed
// with the other. Not cryptographic.
class TraceHash {
 public:
  void Add(uint64_t word);
  void Add(const TraceRecord& record);
  // The words so far as one number, high half first, and as 32 hex digits.
  std::array<uint64_t, 2> Value() const;
  std::string Text() const;

 private:
  uint64_t a_ = 0x243f6a8885a308d3;
  uint64_t b_ = 0x13198a2e03707344;
  uint64_t count_ = 0;
};

// 64 bits over a packet's bytes.
uint64_t Digest(std::span<const std::byte> bytes);

struct TraceOptions {
  // Records kept at the end of the run; the hash covers all of them anyhow.
  size_t keep_last = 4096;
  bool keep_all = false;
  // Called with each record as it is added; adds none itself.
  std::function<void(const TraceRecord&)> on_record = {};
};

// Thread-safe; in a simulated run there is one thread.
class Trace {
 public:
  explicit Trace(TraceOptions options = {});

  void Add(const TraceRecord& record);
  // A message and its whole payload: kMessage, then kPayload records.
  struct Message {
    Direction direction = Direction::kToBackend;
    uint32_t request = 0;
    uint32_t flags = 0;
    uint32_t fd_count = 0;
    std::span<const std::byte> payload = {};
  };
  void AddMessage(const Message& message);
  // Whether records other than violations are let go of, as if they had not
  // been added.
  void Mute(bool mute);

  // 32 hex digits.
  std::string hash() const;
  uint64_t record_count() const;
  // What was kept, oldest first.
  std::vector<TraceRecord> records() const;

 private:
  void AddLocked(const TraceRecord& record) VU_REQUIRES(mutex_);

  const TraceOptions options_;
  mutable virtio_user::Mutex mutex_;
  TraceHash hash_ VU_GUARDED_BY(mutex_);
  uint64_t count_ VU_GUARDED_BY(mutex_) = 0;
  bool mute_ VU_GUARDED_BY(mutex_) = false;
  // All records, or, from keep_last on, a ring whose oldest is at `oldest_`.
  std::vector<TraceRecord> kept_ VU_GUARDED_BY(mutex_);
  size_t oldest_ VU_GUARDED_BY(mutex_) = 0;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_TRACE_H_
