// SPDX-License-Identifier: BSD-3-Clause
//
// Calls that read what a peer may write, each with a peer that has just done
// something honest, so that there is something to read.

#ifndef TESTS_DOUBLEFETCH_SCENARIO_H_
#define TESTS_DOUBLEFETCH_SCENARIO_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tests/ring_support.h"
#include "virtio_user/base/error.h"

namespace virtio_user {

class Scenario {
 public:
  virtual ~Scenario() = default;

  // All that both sides can write.
  virtual const TestArena& arena() const = 0;
  virtual const RingLayout& layout() const = 0;
  // The call whose loads are looked at; once.
  virtual void Call() = 0;
  // After Call. Nothing was changed meanwhile: it did all that was to be done.
  virtual void ExpectDone() = 0;
  // After Call and before those below: what it did, with all that the caller
  // can see of it.
  virtual std::string Outcome() = 0;
  // After Call, whatever was changed: the queue goes on or is broken and says
  // why; every buffer comes back once; nothing around is touched; and after a
  // fresh start it works.
  virtual void ExpectSound() = 0;
};

struct NamedScenario {
  std::string name;
  std::function<std::unique_ptr<Scenario>()> make;
};

// For outcomes: nothing, or the reason.
inline std::string BrokenText(const std::optional<Error>& broken) {
  return broken ? " broken: " + std::string(broken->text()) : "";
}

std::vector<NamedScenario> RxScenarios();
std::vector<NamedScenario> TxScenarios();
std::vector<NamedScenario> DriverQueueScenarios();
std::vector<NamedScenario> ControlScenarios();
std::vector<NamedScenario> DeviceQueueScenarios();
std::vector<NamedScenario> AllScenarios();

// What of a ring, or of the memory around it, this is: "used.idx",
// "used[].len", "desc[].tail" and so on; "buffer" for everything else.
std::string FieldAt(const RingLayout& layout, const std::byte* at);

}  // namespace virtio_user

#endif  // TESTS_DOUBLEFETCH_SCENARIO_H_
