// SPDX-License-Identifier: BSD-3-Clause
//
// Memory that a back-end is told of region by region
// (VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS).

#ifndef VIRTIO_USER_VHOST_USER_MEMORY_SLOTS_H_
#define VIRTIO_USER_VHOST_USER_MEMORY_SLOTS_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/vhost/memory_table.h"

namespace virtio_user {

// More is of no use to anybody: QEMU's and rust-vmm's servers take 509.
inline constexpr size_t kMaxMemorySlots = 509;

// Removed first, so that no more slots are taken than needed.
struct MemoryChange {
  std::vector<MemoryRegion> removed = {};
  std::vector<MemoryRegion> added = {};
};

// What turns `has` into memory that covers exactly `wanted`, where a region
// may stand in several pieces: what stays is not touched, and a region that
// has grown is a new piece beside the old ones. Nothing: a piece would have to
// be cut, so that what stays of it would be gone for a moment.
std::optional<MemoryChange> FindMemoryChange(std::span<const MemoryRegion> has,
                                             const MemoryTable& wanted);

// The regions that a back-end has, kept up to date by what it was told and has
// not refused. A change is noted when its message is queued and counts once
// that message is known to have been carried out.
class SharedRegions {
 public:
  std::span<const MemoryRegion> regions() const { return regions_; }

  // The message with this index in its window.
  void NoteAdded(size_t message, const MemoryRegion& region);
  void NoteRemoved(size_t message, const MemoryRegion& region);
  void NoteTable(size_t message, std::span<const MemoryRegion> regions);

  void Accepted(size_t message);
  void AcceptedAll();
  // The window is over: what of it was not accepted may have been carried out
  // all the same.
  void EndWindow();
  // Nothing of it was sent.
  void Discard() { pending_.clear(); }
  // What the back-end has may not be what it should have any more.
  void Doubt() { certain_ = false; }
  // A whole table that is accepted ends every doubt.
  bool certain() const { return certain_; }

  // What turns it into these regions and no other pieces; after a doubt, all
  // that is known goes.
  MemoryChange ExactChange(std::span<const MemoryRegion> wanted) const;
  void Clear();

 private:
  struct Pending {
    size_t message = 0;
    bool whole_table = false;  // `added` is all there is.
    bool accepted = false;
    MemoryChange change = {};
  };
  void Apply(Pending& pending);

  std::vector<MemoryRegion> regions_;
  std::vector<Pending> pending_;
  bool certain_ = true;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_USER_MEMORY_SLOTS_H_
