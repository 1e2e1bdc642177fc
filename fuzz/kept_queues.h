// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_KEPT_QUEUES_H_
#define FUZZ_KEPT_QUEUES_H_

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "fuzz/heap_image.h"
#include "fuzz/net_memory.h"
#include "fuzz/passed_chains.h"

namespace fuzz {

// Queues on split rings that have nearly gone round their index: a queue begins
// at 0, whatever its device did before, so that the way there is all chains
// that it takes. That is gone once for each kind of queue, and its memory is
// then set back to what it was; where that cannot be, it is gone each time.
template <typename Queue>
class KeptQueues {
 public:
  // How far from index 0 it is at least.
  static constexpr uint16_t kLeft = 40;
  struct Kind {
    const NetMemory* memory = nullptr;
    uint64_t features = 0;
    bool unlaned = false;

    friend auto operator<=>(const Kind&, const Kind&) = default;
  };

  // The queue that `make` makes, of this kind, kLeft in front of index 0, until
  // it is asked for again. Requires: the memory is wiped.
  template <typename Make>
  static Queue& Get(const Kind& kind, NetMemory& memory, const PassedRing& ring,
                    const Make& make) {
    const auto passed = [&] {
      std::unique_ptr<Queue> queue = make();
      PassChains(ring, *queue, kLeft);
      return queue;
    };
    static auto& all = *new std::map<Kind, Kept>;
    Kept& kept = all[kind];
    if (!HeapImage::Possible()) {
      kept.queue = passed();
      return *kept.queue;
    }
    if (kept.queue == nullptr) {
      kept.queue = kept.heap.During(passed);
      kept.memory.emplace(memory);
    } else {
      kept.heap.Restore();
      kept.memory->Restore(memory);
    }
    return *kept.queue;
  }

 private:
  struct Kept {
    HeapImage heap;
    std::unique_ptr<Queue> queue;
    std::optional<NetMemory::Image> memory;
  };
};

}  // namespace fuzz

#endif  // FUZZ_KEPT_QUEUES_H_
