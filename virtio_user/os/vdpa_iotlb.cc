// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/os/vdpa_iotlb.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cinttypes>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

namespace virtio_user {
namespace {

// The number behind `name` in a text of /proc; none where there is no number,
// as of a limit that is unlimited.
std::optional<uint64_t> NumberBehind(std::string_view name,
                                     std::string_view text) {
  const size_t at = text.find(name);
  if (at == std::string_view::npos) return std::nullopt;
  text.remove_prefix(at + name.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  uint64_t number = 0;
  const auto [end, status] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc()) return std::nullopt;
  return number;
}

bool Holds(std::span<const VdpaMapping> mappings, const VdpaMapping& wanted) {
  return std::ranges::find(mappings, wanted) != mappings.end();
}

uint64_t LastOf(const VdpaMapping& mapping) {
  return mapping.iova + (mapping.host.size() - 1);
}

// How many addresses of the device are the same memory in both.
size_t SharedBytes(const VdpaMapping& a, const VdpaMapping& b) {
  const uint64_t distance = std::bit_cast<uint64_t>(a.host.data()) - a.iova;
  if (std::bit_cast<uint64_t>(b.host.data()) - b.iova != distance) return 0;
  const uint64_t first = std::max(a.iova, b.iova);
  const uint64_t last = std::min(LastOf(a), LastOf(b));
  return first > last ? 0 : last - first + 1;
}

size_t SharedBytes(const VdpaMapping& mapping,
                   std::span<const VdpaMapping> wanted) {
  size_t bytes = 0;
  for (const VdpaMapping& other : wanted) bytes += SharedBytes(mapping, other);
  return bytes;
}

// The parts of `wanted` that are not in `mapped`.
std::vector<VdpaMapping> Missing(const VdpaMapping& wanted,
                                 std::span<const VdpaMapping> mapped) {
  std::vector<VdpaMapping> shared;
  std::ranges::copy_if(mapped, std::back_inserter(shared),
                       [&](const VdpaMapping& mapping) {
                         return SharedBytes(mapping, wanted) != 0;
                       });
  std::ranges::sort(shared, {}, &VdpaMapping::iova);
  std::vector<VdpaMapping> missing;
  size_t done = 0;
  const auto add_until = [&](size_t end) {
    if (end <= done) return;
    missing.push_back({.iova = wanted.iova + done,
                       .host = wanted.host.subspan(done, end - done)});
  };
  for (const VdpaMapping& mapping : shared) {
    const size_t begin = std::max(mapping.iova, wanted.iova) - wanted.iova;
    add_until(begin);
    done = begin + SharedBytes(mapping, wanted);
  }
  add_until(wanted.host.size());
  return missing;
}

}  // namespace

std::optional<VdpaMapping> VdpaIotlb::FindCut(
    std::span<const VdpaMapping> wanted) const {
  const auto cut =
      std::ranges::find_if(mapped_, [&](const VdpaMapping& mapping) {
        const size_t left = SharedBytes(mapping, wanted);
        return left != 0 && left != mapping.host.size();
      });
  if (cut == mapped_.end()) return std::nullopt;
  return *cut;
}

Result<void> VdpaIotlb::Change(std::span<const VdpaMapping> wanted) {
  std::vector<VdpaMapping> gone;
  std::vector<VdpaMapping> kept;
  for (const VdpaMapping& mapping : mapped_) {
    const bool whole = SharedBytes(mapping, wanted) == mapping.host.size();
    (whole ? kept : gone).push_back(mapping);
  }
  std::vector<VdpaMapping> come;
  for (const VdpaMapping& mapping : wanted) {
    std::ranges::copy(Missing(mapping, kept), std::back_inserter(come));
  }
  if (gone.empty() && come.empty()) return {};
  std::vector<VdpaMapping> before = mapped_;
  auto done = Run(gone, come);
  if (!done) Undo(std::move(before));
  return done;
}

// Keeps mapped_ true to what the kernel has taken.
Result<void> VdpaIotlb::Run(std::span<const VdpaMapping> gone,
                            std::span<const VdpaMapping> come) {
  if (dialect_.batch) {
    if (auto sent = Send(kIotlbBatchBegin, {}); !sent) return sent;
  }
  for (const VdpaMapping& mapping : gone) {
    if (auto sent = Send(kIotlbInvalidate, mapping); !sent) return sent;
    std::erase(mapped_, mapping);
  }
  for (const VdpaMapping& mapping : come) {
    if (auto sent = Send(kIotlbUpdate, mapping); !sent) return sent;
    mapped_.push_back(mapping);
  }
  if (!dialect_.batch) return {};
  return Send(kIotlbBatchEnd, {});
}

// A batch that was begun and not ended goes on: beginning it again is nothing
// new, and the end is sent here.
void VdpaIotlb::Undo(std::vector<VdpaMapping> before) {
  std::vector<VdpaMapping> gone;
  std::vector<VdpaMapping> come;
  for (const VdpaMapping& mapping : mapped_) {
    if (!Holds(before, mapping)) gone.push_back(mapping);
  }
  for (const VdpaMapping& mapping : before) {
    if (!Holds(mapped_, mapping)) come.push_back(mapping);
  }
  if (!Run(gone, come)) intact_ = false;
}

void VdpaIotlb::Forget() {
  mapped_.clear();
  intact_ = true;
}

// A stretch that was mapped bit by bit goes on from one mapping to the next.
std::optional<std::span<std::byte>> VdpaIotlb::ToHost(uint64_t iova,
                                                      size_t bytes) const {
  std::byte* begin = nullptr;
  size_t found = 0;
  // Each round finds one more mapping.
  for (size_t round = 0; round < mapped_.size(); ++round) {
    const uint64_t at = iova + found;
    const auto mapping =
        std::ranges::find_if(mapped_, [at](const VdpaMapping& candidate) {
          return at >= candidate.iova && at <= LastOf(candidate);
        });
    if (mapping == mapped_.end()) break;
    const auto host = mapping->host.subspan(at - mapping->iova);
    if (found == 0) begin = host.data();
    if (host.data() != begin + found) break;
    if (bytes - found <= host.size()) return std::span(begin, bytes);
    found += host.size();
  }
  return std::nullopt;
}

bool VdpaIotlb::Meets(uint64_t iova, size_t bytes) const {
  return std::ranges::any_of(mapped_, [&](const VdpaMapping& mapping) {
    return iova <= mapping.iova + (mapping.host.size() - 1) &&
           mapping.iova <= iova + (bytes - 1);
  });
}

Result<void> VdpaIotlb::Send(uint8_t kind, const VdpaMapping& mapping) {
  VdpaIotlbMessage message{};
  message.type = dialect_.version_2 ? kIotlbMessage2 : kIotlbMessage1;
  message.asid = dialect_.asid ? asid_ : 0;
  message.iova = mapping.iova;
  message.size = mapping.host.size();
  if (kind == kIotlbUpdate) {
    message.uaddr = std::bit_cast<uint64_t>(mapping.host.data());
    message.perm = kIotlbReadWrite;
  }
  message.kind = kind;
  const int why = node_.Write(std::as_bytes(std::span(&message, 1)));
  if (why == 0) return {};
  if (kind == kIotlbUpdate) {
    return std::unexpected(CannotMap(why, mapping));
  }
  const char* const what = kind == kIotlbInvalidate   ? "INVALIDATE"
                           : kind == kIotlbBatchBegin ? "BATCH_BEGIN"
                                                      : "BATCH_END";
  return std::unexpected(
      Error::System(ErrorCode::kRefused, why,
                    "%s: VHOST_IOTLB_%s of 0x%zx bytes at IOVA 0x%" PRIx64,
                    node_.path(), what, mapping.host.size(), mapping.iova));
}

// write(2) says EFAULT whatever the kernel's reason is. Where the pages are
// pinned, the reason that people meet is the limit of locked memory. It is of
// the process, with all its devices and address spaces.
Error VdpaIotlb::CannotMap(int why, const VdpaMapping& mapping) const {
  uint64_t bytes = mapping.host.size();
  const std::string status = node_.calls().ReadText("/proc/self/status");
  if (const auto pinned_kilobytes = NumberBehind("VmPin:", status)) {
    bytes += *pinned_kilobytes * 1024;
  } else {
    for (const VdpaMapping& other : mapped_) bytes += other.host.size();
  }
  const std::string limits = node_.calls().ReadText("/proc/self/limits");
  const auto limit = NumberBehind("Max locked memory", limits);
  if (why == ENOMEM || (limit && bytes > *limit)) {
    const std::string allowed =
        limit ? std::to_string(*limit) : "unlimited or unknown";
    return Error::System(ErrorCode::kSystem, why,
                         "%s: the device pins %" PRIu64
                         " bytes of memory, and RLIMIT_MEMLOCK is %s; raise it "
                         "(ulimit -l %" PRIu64 ")",
                         node_.path(), bytes, allowed.c_str(),
                         (bytes + 1023) / 1024);
  }
  return Error::System(ErrorCode::kRefused, why,
                       "%s: 0x%zx bytes cannot be mapped at IOVA 0x%" PRIx64
                       ", and the kernel does not say why; its log may (dmesg)",
                       node_.path(), mapping.host.size(), mapping.iova);
}

}  // namespace virtio_user
