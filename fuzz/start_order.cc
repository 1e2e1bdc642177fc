// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/start_order.h"

#include <array>
#include <cstdlib>
#include <string_view>

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
    {"NUM", Step::kRing, 0},
    {"BASE", Step::kRing, 1},
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
      case Step::kRing:
        return Expect(
            message.part != 0 ||
                line.ends_with(" = " + std::to_string(facts_.queue_size)),
            "start", line);
      default:
        return;
    }
  }

  const StartFacts& facts_;
  Counts counts_{};
  Batch open_ = Batch::kNone;
  unsigned long next_ = 0;  // The least place that may come.
};

}  // namespace

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
