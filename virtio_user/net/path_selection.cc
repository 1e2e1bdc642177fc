// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/path_selection.h"

#include "virtio_user/base/check.h"
#include "virtio_user/net/net_header.h"

namespace virtio_user {
namespace {

using enum RingFormat;

constexpr DataPath kPaths[] = {
    {"split-nomrg", kSplit, UseOrder::kAny, Merging::kNone},
    {"split-mrg", kSplit, UseOrder::kAny, Merging::kMergeable},
    {"split-inorder-nomrg", kSplit, UseOrder::kInOrder, Merging::kNone},
    {"split-inorder-mrg", kSplit, UseOrder::kInOrder, Merging::kMergeable},
    {"packed-nomrg", kPacked, UseOrder::kAny, Merging::kNone},
    {"packed-mrg", kPacked, UseOrder::kAny, Merging::kMergeable},
    {"packed-inorder-nomrg", kPacked, UseOrder::kInOrder, Merging::kNone},
    {"packed-inorder-mrg", kPacked, UseOrder::kInOrder, Merging::kMergeable},
};

std::string Says(FeatureSet accepted, Feature feature) {
  return std::string(accepted.Has(feature) ? "" : "no ")
      .append(FeatureName(feature));
}

}  // namespace

std::span<const DataPath> AllDataPaths() { return kPaths; }

const DataPath& SelectPath(FeatureSet accepted) {
  const RingFormat format =
      accepted.Has(Feature::kRingPacked) ? kPacked : kSplit;
  const UseOrder order =
      accepted.Has(Feature::kInOrder) ? UseOrder::kInOrder : UseOrder::kAny;
  const Merging merging = accepted.Has(Feature::kNetMrgRxbuf)
                              ? Merging::kMergeable
                              : Merging::kNone;
  for (const DataPath& path : kPaths) {
    if (path.format == format && path.order == order &&
        path.merging == merging) {
      return path;
    }
  }
  VU_CHECK(false);  // The table has every combination.
  return kPaths[0];
}

std::string DescribePath(FeatureSet accepted) {
  return std::string(SelectPath(accepted).name) + " (" +
         Says(accepted, Feature::kRingPacked) + ", " +
         Says(accepted, Feature::kInOrder) + ", " +
         Says(accepted, Feature::kNetMrgRxbuf) + "); header of " +
         std::to_string(NetHeaderBytes(accepted)) + " bytes";
}

}  // namespace virtio_user
