// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_NEGOTIATION_CHECK_H_
#define BACKEND_SIM_EXPLORE_NEGOTIATION_CHECK_H_

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "backend_sim/explore/feature_oracle.h"
#include "backend_sim/explore/negotiation_subject.h"

namespace backend_sim {

// An option set with what the oracle makes of it.
struct OptionSet {
  explicit OptionSet(const feature_oracle::Options& chosen);

  const feature_oracle::Masks& MasksFor(virtio_user::FeatureSet device) const {
    return device.Has(virtio_user::Feature::kNetCtrlVq) ? with_ctrl_vq : plain;
  }

  feature_oracle::Options options;
  virtio_user::NegotiationInputs inputs;
  feature_oracle::Masks plain;         // Of a device without CTRL_VQ.
  feature_oracle::Masks with_ctrl_vq;  // Of one with it.
};

// Whether a check keeps what the oracle has said: for cases that come again.
enum class OracleMemory : uint8_t { kKept, kNone };

// One negotiation at a time: the subject's answers against the oracle's. One
// thread.
class NegotiationCheck {
 public:
  explicit NegotiationCheck(const NegotiationSubject& subject,
                            OracleMemory memory = OracleMemory::kKept)
      : subject_(subject), memory_(memory) {}

  // A back-end's offer under an option set, and a driver that chooses
  // `choice`, good or bad, or all that it is offered. What is wrong.
  std::optional<std::string> Whole(const OptionSet& set,
                                   virtio_user::FeatureSet device,
                                   virtio_user::FeatureSet choice);
  // Without a driver.
  std::optional<std::string> Offer(const OptionSet& set,
                                   virtio_user::FeatureSet device);
  // The closure of any set.
  std::optional<std::string> Closure(virtio_user::FeatureSet set);
  // The verdict on a driver's choice, and what it says of a bad one: the bit
  // and the kind of error.
  std::optional<std::string> Accepted(virtio_user::FeatureSet offered,
                                      virtio_user::FeatureSet choice);

 private:
  struct Hash {
    size_t operator()(virtio_user::FeatureSet set) const {
      return (set.low() ^ set.high() * 0x9e3779b97f4a7c15u) *
                 0xbf58476d1ce4e5b9u >>
             20;
    }
  };

  virtio_user::FeatureSet OracleClosure(virtio_user::FeatureSet set);
  std::optional<unsigned> OracleOffence(virtio_user::FeatureSet offered,
                                        virtio_user::FeatureSet choice);
  std::optional<std::string> Told(const OptionSet& set,
                                  const virtio_user::FeatureMasks& masks,
                                  virtio_user::FeatureSet accepted) const;

  const NegotiationSubject subject_;
  const OracleMemory memory_;
  std::unordered_map<virtio_user::FeatureSet, virtio_user::FeatureSet, Hash>
      closures_;
  std::unordered_map<virtio_user::FeatureSet, std::optional<unsigned>, Hash>
      offences_;  // Of what was offered.
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_NEGOTIATION_CHECK_H_
