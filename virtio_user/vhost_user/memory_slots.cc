// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/memory_slots.h"

#include <algorithm>
#include <cstdint>

namespace virtio_user {
namespace {

uintptr_t Begin(const MemoryRegion& region) {
  return reinterpret_cast<uintptr_t>(region.host.data());
}

uintptr_t End(const MemoryRegion& region) {
  return Begin(region) + region.host.size();
}

// Whether `piece` is a part of `region`, of the same file and at the same
// addresses.
bool IsPart(const MemoryRegion& piece, const MemoryRegion& region) {
  if (Begin(piece) < Begin(region) || End(piece) > End(region)) return false;
  return piece == region.Part(Begin(piece) - Begin(region), piece.host.size());
}

// Adds what of `region` lies in none of `pieces`, which are parts of it.
void AddGaps(const MemoryRegion& region, std::vector<MemoryRegion> pieces,
             std::vector<MemoryRegion>& out) {
  std::ranges::sort(pieces, {}, Begin);
  size_t at = 0;
  for (const MemoryRegion& piece : pieces) {
    const size_t begin = Begin(piece) - Begin(region);
    if (begin > at) out.push_back(region.Part(at, begin - at));
    at = begin + piece.host.size();
  }
  if (at < region.host.size()) {
    out.push_back(region.Part(at, region.host.size() - at));
  }
}

}  // namespace

std::optional<MemoryChange> FindMemoryChange(std::span<const MemoryRegion> has,
                                             const MemoryTable& wanted) {
  MemoryChange change;
  std::vector<std::vector<MemoryRegion>> kept(wanted.regions().size());
  for (const MemoryRegion& piece : has) {
    const auto whole = std::ranges::find_if(
        wanted.regions(),
        [&](const MemoryRegion& region) { return IsPart(piece, region); });
    if (whole != wanted.regions().end()) {
      kept[static_cast<size_t>(whole - wanted.regions().begin())].push_back(
          piece);
    } else if (wanted.Touches(piece.host)) {
      return std::nullopt;
    } else {
      change.removed.push_back(piece);
    }
  }
  for (size_t i = 0; i < kept.size(); ++i) {
    AddGaps(wanted.regions()[i], kept[i], change.added);
  }
  return change;
}

void SharedRegions::NoteAdded(size_t message, const MemoryRegion& region) {
  pending_.push_back({.message = message, .change = {.added = {region}}});
}

void SharedRegions::NoteRemoved(size_t message, const MemoryRegion& region) {
  pending_.push_back({.message = message, .change = {.removed = {region}}});
}

void SharedRegions::NoteTable(size_t message,
                              std::span<const MemoryRegion> regions) {
  pending_.push_back({.message = message,
                      .whole_table = true,
                      .change = {.added = {regions.begin(), regions.end()}}});
}

void SharedRegions::Accepted(size_t message) {
  for (Pending& pending : pending_) {
    if (pending.message == message) Apply(pending);
  }
}

void SharedRegions::AcceptedAll() {
  for (Pending& pending : pending_) Apply(pending);
}

void SharedRegions::EndWindow() {
  for (const Pending& pending : pending_) {
    if (!pending.accepted) certain_ = false;
  }
  pending_.clear();
}

MemoryChange SharedRegions::ExactChange(
    std::span<const MemoryRegion> wanted) const {
  const auto stands_in = [](const MemoryRegion& region, const auto& regions) {
    return std::ranges::find(regions, region) != regions.end();
  };
  MemoryChange change;
  for (const MemoryRegion& region : regions_) {
    if (!certain_ || !stands_in(region, wanted)) {
      change.removed.push_back(region);
    }
  }
  for (const MemoryRegion& region : wanted) {
    if (!certain_ || !stands_in(region, regions_)) {
      change.added.push_back(region);
    }
  }
  return change;
}

void SharedRegions::Apply(Pending& pending) {
  pending.accepted = true;
  if (pending.whole_table) {
    regions_.clear();
    certain_ = true;
  }
  for (const MemoryRegion& gone : pending.change.removed) {
    std::erase(regions_, gone);
  }
  // One that was refused to go and comes again is there once.
  for (const MemoryRegion& come : pending.change.added) {
    std::erase(regions_, come);
  }
  regions_.insert(regions_.end(), pending.change.added.begin(),
                  pending.change.added.end());
}

void SharedRegions::Clear() {
  regions_.clear();
  pending_.clear();
  certain_ = true;
}

}  // namespace virtio_user
