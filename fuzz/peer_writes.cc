// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/peer_writes.h"

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

namespace fuzz {

using backend_sim::kPeerMoments;
using backend_sim::kPeerValues;
using backend_sim::LoadMutator;
using backend_sim::PeerWrite;

namespace {

// A burst looks at a whole ring of 16 and, byte by byte, at as many of the
// longest control requests; more loads than that are a loop that the peer keeps
// going.
constexpr uint64_t kMostLoads = 150'000;

// Called at the end of the process.
void WriteSites(const LoadMutator& mutator, const char* path) {
  std::FILE* const file = std::fopen(path, "a");
  if (file == nullptr) {
    std::fprintf(stderr, "VUSER_LOAD_SITES=%s: cannot be written\n", path);
    std::abort();
  }
  for (const auto& [site, counts] : mutator.sites()) {
    std::fprintf(file, "0x%" PRIxPTR " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                 site, counts.unchanged, counts.changed_before,
                 counts.changed_after);
  }
  std::fclose(file);
}

}  // namespace

bool PeerWrites::SitesAreAsked() {
  static const bool asked = std::getenv("VUSER_LOAD_SITES") != nullptr;
  return asked;
}

LoadMutator& PeerWrites::Mutator() {
  // Never destroyed: sites are written when the process ends.
  static LoadMutator& mutator = [] -> LoadMutator& {
    auto* const made = new LoadMutator;
    made->KeepSites(SitesAreAsked());
    if (SitesAreAsked()) {
      std::atexit(
          [] { WriteSites(Mutator(), std::getenv("VUSER_LOAD_SITES")); });
    }
    return *made;
  }();
  return mutator;
}

PeerWrites::PeerWrites(std::span<std::byte> ring,
                       std::span<std::byte> buffers) {
  Mutator().Watch(std::array{ring, buffers});
  Mutator().KeepAtFirstWrite(ring);
}

PeerWrites::Plan::Plan(Reader& input) : how(input.Byte()) {
  if (how == 0) return;
  load = input.Byte();
  bytes = input.Take(kDecisionBytes);
}

void PeerWrites::Set(const Plan& plan, backend_sim::Entropy& entropy) {
  if (plan.how == 0) return Mutator().Record();
  Mutator().MutateAt(
      plan.load + 256u * (plan.how / 32u),
      PeerWrite{kPeerValues[plan.how % kPeerValues.size()],
                kPeerMoments[plan.how / 8 % kPeerMoments.size()]},
      entropy);
}

PeerWrites::End::~End() {
  wrote_ = !Mutator().writes().empty();
  Expect(Mutator().load_count() <= kMostLoads, "bounded",
         "a call that keeps loading");
}

}  // namespace fuzz
