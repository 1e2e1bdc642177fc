// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/negotiation_check.h"

#include "backend_sim/explore/feature_bits.h"

namespace backend_sim {

using virtio_user::ErrorCode;
using virtio_user::Feature;
using virtio_user::FeatureMasks;
using virtio_user::FeatureSet;

namespace {

std::string Where(const OptionSet& set, FeatureSet device) {
  return "options: " + TextOf(set.options) +
         "; the back-end offers: " + TextOf(device) + "; ";
}

std::string ButMust(FeatureSet is, FeatureSet must) {
  return TextOf(is) + "; must be: " + TextOf(must);
}

// How a refusal has to begin.
std::string BeginningOf(unsigned bit) {
  return "feature bit " + std::to_string(bit) + " (";
}

// Of a bit that may not be accepted. No message carries those from 64 up.
ErrorCode CodeOf(FeatureSet offered, unsigned bit) {
  return bit >= 64 && !offered.HasBit(bit) ? ErrorCode::kUnsupported
                                           : ErrorCode::kInvalidArgument;
}

}  // namespace

OptionSet::OptionSet(const feature_oracle::Options& chosen)
    : options(chosen),
      inputs(InputsOf(chosen)),
      plain(feature_oracle::MasksOf(chosen)),
      with_ctrl_vq(
          feature_oracle::MasksOf(chosen, FeatureSet{Feature::kNetCtrlVq})) {}

FeatureSet NegotiationCheck::OracleClosure(FeatureSet set) {
  if (memory_ == OracleMemory::kNone) return feature_oracle::Closure(set);
  const auto [at, is_new] = closures_.try_emplace(set);
  if (is_new) at->second = feature_oracle::Closure(set);
  return at->second;
}

std::optional<std::string> NegotiationCheck::Told(const OptionSet& set,
                                                  const FeatureMasks& masks,
                                                  FeatureSet accepted) const {
  const FeatureSet must =
      masks.device & accepted & ~set.MasksFor(masks.device).untold;
  const FeatureSet told = subject_.forwarded(masks, accepted);
  if (told == must) return std::nullopt;
  return Where(set, masks.device) + "accepted: " + TextOf(accepted) +
         "; forwarded: " + ButMust(told, must);
}

std::optional<std::string> NegotiationCheck::Offer(const OptionSet& set,
                                                   FeatureSet device) {
  const FeatureMasks masks = subject_.compose(device, set.inputs);
  if (masks.device != device) {
    return Where(set, device) +
           "the device's mask: " + ButMust(masks.device, device);
  }
  const FeatureSet must =
      OracleClosure(set.MasksFor(device).Candidates(device));
  const FeatureSet offered = subject_.offered(masks);
  if (offered != must) {
    return Where(set, device) + "offered: " + ButMust(offered, must);
  }
  return Told(set, masks, offered);
}

std::optional<std::string> NegotiationCheck::Whole(const OptionSet& set,
                                                   FeatureSet device,
                                                   FeatureSet choice) {
  if (auto wrong = Offer(set, device)) return wrong;
  const FeatureMasks masks = subject_.compose(device, set.inputs);
  const FeatureSet offered = subject_.offered(masks);
  if (!subject_.check(offered, offered)) {
    return Where(set, device) +
           "the whole offer was refused: " + TextOf(offered);
  }
  if (auto wrong = Accepted(offered, choice)) {
    return Where(set, device) + *wrong;
  }
  return Told(set, masks, offered & choice);
}

std::optional<std::string> NegotiationCheck::Closure(FeatureSet set) {
  const FeatureSet must = OracleClosure(set);
  const FeatureSet closed = subject_.closure(set);
  if (closed == must) return std::nullopt;
  return "the closure of " + TextOf(set) + ": " + ButMust(closed, must);
}

std::optional<unsigned> NegotiationCheck::OracleOffence(FeatureSet offered,
                                                        FeatureSet choice) {
  if (memory_ == OracleMemory::kNone || !offered.HasAll(choice)) {
    return feature_oracle::FirstOffence(offered, choice);
  }
  const auto [at, is_new] = offences_.try_emplace(choice);
  if (is_new) at->second = feature_oracle::FirstOffence(choice, choice);
  return at->second;
}

std::optional<std::string> NegotiationCheck::Accepted(FeatureSet offered,
                                                      FeatureSet choice) {
  const bool must = offered.HasAll(choice) && OracleClosure(choice) == choice;
  const auto verdict = subject_.check(offered, choice);
  const auto what = [&] {
    return "offered: " + TextOf(offered) + "; accepting " + TextOf(choice) +
           " was ";
  };
  if (verdict.has_value() != must) {
    return what() + (must ? "refused" : "allowed");
  }
  if (must) return std::nullopt;
  const auto bit = OracleOffence(offered, choice);
  if (!bit) return what() + "refused, and the oracle knows no bit for it";
  if (!verdict.error().text().starts_with(BeginningOf(*bit)) ||
      verdict.error().code() != CodeOf(offered, *bit)) {
    const ErrorCode code = verdict.error().code();
    return what() + "refused as " + std::string(ToString(code)) +
           " by: " + std::string(verdict.error().text()) + "; must be " +
           std::string(ToString(CodeOf(offered, *bit))) + ": " +
           BeginningOf(*bit) + "...";
  }
  return std::nullopt;
}

}  // namespace backend_sim
