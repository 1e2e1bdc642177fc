// SPDX-License-Identifier: BSD-3-Clause
//
// Feature masks, all of a kind, through production's negotiation.

#ifndef BACKEND_SIM_EXPLORE_FEATURE_CASES_H_
#define BACKEND_SIM_EXPLORE_FEATURE_CASES_H_

#include <array>
#include <vector>

#include "backend_sim/explore/count.h"
#include "backend_sim/explore/feature_bits.h"
#include "backend_sim/explore/negotiation_subject.h"
#include "backend_sim/explore/parallel.h"

namespace backend_sim {

// 0x910cf99a3: CSUM, GUEST_CSUM, MAC, GUEST_TSO4, GUEST_TSO6, HOST_TSO4,
// HOST_TSO6, MRG_RXBUF, STATUS, CTRL_VQ, CTRL_RX, CTRL_VLAN, MQ, CTRL_MAC_ADDR,
// INDIRECT_DESC, VERSION_1, IN_ORDER.
inline constexpr std::array<unsigned, 17> kSeedBits = {
    0, 1, 5, 7, 8, 11, 12, 15, 16, 17, 18, 19, 22, 23, 28, 32, 35};

// What a user of a split-ring device on a socket or a server's path can choose:
// mac, mrg_rxbuf, in_order, whether the connection is seen (link_state), each
// or not; and one pair without a control queue, one pair with one, or several
// pairs with one, since several take one: 2 * 2 * 2 * 2 * 3.
inline constexpr size_t kSeedOptionSets = 48;
std::vector<feature_oracle::Options> SeedOptionSets();

// Every subset of `bits` as a back-end's offer under each of the option sets,
// with a driver that accepts all that it is offered, and one that accepts a
// subset drawn at random.
ExploreCount ExploreSubsets(
    std::span<const unsigned> bits,
    const std::vector<feature_oracle::Options>& option_sets,
    const NegotiationSubject& subject, const ExploreOptions& options);

// A component completely. Cases: its subsets as a back-end's offer, by all
// option sets; as what a driver chooses, by its subsets as what was offered.
ExploreCount ExploreComponent(const FeatureBits& component,
                              const NegotiationSubject& subject,
                              const ExploreOptions& options);

// Each component of all 128 bits, as the requirements connect them, completely
// through the closure alone.
ExploreCount ExploreClosure(const NegotiationSubject& subject,
                            const ExploreOptions& options);

// Two bits of `among` that are of different components, one of them
// implemented, each there or not, beside no other bits and beside all others,
// under all option sets.
ExploreCount ExplorePairs(virtio_user::FeatureSet among,
                          const NegotiationSubject& subject,
                          const ExploreOptions& options);

}  // namespace backend_sim

#endif  // BACKEND_SIM_EXPLORE_FEATURE_CASES_H_
