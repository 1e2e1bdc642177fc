// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/start_order.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "fuzz/finding.h"

namespace fuzz {
namespace {

constexpr unsigned kVersion1 = 32;

// In their order; those of one batch are answered together.
enum class Step : uint8_t {
  kCall,
  kFeatures,
  kStatus,
  kConfirm,
  kMtu,
  kGetNotes,
  kSetNotes,
  kOffloads,
  kTable,
  kRing,
  kEnableFirst,
  kDriverOk,
  kEnableFurther,
  kCommand,
  kDisable,
  kGetBase,
  kReset,
};
constexpr size_t kSteps = static_cast<size_t>(Step::kReset) + 1;

enum class Batch : uint8_t { kNone, kFeatures, kRings, kPairs, kUndo };

constexpr Batch BatchOf(Step step) {
  switch (step) {
    case Step::kCall:
    case Step::kFeatures:
    case Step::kStatus:
      return Batch::kFeatures;
    case Step::kOffloads:
    case Step::kTable:
    case Step::kRing:
    case Step::kEnableFirst:
      return Batch::kRings;
    case Step::kEnableFurther:
      return Batch::kPairs;
    case Step::kDisable:
      return Batch::kUndo;
    default:
      return Batch::kNone;
  }
}

struct Word {
  std::string_view word;
  Step step;
  unsigned part = 0;  // Of a ring.
};
constexpr unsigned kNumPart = 0;
constexpr unsigned kBasePart = 1;
constexpr Word kWords[] = {
    {"CALL", Step::kCall},
    {"FEATURES", Step::kFeatures},
    {"STATUS", Step::kStatus},
    {"GET_STATUS", Step::kConfirm},
    {"MTU", Step::kMtu},
    {"GET_INFLIGHT", Step::kGetNotes},
    {"SET_INFLIGHT", Step::kSetNotes},
    {"GUEST_OFFLOADS", Step::kOffloads},
    {"TABLE", Step::kTable},
    {"NUM", Step::kRing, kNumPart},
    {"BASE", Step::kRing, kBasePart},
    {"ADDR", Step::kRing, 2},
    {"KICK", Step::kRing, 3},
    {"ENABLE", Step::kEnableFirst},
    {"CONTROL", Step::kCommand},
    {"GET_BASE", Step::kGetBase},
    {"RESET_DEVICE", Step::kReset},
};

struct Message {
  Step step = Step::kCall;
  unsigned long number = 0;  // A ring, or what is said.
  unsigned part = 0;
  // Rises from each message of a Start to the next; what undoes is last.
  unsigned long Place() const {
    const bool ring = step == Step::kCall || step == Step::kRing ||
                      step == Step::kEnableFirst ||
                      step == Step::kEnableFurther || step == Step::kDisable ||
                      step == Step::kGetBase;
    return static_cast<unsigned long>(step) << 24 | (ring ? number << 4 : 0) |
           part;
  }
};

Message MessageOf(const std::string& line) {
  const std::string_view word =
      std::string_view(line).substr(0, line.find(' '));
  for (const Word& known : kWords) {
    if (known.word != word) continue;
    Message message{.step = known.step, .part = known.part};
    if (word.size() < line.size()) {
      message.number = std::strtoul(line.c_str() + word.size() + 1, nullptr, 0);
    }
    constexpr unsigned kDriverOk = 4;
    if (word == "STATUS" && message.number == 0) message.step = Step::kReset;
    if (word == "STATUS" && (message.number & kDriverOk) != 0) {
      message.step = Step::kDriverOk;
    }
    if (word == "ENABLE" && message.number > 1) {
      message.step = Step::kEnableFurther;
    }
    if (word == "ENABLE" && line.ends_with(" off")) {
      message.step = Step::kDisable;
    }
    return message;
  }
  ReportAt("start", line, std::source_location::current());
}

using Counts = std::array<unsigned, kSteps>;

class Order {
 public:
  explicit Order(const StartFacts& facts) : facts_(facts) {}

