// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/feature_proof.h"

#include <algorithm>

#include "backend_sim/explore/decision_diagram.h"
#include "backend_sim/explore/feature_bits.h"
#include "backend_sim/explore/feature_formula.h"
#include "backend_sim/explore/measured_negotiation.h"
#include "backend_sim/explore/smt_text.h"

namespace backend_sim {

using virtio_user::Fail;
using virtio_user::FeatureSet;
using virtio_user::Result;

namespace {

constexpr unsigned kSolverSeconds = 60;

// A set that a counterexample tells of, and what it is.
struct Shown {
  char set;
  FeatureSet bits;
  const char* what;
};

struct Claim {
  const char* text;
  std::string refuted_if;  // What no masks and no options may make true.
  std::vector<Shown> shown;
  bool options = true;  // The options say something too.
};

constexpr FeatureSet kWire = FeatureSet::FromWords(~uint64_t{0});
constexpr FeatureSet kEverything = ~FeatureSet();

// Some bit of one set is not as in the other.
std::string SomeDiffer(char a, char b, FeatureSet bits) {
  smt::Terms any;
  for (const unsigned bit : BitsOf(bits)) {
    any.push_back(smt::Differ(smt::Bit(a, bit), smt::Bit(b, bit)));
  }
  return smt::Or(any);
}

// Some bit of `a` is not in `b`.
std::string SomeBeyond(char a, char b, FeatureSet bits) {
  smt::Terms any;
  for (const unsigned bit : BitsOf(bits)) {
    any.push_back(smt::And({smt::Bit(a, bit), smt::Not(smt::Bit(b, bit))}));
  }
  return smt::Or(any);
}

// `a` has no bits but those of `bits`.
std::string HasOnly(char a, FeatureSet bits) {
  smt::Terms all;
  for (const unsigned bit : BitsOf(kWire & ~bits)) {
    all.push_back(smt::Not(smt::Bit(a, bit)));
  }
  return smt::And(all);
}

std::vector<Claim> Claims() {
  const FeatureSet ours = feature_oracle::Implemented();
  const Shown device = {'d', kWire, "the back-end offers"};
  const Shown offered = {'p', ours, "offered"};
  const Shown must = {'w', ours, "must be"};
  const Shown larger = {'y', ours, "a larger closed set"};
  const Shown accepted = {'a', kWire, "accepted"};
  const Shown told = {'f', kWire, "forwarded"};
  const std::string may_accept =
      smt::And({smt::Not(SomeBeyond('a', 'o', ours)), HasOnly('a', ours),
                IsClosed('a', ours)});
  return {
      {"offered is what the requirements leave of the candidates",
       SomeDiffer('p', 'w', ours),
       {device, offered, must}},
      {"offered is closed: every bit has what it requires",
       smt::Not(IsClosed('p', ours)),
       {device, offered}},
      {"offered is a subset of the candidates",
       SomeBeyond('p', 'c', ours),
       {device, offered, {'c', ours, "candidates"}}},
      {"no closed subset of the candidates has a bit that is not offered",
       smt::And({smt::Not(SomeBeyond('y', 'c', ours)), IsClosed('y', ours),
                 SomeBeyond('y', 'p', ours)}),
       {device, offered, larger}},
      {"accepted if and only if offered and closed",
       smt::Differ("accepted", may_accept),
       {{'o', ours, "offered"}, accepted},
       false},
      {"forwarded is what was accepted of the back-end's own, less ours",
       SomeDiffer('f', 't', kWire),
       {device, accepted, told, {'t', kWire, "must be"}}},
      {"forwarded is a subset of what the back-end offers, and of the accepted",
       smt::Or({SomeBeyond('f', 'd', kWire), SomeBeyond('f', 'a', kWire)}),
       {device, accepted, told}},
      {"the closure of any 128 bits is their largest closed subset",
       smt::Or({SomeDiffer('q', 'z', kEverything),
                smt::Not(IsClosed('q', kEverything)),
                SomeBeyond('q', 'x', kEverything)}),
       {{'x', kEverything, "the closure of"},
        {'q', kEverything, "is"},
        {'z', kEverything, "must be"}},
       false},
  };
}

// All that is declared and defined before a claim.
std::string Premises(const NegotiationSubject& subject) {
  const FeatureSet ours = feature_oracle::Implemented();
  std::string text = DeclareOptions();
  for (const char set : {'d', 'a', 'o', 'y'}) text += DeclareSet(set);
  text += DeclareSet('x', virtio_user::kFeatureBits);
  text += DefineCandidates() + DefineClosure('c', 'w', ours) + DefineTold() +
          DefineClosure('x', 'z', kEverything);
  DecisionDiagrams diagrams;
  MeasuredNegotiation measured(subject, diagrams);
  const std::string built =
      measured.DefineOffered() + measured.DefineForwarded() +
      measured.DefineAccepted() + measured.DefineClosure();
  return text + diagrams.definitions() + built;
}

std::string Question(const Claim& claim) {
  std::string text = "(assert " + claim.refuted_if + ")\n(check-sat)\n";
  text += "(get-value (";
  for (const auto& name : feature_oracle::kOptionNames) {
    text += std::string(name.name) + " ";
  }
  for (const Shown& shown : claim.shown) {
    for (const unsigned bit : BitsOf(shown.bits)) {
      text += smt::Bit(shown.set, bit) + " ";
    }
  }
  return text + "))\n";
}

bool IsTrue(const std::string& answer, const std::string& name) {
  return answer.contains("(" + name + " true)");
}

std::string Counterexample(const Claim& claim, const std::string& answer) {
  std::string text;
  if (claim.options) {
    feature_oracle::Options options;
    for (const auto& name : feature_oracle::kOptionNames) {
      options.*name.option = IsTrue(answer, std::string(name.name));
    }
    text = "options: " + TextOf(options) + "; ";
  }
  for (const Shown& shown : claim.shown) {
    FeatureSet set;
    for (const unsigned bit : BitsOf(shown.bits)) {
      if (!IsTrue(answer, smt::Bit(shown.set, bit))) continue;
      set = set | FeatureSet::FromBit(bit);
    }
    text += std::string(shown.what) + ": " + TextOf(set) + "; ";
  }
  return text.substr(0, text.size() - 2);
}

Result<Theorem> Prove(const Claim& claim, const std::string& premises,
                      const Solver& solver) {
  const auto answer = solver.Ask(premises + Question(claim), kSolverSeconds);
  if (!answer) return Fail(answer);
  Theorem theorem{.claim = claim.text,
                  .proved = answer->starts_with("unsat"),
                  .why_not = {}};
  if (answer->starts_with("sat")) {
    theorem.why_not = Counterexample(claim, *answer);
  } else if (!theorem.proved) {
    theorem.why_not =
        "the solver says: " + answer->substr(0, answer->find('\n'));
  }
  return theorem;
}

}  // namespace

bool FeatureProof::Good() const {
  return !theorems.empty() && std::ranges::all_of(theorems, &Theorem::proved);
}

Result<FeatureProof> ProveFeatures(const NegotiationSubject& subject,
                                   const Solver& solver) {
  FeatureProof proof;
  const auto version = solver.Version();
  if (!version) return Fail(version);
  proof.solver = *version;
  const std::string premises = Premises(subject);
  for (const Claim& claim : Claims()) {
    auto theorem = Prove(claim, premises, solver);
    if (!theorem) return Fail(theorem);
    proof.theorems.push_back(*std::move(theorem));
  }
  return proof;
}

}  // namespace backend_sim
