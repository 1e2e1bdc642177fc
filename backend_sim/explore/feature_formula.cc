// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/feature_formula.h"

#include <algorithm>

#include "backend_sim/explore/feature_bits.h"
#include "backend_sim/explore/smt_text.h"

namespace backend_sim {

using virtio_user::FeatureSet;

namespace {

std::string NameOf(bool feature_oracle::Options::* option) {
  const auto at = std::ranges::find(feature_oracle::kOptionNames, option,
                                    &feature_oracle::OptionName::option);
  return std::string(at->name);
}

// What a bit requires of `set`, a conjunction.
std::string Required(unsigned bit, char set, FeatureSet bits) {
  smt::Terms all;
  for (const auto& requirement : feature_oracle::Requirements()) {
    if (requirement.bit != bit) continue;
    for (const auto& group : requirement.groups) {
      smt::Terms any;
      for (const unsigned other : group) {
        if (bits.HasBit(other)) any.push_back(smt::Bit(set, other));
      }
      all.push_back(smt::Or(any));
    }
  }
  return smt::And(all);
}

void DefineClosed(unsigned bit, char set, char closed, FeatureSet bits,
                  FeatureSet& done, std::string& text) {
  if (done.HasBit(bit) || !bits.HasBit(bit)) return;
  done = done | FeatureSet::FromBit(bit);
  for (const auto& requirement : feature_oracle::Requirements()) {
    if (requirement.bit != bit) continue;
    for (const auto& group : requirement.groups) {
      for (const unsigned other : group) {
        DefineClosed(other, set, closed, bits, done, text);
      }
    }
  }
  text +=
      smt::Define(smt::Bit(closed, bit),
                  smt::And({smt::Bit(set, bit), Required(bit, closed, bits)}));
}

// The device hears the driver's commands itself.
constexpr const char* kHeard = "(and own_control_queue cq d17)";

// Whether options alone let us have a bit.
std::string Allowed(unsigned bit) {
  const bool left = feature_oracle::LeftToDevices().HasBit(bit);
  for (const auto& condition : feature_oracle::Conditions()) {
    if (condition.bit != bit) continue;
    smt::Terms needs;
    for (const auto option : condition.needs) needs.push_back(NameOf(option));
    return smt::And(needs);
  }
  return left ? "false" : "true";
}

}  // namespace

std::string DeclareSet(char set, unsigned bits) {
  std::string text;
  for (unsigned bit = 0; bit < bits; ++bit) {
    text += smt::Declare(smt::Bit(set, bit));
  }
  return text;
}

std::string DeclareOptions() {
  std::string text;
  for (const auto& name : feature_oracle::kOptionNames) {
    text += smt::Declare(std::string(name.name));
  }
  return text;
}

std::string IsClosed(char set, FeatureSet bits) {
  smt::Terms all;
  for (const unsigned bit : BitsOf(bits)) {
    all.push_back(
        smt::Or({smt::Not(smt::Bit(set, bit)), Required(bit, set, bits)}));
  }
  return smt::And(all);
}

std::string DefineClosure(char set, char closed, FeatureSet bits) {
  std::string text;
  FeatureSet done;
  for (const unsigned bit : BitsOf(bits)) {
    DefineClosed(bit, set, closed, bits, done, text);
  }
  return text;
}

std::string DefineCandidates() {
  std::string text = smt::Define("heard", kHeard);
  for (const unsigned bit : BitsOf(feature_oracle::Implemented())) {
    const bool left = feature_oracle::LeftToDevices().HasBit(bit);
    const bool added = feature_oracle::AddedByUs().HasBit(bit);
    const std::string allowed = Allowed(bit);
    smt::Terms there = {smt::Bit('d', bit)};
    if (added) {
      there.push_back(left ? smt::And({allowed, smt::Not("heard")}) : allowed);
    }
    const std::string supported = left ? smt::Or({allowed, "heard"}) : allowed;
    text +=
        smt::Define(smt::Bit('c', bit), smt::And({smt::Or(there), supported}));
  }
  return text;
}

std::string DefineTold() {
  std::string text;
  for (unsigned bit = 0; bit < kProofBits; ++bit) {
    smt::Terms all = {smt::Bit('a', bit), smt::Bit('d', bit)};
    if (feature_oracle::OurOwn().HasBit(bit)) {
      const bool config = feature_oracle::OfConfiguration().HasBit(bit);
      all.push_back(config ? smt::Or({"heard", "config_events"}) : "heard");
    }
    text += smt::Define(smt::Bit('t', bit), smt::And(all));
  }
  return text;
}

}  // namespace backend_sim
