// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/net/path_selection.h"

#include <set>
#include <string>

#include "gtest/gtest.h"

namespace virtio_user {
namespace {

constexpr FeatureSet kV1 = {Feature::kVersion1};

struct Row {
  FeatureSet features;
  std::string_view name;
  RingFormat format;
  UseOrder order;
  Merging merging;
};

// Each combination, written out.
const Row kTable[] = {
    {{}, "split-nomrg", RingFormat::kSplit, UseOrder::kAny, Merging::kNone},
    {{Feature::kNetMrgRxbuf},
     "split-mrg",
     RingFormat::kSplit,
     UseOrder::kAny,
     Merging::kMergeable},
    {{Feature::kInOrder},
     "split-inorder-nomrg",
     RingFormat::kSplit,
     UseOrder::kInOrder,
     Merging::kNone},
    {{Feature::kInOrder, Feature::kNetMrgRxbuf},
     "split-inorder-mrg",
     RingFormat::kSplit,
     UseOrder::kInOrder,
     Merging::kMergeable},
    {{Feature::kRingPacked},
     "packed-nomrg",
     RingFormat::kPacked,
     UseOrder::kAny,
     Merging::kNone},
    {{Feature::kRingPacked, Feature::kNetMrgRxbuf},
     "packed-mrg",
     RingFormat::kPacked,
     UseOrder::kAny,
     Merging::kMergeable},
    {{Feature::kRingPacked, Feature::kInOrder},
     "packed-inorder-nomrg",
     RingFormat::kPacked,
     UseOrder::kInOrder,
     Merging::kNone},
    {{Feature::kRingPacked, Feature::kInOrder, Feature::kNetMrgRxbuf},
     "packed-inorder-mrg",
     RingFormat::kPacked,
     UseOrder::kInOrder,
     Merging::kMergeable},
};

TEST(PathSelection, EachCombinationHasItsPath_D04) {
  for (const Row& row : kTable) {
    const DataPath& path = SelectPath(row.features | kV1);
    EXPECT_EQ(path.name, row.name);
    EXPECT_EQ(path.format, row.format) << row.name;
    EXPECT_EQ(path.order, row.order) << row.name;
    EXPECT_EQ(path.merging, row.merging) << row.name;
  }
}

// D04: a path was chosen that could not do what was negotiated. Here no
// offload, and nothing of the machine, has a say.
TEST(PathSelection, NothingElseHasASay_D04) {
  const FeatureSet deciding = {Feature::kRingPacked, Feature::kInOrder,
                               Feature::kNetMrgRxbuf};
  for (const Row& row : kTable) {
    for (unsigned bit = 0; bit < kFeatureBits; ++bit) {
      if (deciding.HasBit(bit)) continue;
      const FeatureSet features = row.features | FeatureSet::FromBit(bit);
      EXPECT_EQ(SelectPath(features).name, row.name) << bit;
    }
    EXPECT_EQ(SelectPath(row.features | ~deciding).name, row.name);
  }
}

TEST(PathSelection, AllPathsAreListedOnce) {
  std::set<std::string_view> names;
  for (const DataPath& path : AllDataPaths()) names.insert(path.name);
  EXPECT_EQ(AllDataPaths().size(), 8u);
  EXPECT_EQ(names.size(), 8u);
  for (const Row& row : kTable) EXPECT_TRUE(names.contains(row.name));
}

TEST(PathSelection, TheDescriptionSaysWhichAndWhy) {
  EXPECT_EQ(DescribePath({}),
            "split-nomrg (no VIRTIO_F_RING_PACKED, no VIRTIO_F_IN_ORDER, no "
            "VIRTIO_NET_F_MRG_RXBUF); header of 10 bytes");
  EXPECT_EQ(DescribePath({Feature::kVersion1, Feature::kNetMrgRxbuf}),
            "split-mrg (no VIRTIO_F_RING_PACKED, no VIRTIO_F_IN_ORDER, "
            "VIRTIO_NET_F_MRG_RXBUF); header of 12 bytes");
  EXPECT_EQ(DescribePath({Feature::kVersion1, Feature::kRingPacked,
                          Feature::kInOrder, Feature::kNetHashReport}),
            "packed-inorder-nomrg (VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER, "
            "no VIRTIO_NET_F_MRG_RXBUF); header of 20 bytes");
}

}  // namespace
}  // namespace virtio_user
