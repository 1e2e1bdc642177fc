// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_NET_LAYOUTS_H_
#define TESTS_NET_LAYOUTS_H_

#include <ostream>
#include <string>
#include <vector>

#include "virtio_user/spec/feature.h"

namespace virtio_user {

// Features under which the data path takes one of its ways.
struct NetLayout {
  std::string name;
  FeatureSet features;

  bool packed() const { return features.Has(Feature::kRingPacked); }
  bool in_order() const { return features.Has(Feature::kInOrder); }
  bool mergeable() const { return features.Has(Feature::kNetMrgRxbuf); }
};
inline void PrintTo(const NetLayout& layout, std::ostream* out) {
  *out << layout.name;
}
struct NetLayoutName {
  template <typename Info>
  std::string operator()(const Info& info) const {
    return info.param.name;
  }
};

// The eight of path_selection, with VERSION_1.
inline std::vector<NetLayout> ModernLayouts() {
  std::vector<NetLayout> layouts;
  for (const bool packed : {false, true}) {
    for (const bool in_order : {false, true}) {
      for (const bool mergeable : {false, true}) {
        NetLayout layout{.name = packed ? "Packed" : "Split",
                         .features = {Feature::kVersion1}};
        if (packed) layout.features.Add(Feature::kRingPacked);
        if (in_order) layout.features.Add(Feature::kInOrder);
        if (mergeable) layout.features.Add(Feature::kNetMrgRxbuf);
        layout.name += in_order ? "InOrder" : "Any";
        layout.name += mergeable ? "Mergeable" : "";
        layouts.push_back(layout);
      }
    }
  }
  return layouts;
}

// Those, and other headers: of 10 bytes, on their own or not; of 20 bytes.
inline std::vector<NetLayout> AllLayouts() {
  std::vector<NetLayout> layouts = ModernLayouts();
  const FeatureSet hash = {Feature::kVersion1, Feature::kNetHashReport};
  layouts.push_back({"Legacy", {}});
  layouts.push_back({"LegacyMergeable", {Feature::kNetMrgRxbuf}});
  layouts.push_back({"LegacyInOrder", {Feature::kInOrder}});
  layouts.push_back({"AnyLayout", {Feature::kAnyLayout}});
  layouts.push_back({"Hash", hash});
  layouts.push_back(
      {"HashPackedMergeable",
       hash | FeatureSet{Feature::kRingPacked, Feature::kNetMrgRxbuf}});
  return layouts;
}

}  // namespace virtio_user

#endif  // TESTS_NET_LAYOUTS_H_
