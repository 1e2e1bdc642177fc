// SPDX-License-Identifier: BSD-3-Clause

#include "cli/seed_fleet.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>

#include "cli/child_process.h"
#include "cli/progress.h"
#include "cli/stall_watch.h"

namespace virtio_user::cli {
namespace {

using Clock = std::chrono::steady_clock;
using backend_sim::Coverage;

constexpr int kTickMilliseconds = 50;

// What a worker writes and the parent reads.
struct Slot {
  std::atomic<uint64_t> seed{0};   // That it is at,
  std::atomic<int64_t> begun{0};   // since then (Clock); 0: at none.
  std::atomic<uint64_t> seeds{0};  // That it has done.
  std::atomic<uint64_t> events{0};
  std::atomic<uint64_t> steps{0};
  std::array<std::atomic<uint64_t>, 2> hash{};
  Coverage coverage{};
};
struct Board {
  std::atomic<uint64_t> next{0};  // Counted from the first seed.
  std::atomic<bool> stop{false};
};

// One line in a pipe, which all workers share: short enough to be whole.
struct Note {
  uint64_t seed;
  SeedVerdict verdict;
  bool is_hash;
  uint16_t bytes;
};
constexpr size_t kMaxNoteText = 2048;
static_assert(sizeof(Note) + kMaxNoteText <= 4096);  // PIPE_BUF.

void Write(int pipe, uint64_t seed, SeedVerdict verdict, bool is_hash,
           std::string_view text) {
  text = text.substr(0, kMaxNoteText);
  const Note note{.seed = seed,
                  .verdict = verdict,
                  .is_hash = is_hash,
                  .bytes = static_cast<uint16_t>(text.size())};
  std::array<char, sizeof(Note) + kMaxNoteText> line;
  std::memcpy(line.data(), &note, sizeof(note));
  std::memcpy(line.data() + sizeof(note), text.data(), text.size());
  while (write(pipe, line.data(), sizeof(note) + text.size()) < 0 &&
         errno == EINTR) {
  }
}

std::string Hex(const std::array<uint64_t, 2>& hash) {
  return fmt::format("{:016x}{:016x}", hash[0], hash[1]);
}

class Fleet {
 public:
  Fleet(const FleetOptions& options,
        const std::function<SeedOutcome(uint64_t)>& run, const Console& console)
      : options_(options), run_(run), console_(console) {}
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;
  ~Fleet() {
    for (const int fd : pipe_) {
      if (fd >= 0) close(fd);
    }
    if (shared_ != MAP_FAILED) munmap(shared_, SharedBytes());
  }

  FleetResult Run() {
    if (!MakeShared()) {
      result_.trouble =
          fmt::format("no memory or pipe for workers: {}", strerror(errno));
      return result_;
    }
    const Clock::time_point begin = Clock::now();
    for (uint32_t i = 0; i < options_.workers; ++i) Spawn(i);
    Watch();
    result_.seconds =
        std::chrono::duration<double>(Clock::now() - begin).count();
    AddUp();
    return result_;
  }

 private:
  size_t SharedBytes() const {
    return sizeof(Board) + sizeof(Slot) * options_.workers;
  }
  Slot& slot(uint32_t worker) {
    return reinterpret_cast<Slot*>(static_cast<std::byte*>(shared_) +
                                   sizeof(Board))[worker];
  }
  Board& board() { return *static_cast<Board*>(shared_); }

  bool MakeShared() {
    shared_ = mmap(nullptr, SharedBytes(), PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared_ == MAP_FAILED) return false;
    new (shared_) Board;
    for (uint32_t i = 0; i < options_.workers; ++i) new (&slot(i)) Slot;
    children_.assign(options_.workers, -1);
    return pipe2(pipe_.data(), O_CLOEXEC) == 0 &&
           fcntl(pipe_[0], F_SETFL, O_NONBLOCK) == 0;
  }

  void Spawn(uint32_t worker) {
    std::fflush(nullptr);
    const pid_t parent = getpid();
    const pid_t child = fork();
    if (child == 0) {
      BeginChild(parent);
      // Nobody waits for a reader that is gone.
      close(pipe_[0]);
      Work(slot(worker));
      _exit(0);
    }
    if (child < 0) {
      result_.trouble = fmt::format("cannot fork: {}", strerror(errno));
    }
    children_[worker] = child;
  }

  // In the child.
  void Work(Slot& mine) {
    while (!board().stop.load()) {
      const uint64_t index = board().next.fetch_add(1);
      if (index >= options_.count) return;
      const uint64_t seed = options_.first + index;
      mine.seed.store(seed);
      mine.begun.store(Clock::now().time_since_epoch().count());
      const SeedOutcome outcome = run_(seed);
      mine.begun.store(0);
      mine.seeds.fetch_add(1);
      mine.events.fetch_add(outcome.events);
      mine.steps.fetch_add(outcome.steps);
      for (size_t i = 0; i < 2; ++i) mine.hash[i].fetch_add(outcome.hash[i]);
      mine.coverage.Add(outcome.coverage);
      if (options_.wants_hashes) {
        Write(pipe_[1], seed, outcome.verdict, true, Hex(outcome.hash));
      }
      if (outcome.verdict == SeedVerdict::kPass) continue;
      if (!options_.keep_going) board().stop.store(true);
      Write(pipe_[1], seed, outcome.verdict, false, outcome.text);
    }
  }

