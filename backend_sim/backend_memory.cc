// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/backend_memory.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "backend_sim/wire.h"

namespace backend_sim {
namespace {

RegionDescription ParseRegion(std::span<const std::byte> bytes) {
  return {Get(bytes, kRegionGuest), Get(bytes, kRegionSize),
          Get(bytes, kRegionUser), Get(bytes, kRegionOffset)};
}

// Whether [inner, inner + bytes) lies in [outer, outer + size).
bool Inside(uint64_t outer, uint64_t size, uint64_t inner, uint64_t bytes) {
  return inner >= outer && bytes <= size && inner - outer <= size - bytes;
}

bool Meet(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

bool Wraps(uint64_t start, uint64_t size) { return start + size < start; }

std::string Number(size_t index) { return "region " + std::to_string(index); }

}  // namespace

std::vector<RegionDescription> ParseTable(std::span<const std::byte> payload) {
  std::vector<RegionDescription> regions;
  for (size_t at = kTableFirstRegion; at + kRegionBytes <= payload.size();
       at += kRegionBytes) {
    regions.push_back(ParseRegion(payload.subspan(at, kRegionBytes)));
  }
  return regions;
}

RegionDescription ParseSingleRegion(std::span<const std::byte> payload) {
  return ParseRegion(payload.subspan(kSingleRegion, kRegionBytes));
}

Check CheckRegions(std::span<const RegionDescription> regions) {
  for (size_t i = 0; i < regions.size(); ++i) {
    const RegionDescription& a = regions[i];
    if (a.size == 0 || Wraps(a.guest, a.size) || Wraps(a.user, a.size) ||
        Wraps(a.offset, a.size)) {
      return Breach{Rule::kTableRegion, Number(i) + " is empty or wraps"};
    }
    for (size_t j = 0; j < i; ++j) {
      const RegionDescription& b = regions[j];
      if (Meet(a.guest, a.size, b.guest, b.size) ||
          Meet(a.user, a.size, b.user, b.size)) {
        return Breach{Rule::kTableOverlap, Number(j) + " meets " + Number(i)};
      }
    }
  }
  return std::nullopt;
}

bool CoversUser(std::span<const RegionDescription> regions, uint64_t user,
                uint64_t bytes) {
  return std::ranges::any_of(regions, [&](const RegionDescription& region) {
    return Inside(region.user, region.size, user, bytes);
  });
}

BackendMemory::BackendMemory(BackendMemory&& other) noexcept
    : fds_(other.fds_), regions_(std::exchange(other.regions_, {})) {}

BackendMemory& BackendMemory::operator=(BackendMemory&& other) noexcept {
  if (this != &other) {
    Clear();
    fds_ = other.fds_;
    regions_ = std::exchange(other.regions_, {});
  }
  return *this;
}

Check BackendMemory::Add(const RegionDescription& region, int fd) {
  // A mapping may be longer than its file; who touches what is behind dies.
  const auto bytes = fds_->FileBytes(fd);
  if (bytes && *bytes != 0 && *bytes < region.offset + region.size) {
    return Breach{Rule::kTableNotBacked,
                  "the file has " + std::to_string(*bytes) + " bytes"};
  }
  const auto mapping = fds_->Map(fd, 0, region.offset + region.size);
  if (!mapping) {
    const int why = mapping.error().sys_errno();
    const bool ours = why == ENOMEM || why == EMFILE || why == ENFILE;
    return Breach{ours ? Rule::kNone : Rule::kTableNotBacked,
                  std::string(mapping.error().text())};
  }
  regions_.push_back({region, *mapping});
  return std::nullopt;
}

void BackendMemory::AddHost(const RegionDescription& region) {
  RegionDescription whole = region;
  whole.offset = 0;
  AddHost(whole, {reinterpret_cast<std::byte*>(region.user), region.size});
}

void BackendMemory::AddHost(const RegionDescription& region,
                            std::span<std::byte> host) {
  regions_.push_back({region, host, false});
}

bool BackendMemory::Remove(const RegionDescription& region) {
  for (size_t i = 0; i < regions_.size(); ++i) {
    const RegionDescription& known = regions_[i].description;
    if (known.guest != region.guest || known.user != region.user ||
        known.size != region.size) {
      continue;
    }
    if (regions_[i].owned) fds_->Unmap(regions_[i].mapping);
    regions_.erase(regions_.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
  }
  return false;
}

void BackendMemory::Clear() {
  for (const Region& region : regions_) {
    if (region.owned) fds_->Unmap(region.mapping);
  }
  regions_.clear();
}

std::vector<RegionDescription> BackendMemory::Descriptions() const {
  std::vector<RegionDescription> descriptions;
  for (const Region& region : regions_) {
    descriptions.push_back(region.description);
  }
  return descriptions;
}

bool BackendMemory::Is(std::span<const RegionDescription> table) const {
  return std::ranges::equal(
      table, regions_, [](const RegionDescription& said, const Region& region) {
        const RegionDescription& known = region.description;
        return said.guest == known.guest && said.size == known.size &&
               said.user == known.user;
      });
}

std::optional<std::span<std::byte>> BackendMemory::FromUser(
    uint64_t user, uint64_t bytes) const {
  for (const Region& region : regions_) {
    const RegionDescription& known = region.description;
    if (Inside(known.user, known.size, user, bytes)) {
      return std::span(region.host() + (user - known.user), bytes);
    }
  }
  return std::nullopt;
}

std::optional<std::span<std::byte>> BackendMemory::FromGuest(
    uint64_t guest, uint64_t bytes) const {
  for (const Region& region : regions_) {
    const RegionDescription& known = region.description;
    if (Inside(known.guest, known.size, guest, bytes)) {
      return std::span(region.host() + (guest - known.guest), bytes);
    }
  }
  return std::nullopt;
}

}  // namespace backend_sim
