// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_PARALLEL_H_
#define BACKEND_SIM_EXPLORE_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "backend_sim/explore/case_observer.h"

namespace backend_sim {

// How much is done at once, and whether it goes on.
struct ExploreOptions {
  unsigned jobs = 2;  // Threads, at least 1.
  // Borrowed; null, or what ends everything early once it is set.
  const std::atomic<bool>* interrupted = nullptr;
  // Borrowed; null, or who is told of each case, by all threads.
  CaseObserver* observer = nullptr;

  bool Interrupted() const {
    return interrupted != nullptr &&
           interrupted->load(std::memory_order_relaxed);
  }
};

// Does parts 0 to `parts` - 1, each once, on as many threads as there are
// jobs, and merges what they counted in their order, so that the result does
// not depend on the threads. `make_worker` is called once a thread and gives
// what is then called with a part, and what that returns can be merged.
template <typename MakeWorker>
auto InParallel(size_t parts, const ExploreOptions& options,
                MakeWorker make_worker) {
  using Counts = decltype(make_worker()(size_t{0}));
  std::vector<Counts> counts(parts);
  std::atomic<size_t> next{0};
  const auto work = [&] {
    auto worker = make_worker();
    while (!options.Interrupted()) {
      const size_t part = next.fetch_add(1, std::memory_order_relaxed);
      if (part >= parts) return;
      counts[part] = worker(part);
    }
  };
  std::vector<std::jthread> threads;
  const size_t wanted = std::min<size_t>(std::max(options.jobs, 1u), parts);
  for (size_t i = 1; i < wanted; ++i) threads.emplace_back(work);
  work();
  threads.clear();
  Counts all;
  for (const Counts& count : counts) all.Merge(count);
  return all;
}

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_PARALLEL_H_