  void Watch() {
    Progress progress(console_, "seeds");
    progress.Begin("simulate");
    while (AnyLeft()) {
      pollfd readable{.fd = pipe_[0], .events = POLLIN, .revents = 0};
      poll(&readable, 1, kTickMilliseconds);
      ReadNotes();
      MoveOn(stalls_.Take());
      for (uint32_t i = 0; i < options_.workers; ++i) Look(i);
      uint64_t done = 0;
      for (uint32_t i = 0; i < options_.workers; ++i) done += slot(i).seeds;
      progress.Update(done, options_.count);
      if (console_.Interrupted()) {
        result_.interrupted = true;
        for (const pid_t child : children_) {
          if (child > 0) kill(child, SIGKILL);
        }
      }
    }
    ReadNotes();
  }

  bool AnyLeft() const {
    return std::ranges::any_of(children_, [](pid_t pid) { return pid > 0; });
  }

  // Nobody did anything in that time.
  void MoveOn(Clock::duration stall) {
    if (stall == Clock::duration::zero()) return;
    for (uint32_t i = 0; i < options_.workers; ++i) {
      int64_t begun = slot(i).begun.load();
      // If it fails, the seed has just ended.
      if (begun != 0) {
        slot(i).begun.compare_exchange_strong(begun, begun + stall.count());
      }
    }
  }

  // Whether a worker is well; one that has died is replaced.
  void Look(uint32_t worker) {
    if (children_[worker] <= 0) return;
    Slot& its = slot(worker);
    const int64_t begun = its.begun.load();
    const Clock::time_point since{Clock::duration(begun)};
    bool hung = false;
    if (begun != 0 && Clock::now() - since > options_.patience) {
      hung = true;
      kill(children_[worker], SIGKILL);
    }
    int status = 0;
    const pid_t ended = waitpid(children_[worker], &status, hung ? 0 : WNOHANG);
    if (ended != children_[worker]) return;
    children_[worker] = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    if (console_.Interrupted()) return;
    const std::string text =
        hung ? fmt::format("no end after {} s", options_.patience.count())
             : (WIFSIGNALED(status) ? "died by " : "ended with ") +
                   DeathText(status);
    result_.failures.push_back(
        {.seed = its.seed.load(),
         .verdict = hung ? SeedVerdict::kHang : SeedVerdict::kCrash,
         .text = text});
    its.begun.store(0);
    if (!options_.keep_going) board().stop.store(true);
    if (!board().stop.load()) Spawn(worker);
  }

  void ReadNotes() {
    std::array<char, 65536> bytes;
    while (true) {
      const ssize_t count = read(pipe_[0], bytes.data(), bytes.size());
      if (count <= 0) break;
      unread_.append(bytes.data(), static_cast<size_t>(count));
    }
    while (unread_.size() >= sizeof(Note)) {
      Note note;
      std::memcpy(&note, unread_.data(), sizeof(note));
      if (unread_.size() < sizeof(note) + note.bytes) return;
      std::string text = unread_.substr(sizeof(note), note.bytes);
      unread_.erase(0, sizeof(note) + note.bytes);
      if (note.is_hash) {
        result_.hashes.emplace_back(note.seed, std::move(text));
      } else {
        result_.failures.push_back({note.seed, note.verdict, std::move(text)});
      }
    }
  }

  void AddUp() {
    for (uint32_t i = 0; i < options_.workers; ++i) {
      const Slot& its = slot(i);
      result_.seeds += its.seeds;
      result_.events += its.events;
      result_.steps += its.steps;
      for (size_t k = 0; k < 2; ++k) result_.hash[k] += its.hash[k];
      result_.coverage.Add(its.coverage);
    }
    std::ranges::sort(result_.failures, {}, &SeedFailure::seed);
    std::ranges::sort(result_.hashes);
  }

  const FleetOptions& options_;
  const std::function<SeedOutcome(uint64_t)>& run_;
  const Console& console_;
  FleetResult result_;
  StallWatch stalls_;  // From before the first worker, so that none is missed.
  void* shared_ = MAP_FAILED;
  std::array<int, 2> pipe_{-1, -1};
  std::vector<pid_t> children_;  // By worker; -1: it has ended.
  std::string unread_;
};

}  // namespace

std::string_view VerdictName(SeedVerdict verdict) {
  switch (verdict) {
    case SeedVerdict::kPass:
      return "pass";
    case SeedVerdict::kViolation:
      return "violation";
    case SeedVerdict::kLiveness:
      return "liveness failure";
    case SeedVerdict::kCrash:
      return "crash";
    case SeedVerdict::kHang:
      return "hang";
    case SeedVerdict::kNondeterminism:
      return "nondeterminism";
  }
  return "unknown";
}

ExitCode ExitCodeOf(SeedVerdict verdict) {
  switch (verdict) {
    case SeedVerdict::kPass:
      return ExitCode::kPass;
    case SeedVerdict::kViolation:
      return ExitCode::kViolation;
    case SeedVerdict::kLiveness:
    case SeedVerdict::kHang:
      return ExitCode::kLiveness;
    case SeedVerdict::kCrash:
      return ExitCode::kCrash;
    case SeedVerdict::kNondeterminism:
      return ExitCode::kNondeterminism;
  }
  return ExitCode::kFail;
}

FleetResult RunFleet(const FleetOptions& options,
                     const std::function<SeedOutcome(uint64_t)>& run,
                     const Console& console) {
  return Fleet(options, run, console).Run();
}

}  // namespace virtio_user::cli
