// SPDX-License-Identifier: BSD-3-Clause

#include "cli/case_board.h"

#include <signal.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <new>

namespace virtio_user::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kSeats = 1024;
constexpr size_t kMaxName = 1000;

// Of one thread.
struct Seat {
  std::atomic<bool> taken{false};
  std::atomic<bool> died{false};
  std::atomic<int64_t> begun{0};  // Of Clock; 0: at no case.
  std::atomic<uint32_t> bytes{0};
  std::array<char, kMaxName> name{};

  std::string Name() const {
    return {name.data(), std::min<size_t>(bytes.load(), kMaxName)};
  }
};
// They are used across processes and in signal handlers.
static_assert(std::atomic<int64_t>::is_always_lock_free);
static_assert(std::atomic<bool>::is_always_lock_free);

// A plain pointer, so that a signal handler may look at it.
constinit thread_local Seat* my_seat = nullptr;

// Gives the thread's seat back when the thread ends.
struct SeatReturn {
  ~SeatReturn() {
    if (my_seat != nullptr) my_seat->taken.store(false);
    my_seat = nullptr;
  }
};

constexpr std::array kDeadly{SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
                             SIGABRT, SIGTRAP, SIGSYS};
// What was there before, a sanitizer's perhaps.
std::array<struct sigaction, kDeadly.size()> former{};

// Calls only what signal-safety(7) lists.
void OnDeath(int number, siginfo_t* info, void*) {
  const int saved_errno = errno;
  if (my_seat != nullptr && my_seat->begun.load() != 0) {
    my_seat->died.store(true);
  }
  for (size_t i = 0; i < kDeadly.size(); ++i) {
    if (kDeadly[i] == number) sigaction(number, &former[i], nullptr);
  }
  // What an instruction did, it does again; what was sent is sent again.
  if (info->si_code <= 0) raise(number);
  errno = saved_errno;
}

}  // namespace

struct CaseBoard::Shared {
  std::atomic<bool> stop{false};
  std::array<Seat, kSeats> seats{};
};

CaseBoard::CaseBoard() {
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) shared_ = new (memory) Shared;
}

CaseBoard::~CaseBoard() {
  if (shared_ != nullptr) munmap(shared_, sizeof(Shared));
}

void CaseBoard::Begin(std::string_view name) {
  static thread_local SeatReturn at_the_end;
  (void)at_the_end;
  if (my_seat == nullptr) {
    for (Seat& seat : shared_->seats) {
      if (seat.taken.exchange(true)) continue;
      my_seat = &seat;
      break;
    }
  }
  if (my_seat == nullptr) return;
  my_seat->bytes.store(0);
  Add(name);
  my_seat->begun.store(Clock::now().time_since_epoch().count());
}

void CaseBoard::Add(std::string_view name) {
  if (my_seat == nullptr) return;
  const uint32_t bytes = my_seat->bytes.load(std::memory_order_relaxed);
  name = name.substr(0, kMaxName - bytes);
  std::memcpy(my_seat->name.data() + bytes, name.data(), name.size());
  my_seat->bytes.store(bytes + static_cast<uint32_t>(name.size()));
}

void CaseBoard::End() {
  if (my_seat != nullptr) my_seat->begun.store(0);
}

void CaseBoard::MarkDeaths() {
  struct sigaction action{};
  action.sa_sigaction = OnDeath;
  action.sa_flags = SA_SIGINFO;
  for (size_t i = 0; i < kDeadly.size(); ++i) {
    sigaction(kDeadly[i], &action, &former[i]);
  }
}

const std::atomic<bool>* CaseBoard::stop() const { return &shared_->stop; }

void CaseBoard::AskToEnd() { shared_->stop.store(true); }

std::optional<std::string> CaseBoard::Overdue(std::chrono::nanoseconds patience,
                                              std::chrono::nanoseconds stall) {
  const auto now = Clock::now().time_since_epoch();
  for (Seat& seat : shared_->seats) {
    int64_t begun = seat.begun.load();
    if (begun == 0) continue;
    if (stall.count() != 0) {
      // If it fails, the case has just ended.
      seat.begun.compare_exchange_strong(begun, begun + stall.count());
    } else if (now - Clock::duration(begun) > patience) {
      return seat.Name();
    }
  }
  return std::nullopt;
}

std::vector<std::string> CaseBoard::Last() const {
  std::vector<std::string> died;
  std::vector<std::string> all;
  for (const Seat& seat : shared_->seats) {
    if (seat.begun.load() == 0) continue;
    all.push_back(seat.Name());
    if (seat.died.load()) died.push_back(seat.Name());
  }
  return died.empty() ? all : died;
}

}  // namespace virtio_user::cli
