// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/load_mutator.h"

#include <link.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "virtio_user/base/check.h"

// What nearly every load comes by is called by loads, and so must not call
// itself; nor does it have checks, which take longer than it does.
#ifdef __clang__
#define VU_NO_CHECKS \
  [[clang::no_sanitize("coverage", "address", "undefined", "bounds")]]
#else
#define VU_NO_CHECKS
#endif

namespace backend_sim {
namespace {

// Whose scope this thread is in. Nobody's while a load is being handled: the
// library code in here may be a copy that calls back.
thread_local LoadMutator* active = nullptr;

// How far the program lies from the addresses in its file.
uintptr_t LoadBias() {
  uintptr_t bias = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        *static_cast<uintptr_t*>(out) = info->dlpi_addr;
        return 1;  // The program is the first.
      },
      &bias);
  return bias;
}

}  // namespace

bool LoadMutator::available() {
#ifdef VU_LOAD_CALLBACKS
  return true;
#else
  return false;
#endif
}

void LoadMutator::Watch(std::span<const std::span<std::byte>> memory) {
  memory_.assign(memory.begin(), memory.end());
  memory_begin_ = UINTPTR_MAX;
  uintptr_t end = 0;
  for (const std::span<std::byte> part : memory_) {
    const auto begin = reinterpret_cast<uintptr_t>(part.data());
    memory_begin_ = std::min(memory_begin_, begin);
    end = std::max(end, begin + part.size());
  }
  memory_extent_ = end > memory_begin_ ? end - memory_begin_ : 0;
}

LoadMutator::Scope::Scope(LoadMutator& mutator) : mutator_(mutator) {
  VU_CHECK(active == nullptr);
  mutator.loads_.clear();
  mutator.writes_.clear();
  mutator.kept_.clear();
  mutator.load_count_ = 0;
  mutator.is_over_ = false;
  active = &mutator;
}

LoadMutator::Scope::~Scope() {
  active = nullptr;
  mutator_.WritePending();
}

void LoadMutator::BeforeLoad(uintptr_t caller, const void* at, uint32_t bytes) {
  static const uintptr_t bias = LoadBias();
  WritePending();
  if (++load_count_ > kMaxLoads) {
    std::fprintf(stderr, "load_mutator: a call that makes no end of loads\n");
    std::abort();
  }
  is_over_ = !keeps_sites_ && plan_.at && loads_.size() > *plan_.at;
  if (is_over_) return;
  std::byte* const watched = Watched(at, bytes);
  if (watched == nullptr) return;
  const WatchedLoad load = {caller - bias, watched, bytes};
  SiteCounts nobodys;
  SiteCounts& counts = keeps_sites_ ? sites_[load.site] : nobodys;
  const std::optional<PeerWrite> write = Decide(counts);
  loads_.push_back(load);
  const size_t before = writes_.size();
  if (write) Write(load, *write, counts);
  if (writes_.size() == before) ++counts.unchanged;
}

VU_NO_CHECKS bool LoadMutator::OnlyCounts(const void* at) {
  if (is_pending_) return false;
  const uintptr_t offset = reinterpret_cast<uintptr_t>(at) - memory_begin_;
  return (is_over_ || offset >= memory_extent_) && ++load_count_ <= kMaxLoads;
}

std::byte* LoadMutator::Watched(const void* at, uint32_t bytes) const {
  const auto begin = reinterpret_cast<uintptr_t>(at);
  for (const std::span<std::byte> memory : memory_) {
    const uintptr_t offset = begin - reinterpret_cast<uintptr_t>(memory.data());
    if (offset < memory.size() && bytes <= memory.size() - offset) {
      return memory.data() + offset;
    }
  }
  return nullptr;
}

std::optional<PeerWrite> LoadMutator::Decide(const SiteCounts& counts) const {
  if (plan_.entropy == nullptr) return std::nullopt;
  if (plan_.at) {
    if (*plan_.at != loads_.size()) return std::nullopt;
    return plan_.write;
  }
  Odds odds = plan_.odds;
  if (plan_.new_sites) {
    const bool met = counts.changed_before != 0 && counts.changed_after != 0;
    odds = {.hits = 1, .of = met ? 20u : 2u};
  }
  if (!plan_.entropy->Chance(odds)) return std::nullopt;
  const uint64_t value = plan_.entropy->Choose(kPeerValues.size());
  const uint64_t moment = plan_.entropy->Choose(kPeerMoments.size());
  return PeerWrite{kPeerValues[value], kPeerMoments[moment]};
}

