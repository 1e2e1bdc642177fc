// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_CASE_OBSERVER_H_
#define BACKEND_SIM_EXPLORE_CASE_OBSERVER_H_

#include <string_view>

namespace backend_sim {

// Is told of each case before it is tried, by the thread that tries it: so
// that one that crashes or never ends can be named.
class CaseObserver {
 public:
  virtual ~CaseObserver() = default;

  virtual void Begin(std::string_view name) = 0;
  // What the case does next; its name goes on with it.
  virtual void Add(std::string_view name) = 0;
  virtual void End() = 0;
};

// Around one case. `observer` is borrowed and may be null.
class ObservedCase {
 public:
  ObservedCase(CaseObserver* observer, std::string_view name)
      : observer_(observer) {
    if (observer_ != nullptr) observer_->Begin(name);
  }
  ~ObservedCase() {
    if (observer_ != nullptr) observer_->End();
  }
  ObservedCase(const ObservedCase&) = delete;
  ObservedCase& operator=(const ObservedCase&) = delete;

  void Add(std::string_view name) {
    if (observer_ != nullptr) observer_->Add(name);
  }

 private:
  CaseObserver* const observer_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_CASE_OBSERVER_H_
