// SPDX-License-Identifier: BSD-3-Clause

#ifndef BACKEND_SIM_EXPLORE_FEATURE_BITS_H_
#define BACKEND_SIM_EXPLORE_FEATURE_BITS_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "backend_sim/explore/feature_oracle.h"

namespace backend_sim {

using FeatureBits = std::vector<unsigned>;

// The bits of a set, lowest first.
FeatureBits BitsOf(virtio_user::FeatureSet set);
// Subset `index` of `bits`: bit i of the index is bits[i].
virtio_user::FeatureSet SubsetOf(std::span<const unsigned> bits,
                                 uint64_t index);

// The bits of `among`, put together where one requires the other, by whatever
// way round within `among`. In the order of their lowest bits.
std::vector<FeatureBits> Components(virtio_user::FeatureSet among);

// "VIRTIO_NET_F_MQ, bit 25", or "none"; "all 128 bits".
std::string TextOf(virtio_user::FeatureSet set);
// "cq, mrg_rxbuf", or "none".
std::string TextOf(const feature_oracle::Options& options);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_FEATURE_BITS_H_