// Of a wide load a word of at most 8 bytes is changed.
void LoadMutator::Write(const WatchedLoad& load, PeerWrite write,
                        SiteCounts& counts) {
  const uint32_t words = load.bytes / 4;
  const uint32_t bytes = words > 2 ? 4 : load.bytes;
  std::byte* at = load.at;
  if (words > 2) at += 4 * plan_.entropy->Choose(words);
  uint64_t old = 0;
  std::memcpy(&old, at, bytes);
  const uint64_t value = NewValue(write.value, old, bytes);
  if (std::memcmp(&value, &old, bytes) == 0) return;
  if (writes_.empty()) kept_.assign(asked_.begin(), asked_.end());
  writes_.push_back({at, bytes, value, old, write.moment});
  if (write.moment == PeerMoment::kAfter) {
    pending_ = writes_.back();
    is_pending_ = true;
    ++counts.changed_after;
    return;
  }
  std::memcpy(at, &value, bytes);
  ++counts.changed_before;
  if (write.moment != PeerMoment::kDuring) return;
  pending_ = {.at = at, .bytes = bytes, .value = old};
  is_pending_ = true;
}

uint64_t LoadMutator::NewValue(PeerValue value, uint64_t old,
                               uint32_t bytes) const {
  switch (value) {
    case PeerValue::kFlippedBit:
      return old ^ uint64_t { 1 } << plan_.entropy->Choose(uint64_t{8} * bytes);
    case PeerValue::kOneMore:
      return old + 1;
    case PeerValue::kOneLess:
      return old - 1;
    case PeerValue::kZero:
      return 0;
    case PeerValue::kAllOnes:
      return ~uint64_t{0};
    case PeerValue::kOtherField:
      return OtherField(bytes);
    case PeerValue::kRandom:
      break;
  }
  std::array<std::byte, sizeof(uint64_t)> random;
  plan_.entropy->Bytes(random);
  std::memcpy(&old, random.data(), bytes);
  return old;
}

// Mostly what was loaded before, since that is where fields are.
uint64_t LoadMutator::OtherField(uint32_t bytes) const {
  uint64_t value = 0;
  const std::byte* from = nullptr;
  if (!loads_.empty() && plan_.entropy->Chance({.hits = 3, .of = 4})) {
    const WatchedLoad& load = loads_[plan_.entropy->Choose(loads_.size())];
    if (load.bytes >= bytes) from = load.at;
  }
  if (from == nullptr) {
    const std::span<std::byte> memory =
        memory_[plan_.entropy->Choose(memory_.size())];
    if (memory.size() < bytes) return value;
    from = memory.data() + bytes * plan_.entropy->Choose(memory.size() / bytes);
  }
  std::memcpy(&value, from, bytes);
  return value;
}

void LoadMutator::WritePending() {
  if (!is_pending_) return;
  std::memcpy(pending_.at, &pending_.value, pending_.bytes);
  is_pending_ = false;
}

}  // namespace backend_sim

#ifdef VU_LOAD_CALLBACKS
namespace {

VU_NO_CHECKS void Seen(void* caller, const void* at, uint32_t bytes) {
  backend_sim::LoadMutator* const mutator = backend_sim::active;
  if (mutator == nullptr || mutator->OnlyCounts(at)) return;
  backend_sim::active = nullptr;
  // One byte back is inside the call, and so at the load's line.
  mutator->BeforeLoad(reinterpret_cast<uintptr_t>(caller) - 1, at, bytes);
  backend_sim::active = mutator;
}

}  // namespace

// What clang's -fsanitize-coverage=trace-loads calls.
extern "C" {
VU_NO_CHECKS void __sanitizer_cov_load1(const uint8_t* at) {
  Seen(__builtin_return_address(0), at, 1);
}
VU_NO_CHECKS void __sanitizer_cov_load2(const uint16_t* at) {
  Seen(__builtin_return_address(0), at, 2);
}
VU_NO_CHECKS void __sanitizer_cov_load4(const uint32_t* at) {
  Seen(__builtin_return_address(0), at, 4);
}
VU_NO_CHECKS void __sanitizer_cov_load8(const uint64_t* at) {
  Seen(__builtin_return_address(0), at, 8);
}
VU_NO_CHECKS void __sanitizer_cov_load16(const void* at) {
  Seen(__builtin_return_address(0), at, 16);
}
}
#endif
