// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_NEGOTIATION_SUBJECT_H_
#define BACKEND_SIM_EXPLORE_NEGOTIATION_SUBJECT_H_

#include "backend_sim/explore/feature_oracle.h"
#include "virtio_user/device/negotiation.h"

namespace backend_sim {

// The functions that are explored: production's, unless somebody wants to see
// whether a wrong one is found. Called from several threads.
struct NegotiationSubject {
  virtio_user::FeatureMasks (*compose)(virtio_user::FeatureSet,
                                       const virtio_user::NegotiationInputs&) =
      &virtio_user::ComposeMasks;
  virtio_user::FeatureSet (*offered)(const virtio_user::FeatureMasks&) =
      [](const virtio_user::FeatureMasks& masks) { return masks.Offered(); };
  virtio_user::FeatureSet (*closure)(virtio_user::FeatureSet) =
      &virtio_user::DependencyClosure;
  virtio_user::Result<void> (*check)(virtio_user::FeatureSet,
                                     virtio_user::FeatureSet) =
      &virtio_user::CheckAccepted;
  virtio_user::FeatureSet (*forwarded)(const virtio_user::FeatureMasks&,
                                       virtio_user::FeatureSet) =
      &virtio_user::Forwarded;
};

virtio_user::NegotiationInputs InputsOf(const feature_oracle::Options& options);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_NEGOTIATION_SUBJECT_H_
