// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/measured_negotiation.h"

#include <utility>
#include <vector>

#include "backend_sim/explore/feature_bits.h"
#include "backend_sim/explore/feature_formula.h"
#include "backend_sim/explore/smt_text.h"

namespace backend_sim {

using virtio_user::FeatureSet;

namespace {

using Variables = DecisionDiagrams::Variables;
using Tables = std::vector<std::vector<bool>>;

void AddBits(char set, const FeatureBits& bits, Variables& variables) {
  for (const unsigned bit : bits) variables.push_back(smt::Bit(set, bit));
}

void AddOptions(Variables& variables) {
  for (const auto& name : feature_oracle::kOptionNames) {
    variables.emplace_back(name.name);
  }
}

}  // namespace

std::string MeasuredNegotiation::DefineOffered() {
  std::string text;
  for (const FeatureBits& bits : Components(feature_oracle::Implemented())) {
    Variables variables;
    AddBits('d', bits, variables);
    AddOptions(variables);
    const size_t subsets = size_t{1} << bits.size();
    Tables tables(bits.size(),
                  std::vector<bool>(subsets * feature_oracle::kAllOptionSets));
    for (unsigned set = 0; set < feature_oracle::kAllOptionSets; ++set) {
      const auto inputs = InputsOf(feature_oracle::AllOptionsOf(set));
      for (size_t i = 0; i < subsets; ++i) {
        const FeatureSet offered =
            subject_.offered(subject_.compose(SubsetOf(bits, i), inputs));
        for (size_t k = 0; k < bits.size(); ++k) {
          tables[k][set * subsets + i] = offered.HasBit(bits[k]);
        }
      }
    }
    for (size_t k = 0; k < bits.size(); ++k) {
      text += smt::Define(smt::Bit('p', bits[k]),
                          diagrams_.Add(variables, std::move(tables[k])));
    }
  }
  return text;
}

std::string MeasuredNegotiation::DefineForwarded() {
  constexpr unsigned kCtrlVq = 17;
  std::string text;
  for (unsigned bit = 0; bit < kProofBits; ++bit) {
    FeatureBits device = {bit};
    if (bit != kCtrlVq) device.push_back(kCtrlVq);
    Variables variables = {smt::Bit('a', bit)};
    AddBits('d', device, variables);
    AddOptions(variables);
    const auto told = [&](uint64_t index) {
      const FeatureSet accepted = SubsetOf({{bit}}, index);
      const FeatureSet offer = SubsetOf(device, index >> 1);
      const auto inputs = InputsOf(feature_oracle::AllOptionsOf(
          static_cast<unsigned>(index >> (1 + device.size()))));
      return subject_.forwarded(subject_.compose(offer, inputs), accepted)
          .HasBit(bit);
    };
    text += smt::Define(smt::Bit('f', bit), diagrams_.Add(variables, told));
  }
  return text;
}

std::string MeasuredNegotiation::DefineAccepted() {
  smt::Terms all;
  for (const FeatureBits& bits : Components(feature_oracle::Implemented())) {
    // Side by side, since a bit is judged with what was offered of it.
    Variables variables;
    for (const unsigned bit : bits) {
      variables.push_back(smt::Bit('o', bit));
      variables.push_back(smt::Bit('a', bit));
    }
    all.push_back(diagrams_.Add(variables, [&](uint64_t index) {
      FeatureSet offered;
      FeatureSet accepted;
      for (const unsigned bit : bits) {
        if ((index & 1) != 0) offered = offered | FeatureSet::FromBit(bit);
        if ((index & 2) != 0) accepted = accepted | FeatureSet::FromBit(bit);
        index >>= 2;
      }
      return subject_.check(offered, accepted).has_value();
    }));
  }
  for (const unsigned bit : BitsOf(~feature_oracle::Implemented())) {
    if (bit >= kProofBits) continue;
    all.push_back(diagrams_.Add({smt::Bit('a', bit)}, [&](uint64_t index) {
      return subject_.check({}, SubsetOf({{bit}}, index)).has_value();
    }));
  }
  return smt::Define("accepted", smt::And(all));
}

std::string MeasuredNegotiation::DefineClosure() {
  std::string text;
  for (const FeatureBits& bits : Components(~FeatureSet())) {
    Variables variables;
    AddBits('x', bits, variables);
    const size_t subsets = size_t{1} << bits.size();
    Tables tables(bits.size(), std::vector<bool>(subsets));
    for (size_t i = 0; i < subsets; ++i) {
      const FeatureSet closed = subject_.closure(SubsetOf(bits, i));
      for (size_t k = 0; k < bits.size(); ++k) {
        tables[k][i] = closed.HasBit(bits[k]);
      }
    }
    for (size_t k = 0; k < bits.size(); ++k) {
      text += smt::Define(smt::Bit('q', bits[k]),
                          diagrams_.Add(variables, std::move(tables[k])));
    }
  }
  return text;
}

}  // namespace backend_sim