  void Take(const std::string& line) {
    if (line == "--") {
      open_ = Batch::kNone;
      return;
    }
    const Message message = MessageOf(line);
    const Batch batch = BatchOf(message.step);
    Expect(open_ == Batch::kNone || open_ == batch, "start",
           "not all of an earlier phase is answered");
    // Of commands there are as many as there are.
    const bool again = message.step == Step::kCommand;
    Expect(message.Place() >= next_, "start", line);
    next_ = message.Place() + (again ? 0 : 1);
    open_ = batch;
    ++counts_[static_cast<size_t>(message.step)];
    CheckValue(message, line);
  }
  unsigned count(Step step) const { return counts_[static_cast<size_t>(step)]; }
  bool answered() const { return open_ == Batch::kNone; }

 private:
  void CheckValue(const Message& message, const std::string& line) const {
    const unsigned chosen = facts_.forwarded.HasBit(kVersion1) ? 0x0b : 0x03;
    switch (message.step) {
      case Step::kFeatures:
        return Expect(message.number == facts_.forwarded.low(), "start", line);
      case Step::kStatus:
        return Expect(message.number == chosen, "start", line);
      case Step::kDriverOk:
        return Expect(message.number == (chosen | 4), "start", line);
      case Step::kOffloads:
        return Expect(message.number == facts_.offloads, "offloads", line);
      case Step::kRing: {
        const std::string num = " = " + std::to_string(facts_.queue_size);
        return Expect((message.part != kNumPart || line.ends_with(num)) &&
                          (message.part != kBasePart || line.ends_with(" = 0")),
                      "start", line);
      }
      default:
        return;
    }
  }

  const StartFacts& facts_;
  Counts counts_{};
  Batch open_ = Batch::kNone;
  unsigned long next_ = 0;  // The least place that may come.
};

// A stretch of addresses that one part of a ring has for itself.
struct Stretch {
  uint64_t begin = 0;
  uint64_t bytes = 0;
};

}  // namespace

void CheckStartedRings(std::span<const RingFacts> told,
                       std::span<const RingFacts> facts,
                       const RingBytes& bytes) {
  Expect(told.size() == facts.size(), "rings", "not all are told of");
  std::vector<Stretch> stretches;
  std::vector<int> fds;
  for (size_t i = 0; i < told.size(); ++i) {
    const RingFacts& ring = told[i];
    Expect(ring.desc == facts[i].desc && ring.avail == facts[i].avail &&
               ring.used == facts[i].used,
           "ADDR", "it is somewhere else");
    Expect(ring.call >= 0 && ring.call == facts[i].call, "CALL",
           "nobody waits for it");
    Expect(ring.kick >= 0 && ring.kick == facts[i].kick, "KICK",
           "nobody kicks it");
    fds.insert(fds.end(), {ring.call, ring.kick});
    stretches.insert(stretches.end(), {{ring.desc, bytes.desc},
                                       {ring.avail, bytes.avail},
                                       {ring.used, bytes.used}});
  }
  std::ranges::sort(fds);
  Expect(std::ranges::adjacent_find(fds) == fds.end(), "rings",
         "two have the same descriptor");
  std::ranges::sort(stretches, {}, &Stretch::begin);
  for (size_t i = 1; i < stretches.size(); ++i) {
    const Stretch& before = stretches[i - 1];
    Expect(before.begin + before.bytes <= stretches[i].begin, "rings",
           "two lie in each other");
  }
}

void CheckStart(std::span<const std::string> lines, const StartFacts& facts,
                bool done) {
  constexpr unsigned kMessagesOfRing = 4;
  Order order(facts);
  for (const std::string& line : lines) order.Take(line);
  if (!done) return;
  const auto must = [&](Step step, unsigned count) {
    Expect(order.count(step) == count, "start",
           "not all, or too much, is said");
  };
  const unsigned status = facts.status ? 1 : 0;
  must(Step::kCall, facts.rings);
  must(Step::kFeatures, 1);
  must(Step::kStatus, status);
  must(Step::kConfirm, facts.forwarded.HasBit(kVersion1) ? status : 0);
  must(Step::kOffloads, facts.offloads ? 1 : 0);
  must(Step::kTable, 1);
  must(Step::kRing, kMessagesOfRing * facts.rings);
  must(Step::kEnableFirst, facts.ring_enable ? 2 : 0);
  must(Step::kDriverOk, status);
  for (const Step step : {Step::kDisable, Step::kGetBase, Step::kReset}) {
    must(step, 0);
  }
  Expect(order.answered(), "start", "not all is answered");
}

}  // namespace fuzz
