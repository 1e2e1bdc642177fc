// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/known_back_end.h"

#include <algorithm>

#include "fuzz/refusal_rules.h"
#include "tests/fakes/vhost_requests.h"
#include "virtio_user/base/check.h"

namespace fuzz {

using virtio_user::MemoryRegion;
using virtio_user::MemoryTable;

namespace {

Truth TruthOf(bool holds) { return holds ? Truth::kYes : Truth::kNo; }

// Refused before anybody was told.
bool IsUntold(const KnownBackEnd::Outcome& done) {
  return !done && IsOwnRefusal(done.error().code());
}

}  // namespace

void KnownBackEnd::Attach() {
  Agree({});
  memory_ = {};
  started_ = {};
}

void KnownBackEnd::Agree(const Agreement& agreement) {
  settled_ = true;
  agreement_ = agreement;
}

void KnownBackEnd::SetMemTable(const MemoryTable& table, const Outcome& done) {
  if (!IsUntold(done)) Note(MemoryOf(table), done);
}

void KnownBackEnd::ChangeMemTable(const MemoryTable& table,
                                  const Outcome& done) {
  if (IsUntold(done)) return;
  Memory unknown;
  unknown.known = false;
  Note(Changed(table).value_or(unknown), done);
}

// After a refusal the back-end has what it had, and maybe some of what came. So
// it may where one batch has changed it twice.
void KnownBackEnd::Note(const Memory& after, const Outcome& done) {
  if (in_batch_) {
    memory_after_ = after;
    if (++changes_ > 1) memory_after_.known = false;
    return;
  }
  if (done) {
    memory_ = after;
  } else {
    memory_.known = false;
  }
}

void KnownBackEnd::Kick(uint16_t ring, const Outcome& done) {
  if (IsUntold(done)) return;
  if (done || started_.rings.none()) started_.sure = done.has_value();
  started_.rings.set(ring);
}

void KnownBackEnd::GetBases(std::span<const uint16_t> rings,
                            const Outcome& done) {
  if (!done || rings.empty()) return;
  for (const uint16_t ring : rings) started_.rings.reset(ring);
  started_.sure = false;
}

void KnownBackEnd::BeginBatch() {
  in_batch_ = true;
  changes_ = 0;
  started_before_ = started_;
}

void KnownBackEnd::Discard() {
  in_batch_ = false;
  started_ = started_before_;
}

void KnownBackEnd::Commit(const Outcome& done) {
  in_batch_ = false;
  if (done) {
    if (changes_ > 0) memory_ = memory_after_;
    return;
  }
  if (changes_ > 0) memory_.known = false;
  started_.sure &= started_before_.sure && started_before_.rings.any();
}

Truth KnownBackEnd::Lacks(uint64_t protocol_feature) const {
  if (!settled_) return Truth::kMaybe;
  return TruthOf((agreement_.protocol & protocol_feature) == 0);
}

Truth KnownBackEnd::LacksProtocolBit() const {
  return settled_ ? TruthOf(!agreement_.protocol_bit) : Truth::kMaybe;
}

// Fewer slots than regions of one message are of no use.
Truth KnownBackEnd::LacksSlots() const {
  const Truth lacks = Lacks(virtio_user::kProtoMemSlots);
  if (lacks != Truth::kNo) return lacks;
  return TruthOf(agreement_.slots < kRegionsOfAMessage);
}

size_t KnownBackEnd::Slots() const {
  return std::min(agreement_.slots, kMostSlots);
}

Truth KnownBackEnd::HasNoRoomFor(const MemoryTable& table) const {
  const size_t count = table.regions().size();
  if (count <= kRegionsOfAMessage) return Truth::kNo;
  const Truth lacks = LacksSlots();
  if (lacks != Truth::kNo) return lacks;
  if (count > Slots()) return Truth::kYes;
  if (started_.rings.none()) return Truth::kNo;
  return started_.sure ? Truth::kYes : Truth::kMaybe;
}

Truth KnownBackEnd::CannotBecome(const MemoryTable& table) const {
  if (!settled_ || !memory_.known || (in_batch_ && changes_ > 0)) {
    return Truth::kMaybe;
  }
  const auto changed = Changed(table);
  return TruthOf(!changed || changed->count > Slots());
}

void KnownBackEnd::Memory::Add(const Piece& piece) {
  VU_CHECK(count < kMostPieces);
  pieces[count++] = piece;
}

KnownBackEnd::Piece KnownBackEnd::PieceOf(const MemoryRegion& region) {
  return {.begin = region.published,
          .end = region.published + region.host.size(),
          .fd = region.fd};
}

KnownBackEnd::Memory KnownBackEnd::MemoryOf(const MemoryTable& table) {
  Memory memory;
  for (const MemoryRegion& region : table.regions()) {
    memory.Add(PieceOf(region));
  }
  return memory;
}

// As the pieces of it that are kept, and new ones between them.
void KnownBackEnd::AddRegion(const Piece& region, std::span<const Piece> kept,
                             Memory& memory) {
  for (uint64_t at = region.begin; at < region.end;) {
    Piece next = {.begin = at, .end = region.end, .fd = region.fd};
    for (const Piece& piece : kept) {
      if (piece.begin == at) {
        next = piece;
        break;
      }
      if (piece.begin > at) next.end = std::min(next.end, piece.begin);
    }
    memory.Add(next);
    at = next.end;
  }
}

std::optional<KnownBackEnd::Memory> KnownBackEnd::Changed(
    const MemoryTable& table) const {
  Memory kept;
  for (const Piece& piece : memory_.all()) {
    bool whole = false;
    bool touched = false;
    for (const MemoryRegion& wanted : table.regions()) {
      const Piece region = PieceOf(wanted);
      touched |= piece.begin < region.end && region.begin < piece.end;
      whole |= piece.begin >= region.begin && piece.end <= region.end &&
               piece.fd == region.fd;
    }
    if (touched && !whole) return std::nullopt;
    if (whole) kept.Add(piece);
  }
  Memory after;
  after.known = memory_.known;
  for (const MemoryRegion& wanted : table.regions()) {
    AddRegion(PieceOf(wanted), kept.all(), after);
  }
  return after;
}

}  // namespace fuzz
