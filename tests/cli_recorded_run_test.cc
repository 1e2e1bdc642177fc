// SPDX-License-Identifier: BSD-3-Clause

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "backend_sim/simulation/seed_run.h"
#include "cli/recorded_run.h"

namespace virtio_user::cli {
namespace {

using backend_sim::CheckerId;
using backend_sim::LifeState;
using backend_sim::OpKind;
using backend_sim::OpResult;
using backend_sim::RunReport;
using backend_sim::TraceKind;
using backend_sim::TraceRecord;

// What a writer has written, read in pieces of `piece` bytes.
class Pipe {
 public:
  Pipe() : file_(std::tmpfile(), [](std::FILE* file) { std::fclose(file); }) {}

  int fd() { return fileno(file_.get()); }
  RecordedRun Read(size_t piece) {
    RunReader reader;
    std::vector<std::byte> bytes(piece);
    off_t at = 0;
    for (;;) {
      const ssize_t got = pread(fd(), bytes.data(), piece, at);
      if (got <= 0) return reader.Take();
      reader.OnBytes(std::span(bytes).first(static_cast<size_t>(got)));
      at += got;
    }
  }

 private:
  std::unique_ptr<std::FILE, void (*)(std::FILE*)> file_;
};

TEST(RecordedRun, HoldsAllThatHappened) {
  Pipe pipe;
  RunWriter writer(pipe.fd());
  const backend_sim::SeedRun wanted = backend_sim::RunSeed(
      3, {.steps = 60, .simulation = {.observer = &writer}});
  writer.Finish(wanted.report);
  writer.FinishAgain(wanted.report);

  for (const size_t piece : {size_t{1}, size_t{7}, size_t{65536}}) {
    const RecordedRun run = pipe.Read(piece);

    EXPECT_EQ(run.script(), wanted.script);
    EXPECT_EQ(run.hash, wanted.report.hash);
    EXPECT_EQ(run.second_hash, wanted.report.hash);
    EXPECT_EQ(run.records.size(), wanted.report.events);
    EXPECT_TRUE(run.last_phase.has_value());
  }
}

TEST(RecordedRun, ObservingChangesNothing) {
  Pipe pipe;
  RunWriter writer(pipe.fd());

  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(backend_sim::RunSeed(
                  seed, {.steps = 50, .simulation = {.observer = &writer}})
                  .report.hash,
              backend_sim::RunSeed(seed, {.steps = 50}).report.hash);
  }
}

TEST(RecordedRun, AnOperationHasItsRecordsAndStates) {
  Pipe pipe;
  RunWriter writer(pipe.fd());
  writer.OnScenario({.backend = "lib-vhost", .pairs = 2});
  writer.OnRecord({.kind = TraceKind::kNote});  // The world's own.
  writer.OnOperation({.kind = OpKind::kCreate});
  writer.OnRecord({.kind = TraceKind::kAttach});
  writer.OnRecord({.kind = TraceKind::kNote,
                   .detail = static_cast<uint8_t>(OpResult::kDone),
                   .ring = static_cast<uint16_t>(LifeState::kCreated)});
  writer.OnOperation({.kind = OpKind::kStart});
  writer.OnRecord({.kind = TraceKind::kClose});

  const RecordedRun run = pipe.Read(5);

  EXPECT_EQ(run.scenario.backend, "lib-vhost");
  EXPECT_EQ(run.scenario.pairs, 2u);
  ASSERT_EQ(run.operations.size(), 2u);
  EXPECT_EQ(run.operations[0].before, LifeState::kNone);
  EXPECT_EQ(run.operations[0].after, LifeState::kCreated);
  EXPECT_EQ(run.operations[0].result, OpResult::kDone);
  ASSERT_EQ(run.RecordsOf(run.operations[0]).size(), 1u);
  EXPECT_EQ(run.RecordsOf(run.operations[0])[0].kind, TraceKind::kAttach);
  // The process ended in the second.
  EXPECT_EQ(run.operations[1].before, LifeState::kCreated);
  EXPECT_EQ(run.operations[1].result, std::nullopt);
  ASSERT_EQ(run.RecordsOf(run.operations[1]).size(), 1u);
  EXPECT_EQ(run.RecordsOf(run.operations[1])[0].kind, TraceKind::kClose);
  EXPECT_FALSE(run.last_phase.has_value());
  EXPECT_EQ(run.hash, "");
}

TEST(RecordedRun, FindingsAndTheLastPhaseArrive) {
  Pipe pipe;
  RunWriter writer(pipe.fd());
  writer.OnScenario({});
  writer.OnLastPhase();
  writer.OnRecord({.kind = TraceKind::kAttach});
  writer.Finish(RunReport{
      .hash = "h",
      .findings = {{.checker = CheckerId::kLink, .step = 4, .text = "odd"},
                   {.checker = CheckerId::kState, .step = 5, .text = ""}}});

  const RecordedRun run = pipe.Read(3);

  EXPECT_EQ(run.LastRecords().size(), 1u);
  ASSERT_EQ(run.findings.size(), 2u);
  EXPECT_EQ(run.findings[0].Text(), "link: odd (step 4)");
  EXPECT_EQ(run.findings[1].Text(), "state:  (step 5)");
}

}  // namespace
}  // namespace virtio_user::cli
