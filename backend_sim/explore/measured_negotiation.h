// SPDX-License-Identifier: BSD-3-Clause
//
// What negotiation does, measured: truth tables of the functions themselves,
// as formulas.

#ifndef BACKEND_SIM_EXPLORE_MEASURED_NEGOTIATION_H_
#define BACKEND_SIM_EXPLORE_MEASURED_NEGOTIATION_H_

#include <string>

#include "backend_sim/explore/decision_diagram.h"
#include "backend_sim/explore/negotiation_subject.h"

namespace backend_sim {

// Each adds to `diagrams` and returns definitions that build on them. A table
// is of one component, with every option; that components leave each other
// alone is what ExplorePairs tries.
class MeasuredNegotiation {
 public:
  MeasuredNegotiation(const NegotiationSubject& subject,
                      DecisionDiagrams& diagrams)
      : subject_(subject), diagrams_(diagrams) {}

  // p: what is offered, of the implemented bits, by d and the options.
  std::string DefineOffered();
  // f: what the back-end is told, of 64 bits, by a, d, and the options.
  std::string DefineForwarded();
  // accepted: whether a driver may accept a where o is offered; o has the
  // implemented bits alone, a has 64.
  std::string DefineAccepted();
  // q: the closure of x, of 128 bits.
  std::string DefineClosure();

 private:
  const NegotiationSubject subject_;
  DecisionDiagrams& diagrams_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_MEASURED_NEGOTIATION_H_
