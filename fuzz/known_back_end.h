// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_KNOWN_BACK_END_H_
#define FUZZ_KNOWN_BACK_END_H_

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/vhost/memory_table.h"

namespace fuzz {

// kMaybe: for all that a front-end can know.
enum class Truth : uint8_t { kNo, kMaybe, kYes };

// What a front-end knows of its back-end, by the words of the vhost-user
// specification: from the calls that it has made, and how they ended. Allocates
// nothing.
class KnownBackEnd {
 public:
  // What GetFeatures has settled.
  struct Agreement {
    bool protocol_bit = false;  // VHOST_USER_F_PROTOCOL_FEATURES.
    uint64_t protocol = 0;
    uint64_t slots = 0;  // With CONFIGURE_MEM_SLOTS.
  };
  using Outcome = virtio_user::Result<void>;

  // Each after the call.
  void Attach();
  void Agree(const Agreement& agreement);
  // GetFeatures has lost the link, somewhere on the way.
  void LoseAgreement() { settled_ = false; }
  void SetMemTable(const virtio_user::MemoryTable& table, const Outcome& done);
  void ChangeMemTable(const virtio_user::MemoryTable& table,
                      const Outcome& done);
  void Kick(uint16_t ring, const Outcome& done);
  void GetBases(std::span<const uint16_t> rings, const Outcome& done);
  void BeginBatch();
  void Discard();
  void Commit(const Outcome& done);

  bool in_batch() const { return in_batch_; }
  // Whether nobody has agreed to it.
  Truth Lacks(uint64_t protocol_feature) const;
  Truth LacksProtocolBit() const;
  Truth LacksSlots() const;
  // SetMemTable: more regions than there is room for. One message carries 8,
  // and only memory of rings that are stopped may come region by region.
  Truth HasNoRoomFor(const virtio_user::MemoryTable& table) const;
  // ChangeMemTable, with slots: a part of a region would have to stay, or there
  // are too few slots.
  Truth CannotBecome(const virtio_user::MemoryTable& table) const;

  static constexpr uint64_t kRegionsOfAMessage = 8;
  // Of one device.
  static constexpr uint64_t kMostSlots = 509;

 private:
  static constexpr size_t kRings = 256;
  static constexpr size_t kMostPieces = 16;

  struct Piece {
    uint64_t begin = 0;
    uint64_t end = 0;
    int fd = -1;
  };
  struct Memory {
    bool known = true;
    size_t count = 0;
    std::array<Piece, kMostPieces> pieces = {};

    void Add(const Piece& piece);
    std::span<const Piece> all() const {
      return std::span(pieces).first(count);
    }
  };
  struct Started {
    std::bitset<kRings> rings;  // That were told of a kick, and not stopped.
    bool sure = true;           // That one of them is started.
  };

  static Piece PieceOf(const virtio_user::MemoryRegion& region);
  static Memory MemoryOf(const virtio_user::MemoryTable& table);
  static void AddRegion(const Piece& region, std::span<const Piece> kept,
                        Memory& memory);
  // Nothing: a part of a region would have to stay.
  std::optional<Memory> Changed(const virtio_user::MemoryTable& table) const;
  void Note(const Memory& after, const Outcome& done);
  size_t Slots() const;

  bool settled_ = true;
  Agreement agreement_;
  Memory memory_;
  Started started_;
  bool in_batch_ = false;
  // Of the batch: what its commit leads to.
  size_t changes_ = 0;
  Memory memory_after_;
  Started started_before_;
};

}  // namespace fuzz

#endif  // FUZZ_KNOWN_BACK_END_H_
