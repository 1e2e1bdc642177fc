// SPDX-License-Identifier: BSD-3-Clause
//
// What one life in the simulator costs: a world, a device in it that is
// opened, started, stopped and destroyed, and the world's end.
//
//   bazel run --config=opt //bench:sim_world

#include "backend_sim/sim_world.h"

#include <benchmark/benchmark.h>

#include "bench/lifecycle.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user::bench {
namespace {

backend_sim::SimWorldOptions SmallWorld() {
  backend_sim::SimWorldOptions options;
  static const auto mappings = std::make_shared<backend_sim::MappingPool>();
  options.memory.region_bytes = size_t{1} << 16;
  options.memory.mappings = mappings;
  // Who runs millions of worlds looks at the hash alone.
  options.trace.keep_last = 0;
  return options;
}

void BM_World(benchmark::State& state) {
  for (auto _ : state) {
    backend_sim::SimWorld world(SmallWorld());
    benchmark::DoNotOptimize(world.fds().open_count());
  }
}
BENCHMARK(BM_World)->Unit(benchmark::kMicrosecond);

void BM_Life(benchmark::State& state) {
  const auto pairs = static_cast<uint16_t>(state.range(0));
  for (auto _ : state) {
    backend_sim::SimWorld world(SmallWorld());
    auto device = Lifecycle::Open(
        {.backend = std::make_unique<VhostUserBackend>(world.MakeChannel()),
         .memory = world.memory(),
         .fds = world.fds(),
         .quiescer = world.quiescer()},
        pairs);
    if (!device || !(*device)->Stop()) {
      state.SkipWithError("the device does not start and stop");
      break;
    }
  }
}
BENCHMARK(BM_Life)->Unit(benchmark::kMicrosecond)->Arg(1)->Arg(8);

}  // namespace
}  // namespace virtio_user::bench

BENCHMARK_MAIN();
