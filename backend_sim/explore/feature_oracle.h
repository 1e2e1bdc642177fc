// SPDX-License-Identifier: BSD-3-Clause
//
// What feature negotiation must come to, said a second time: tables typed
// from virtio 1.4 ("Feature bit requirements") and a fixpoint over single
// bits. Shares nothing with production but the types of spec/.

#ifndef BACKEND_SIM_EXPLORE_FEATURE_ORACLE_H_
#define BACKEND_SIM_EXPLORE_FEATURE_ORACLE_H_

#include <array>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "virtio_user/spec/feature.h"

namespace backend_sim::feature_oracle {

using virtio_user::FeatureSet;

// What decides beside the back-end's offer.
struct Options {
  bool mac = false;
  bool cq = false;
  bool mtu = false;
  bool mrg_rxbuf = false;
  bool in_order = false;
  bool packed = false;
  bool link_state = false;
  bool multiqueue = false;
  bool guest_offloads = false;
  bool own_control_queue = false;  // The device hears commands itself.
  bool config_events = false;      // It has a configuration space that lives.
};
struct OptionName {
  bool Options::* option;
  std::string_view name;
};
inline constexpr std::array<OptionName, 11> kOptionNames = {{
    {&Options::mac, "mac"},
    {&Options::cq, "cq"},
    {&Options::mrg_rxbuf, "mrg_rxbuf"},
    {&Options::in_order, "in_order"},
    {&Options::link_state, "link_state"},
    {&Options::multiqueue, "multiqueue"},
    {&Options::packed, "packed"},
    {&Options::mtu, "mtu"},
    {&Options::guest_offloads, "guest_offloads"},
    {&Options::own_control_queue, "own_control_queue"},
    {&Options::config_events, "config_events"},
}};
// Every combination of them.
inline constexpr unsigned kAllOptionSets = 1u << kOptionNames.size();
// Combination `index`: bit i is kOptionNames[i].
Options AllOptionsOf(unsigned index);

inline constexpr unsigned kOptionSets = 256;
// The first quarter: neither packed rings nor guest offloads nor an MTU.
inline constexpr unsigned kSplitOptionSets = 64;
// Option set number `index`, of a back-end that hears no commands.
Options OptionsOf(unsigned index);

// "bit requires": each group holds alternatives, and one of each group must be
// there.
struct Requirement {
  unsigned bit;
  std::initializer_list<std::initializer_list<unsigned>> groups;
};
// No bit requires itself, by whatever way round.
std::span<const Requirement> Requirements();

// A bit that is there only with options, all of them.
struct Condition {
  unsigned bit;
  std::initializer_list<bool Options::*> needs;
};
std::span<const Condition> Conditions();

// Everything that this front-end does, RSS and HASH_REPORT too, which it
// leaves to devices that hear commands themselves.
FeatureSet Implemented();
// What such a device has by itself, and may or may not have.
FeatureSet LeftToDevices();
// What we offer by ourselves where the options allow it.
FeatureSet AddedByUs();
// What is not told to a back-end that hears no commands; less those of the
// configuration where that lives at the other end.
FeatureSet OurOwn();
FeatureSet OfConfiguration();

// Whether each bit of `set` has what it requires.
bool Closed(FeatureSet set);
// Takes away unsatisfied bits, one at a time, until none is left.
FeatureSet Closure(FeatureSet set);

// What a driver may be shown under an option set, before the closure.
struct Masks {
  FeatureSet ours;       // Offered by us, whatever the back-end offers.
  FeatureSet supported;  // What this front-end does and was told to do.
  FeatureSet untold;     // What the back-end does not hear of.

  FeatureSet Candidates(FeatureSet device) const {
    return (device | ours) & supported;
  }
};
// Of a device that does not hear commands itself.
Masks MasksOf(const Options& options);
// Of this one, which does if the options say so and it has CTRL_VQ.
Masks MasksOf(const Options& options, FeatureSet device);

// What the back-end is told.
FeatureSet Forwarded(FeatureSet device, FeatureSet accepted);

// The lowest bit of `accepted` that may not be in it; nothing: all may.
std::optional<unsigned> FirstOffence(FeatureSet offered, FeatureSet accepted);

}  // namespace backend_sim::feature_oracle

#endif  // BACKEND_SIM_EXPLORE_FEATURE_ORACLE_H_
