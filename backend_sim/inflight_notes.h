// SPDX-License-Identifier: BSD-3-Clause
//
// What a back-end has in flight, written where the back-end after it finds it
// (vhost-user: "Inflight I/O tracking", split virtqueues).

#ifndef BACKEND_SIM_INFLIGHT_NOTES_H_
#define BACKEND_SIM_INFLIGHT_NOTES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend_sim/violation.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

// The fields of GET_INFLIGHT_FD and SET_INFLIGHT_FD.
struct InflightNumbers {
  uint64_t mmap_size = 0;
  uint64_t mmap_offset = 0;
  uint16_t num_queues = 0;
  uint16_t queue_size = 0;

  friend bool operator==(const InflightNumbers&,
                         const InflightNumbers&) = default;
};

// Of one queue's region.
size_t QueueNotesBytes(uint16_t queue_size);

// The notes of one queue: a view of its region, of QueueNotesBytes.
class QueueNotes {
 public:
  QueueNotes(std::span<std::byte> region, uint16_t queue_size)
      : region_(region), queue_size_(queue_size) {}

  // The queue starts with this used index in its ring. The heads that were in
  // flight, in the order in which they were taken; of a region that is new,
  // none.
  std::vector<uint16_t> Begin(uint16_t used_index);
  // A head was taken from the available ring; again, after Begin: no change.
  void Take(uint16_t head);
  // A head belongs to those that the next Publish gives back.
  void Give(uint16_t head);
  // The used ring's index has moved to here.
  void Publish(uint16_t used_index);
  // Nothing is in flight any more: what was taken will be taken once more.
  void Clear(uint16_t used_index);

  bool InFlight(uint16_t head) const;

 private:
  void FinishLastBatch(uint16_t used_index);

  std::span<std::byte> region_;
  uint16_t queue_size_;
  uint64_t counter_ = 0;         // Of the next head that is taken.
  std::vector<uint16_t> batch_;  // Given and not published.
};

// The memory of all queues' notes, as one session has it mapped. `fds`
// outlives it.
class InflightArea {
 public:
  explicit InflightArea(virtio_user::FdOps& fds) : fds_(&fds) {}
  InflightArea(const InflightArea&) = delete;
  InflightArea& operator=(const InflightArea&) = delete;
  ~InflightArea() { Clear(); }

  // Maps what SET_INFLIGHT_FD brings, in place of what was there.
  Check Map(const InflightNumbers& numbers, int fd);
  void Clear();

  bool mapped() const { return !mapping_.empty(); }
  const InflightNumbers& numbers() const { return numbers_; }
  // Nothing for a queue that has no region.
  std::optional<QueueNotes> NotesOf(uint16_t queue) const;

 private:
  virtio_user::FdOps* fds_;
  std::span<std::byte> mapping_;
  InflightNumbers numbers_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_INFLIGHT_NOTES_H_
