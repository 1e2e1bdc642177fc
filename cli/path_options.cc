// SPDX-License-Identifier: BSD-3-Clause

#include "cli/path_options.h"

#include <fmt/format.h>

#include <array>

namespace virtio_user::cli {
namespace {

std::unexpected<Failure> Usage(std::string text) {
  return std::unexpected(Failure{ExitCode::kUsage, std::move(text)});
}

Wish RequiredOrRefused(bool required) {
  return required ? Wish::kRequired : Wish::kRefused;
}

// The option that says the opposite of what `path` is; empty: none does.
std::string_view Contradiction(const DataPath& path,
                               const PathArguments& arguments) {
  if (arguments.packed && path.format == RingFormat::kSplit) return "--packed";
  if (arguments.in_order && path.order == UseOrder::kAny) return "--in-order";
  if (arguments.no_in_order && path.order == UseOrder::kInOrder) {
    return "--no-in-order";
  }
  if (arguments.no_mrg_rxbuf && path.merging == Merging::kMergeable) {
    return "--no-mrg-rxbuf";
  }
  return {};
}

std::expected<void, Failure> CheckPairsOfOptions(
    const PathArguments& arguments) {
  if (arguments.in_order && arguments.no_in_order) {
    return Usage("--in-order and --no-in-order: leave one of the two out");
  }
  if (arguments.indirect && arguments.no_indirect) {
    return Usage("--indirect and --no-indirect: leave one of the two out");
  }
  return {};
}

// DPDK's vectorized paths by name. On the ring each is the layout beside it,
// without indirect tables.
struct Vectorized {
  std::string_view name;
  std::string_view layout;
};
constexpr Vectorized kVectorized[] = {
    {"split-vec", "split-nomrg"},
    {"packed-vec", "packed-inorder-nomrg"},
};
const Vectorized* FindVectorized(std::string_view name) {
  for (const Vectorized& path : kVectorized) {
    if (path.name == name) return &path;
  }
  return nullptr;
}

}  // namespace

std::string_view ToString(Wish wish) {
  switch (wish) {
    case Wish::kIfOffered:
      return "if offered";
    case Wish::kRequired:
      return "required";
    case Wish::kRefused:
      return "refused";
  }
  return "";
}

PathWishes WishesFor(const DataPath& path) {
  return {
      .packed = RequiredOrRefused(path.format == RingFormat::kPacked),
      .in_order = RequiredOrRefused(path.order == UseOrder::kInOrder),
      .mrg_rxbuf = RequiredOrRefused(path.merging == Merging::kMergeable),
      .path = &path,
  };
}

std::expected<PathWishes, Failure> CheckPathArguments(
    const PathArguments& arguments) {
  const auto pairs = CheckPairsOfOptions(arguments);
  if (!pairs) return std::unexpected(pairs.error());
  PathWishes wishes;
  if (arguments.path) {
    const DataPath* const path = FindPath(*arguments.path);
    if (path == nullptr) {
      return Usage(fmt::format("--path {}: say one of {}", *arguments.path,
                               PathNames()));
    }
    const bool vectorized = FindVectorized(*arguments.path) != nullptr;
    std::string_view other = Contradiction(*path, arguments);
    if (vectorized && arguments.indirect) other = "--indirect";
    if (!other.empty()) {
      return Usage(fmt::format("--path {}: {} says the opposite; leave one out",
                               *arguments.path, other));
    }
    wishes = WishesFor(*path);
    if (vectorized) wishes.indirect = Wish::kRefused;
  } else {
    wishes.packed = RequiredOrRefused(arguments.packed);
    if (arguments.in_order) wishes.in_order = Wish::kRequired;
    if (arguments.no_in_order) wishes.in_order = Wish::kRefused;
    if (arguments.no_mrg_rxbuf) wishes.mrg_rxbuf = Wish::kRefused;
  }
  if (arguments.indirect) wishes.indirect = Wish::kRequired;
  if (arguments.no_indirect) wishes.indirect = Wish::kRefused;
  return wishes;
}

FeatureSet Declined(const PathWishes& wishes) {
  FeatureSet declined;
  const auto decline = [&](Wish wish, Feature feature) {
    if (wish == Wish::kRefused) declined = declined | FeatureSet{feature};
  };
  decline(wishes.packed, Feature::kRingPacked);
  decline(wishes.in_order, Feature::kInOrder);
  decline(wishes.mrg_rxbuf, Feature::kNetMrgRxbuf);
  decline(wishes.indirect, Feature::kIndirectDesc);
  return declined;
}

std::optional<Failure> CheckOffer(const PathWishes& wishes,
                                  FeatureSet offered) {
  struct Need {
    Wish wish;
    Feature feature;
    std::string_view option;
  };
  const std::array needs = {
      Need{wishes.packed, Feature::kRingPacked, "--packed"},
      Need{wishes.in_order, Feature::kInOrder, "--in-order"},
      Need{wishes.mrg_rxbuf, Feature::kNetMrgRxbuf, "--path"},
      Need{wishes.indirect, Feature::kIndirectDesc, "--indirect"}};
  for (const Need& need : needs) {
    if (need.wish != Wish::kRequired || offered.Has(need.feature)) continue;
    const bool by_path =
        wishes.path != nullptr && need.feature != Feature::kIndirectDesc;
    const std::string option = by_path
                                   ? fmt::format("--path {}", wishes.path->name)
                                   : std::string(need.option);
    return Failure{ExitCode::kUsage,
                   fmt::format("{}: the back-end does not offer {}", option,
                               FeatureName(need.feature))};
  }
  return {};
}

const DataPath* FindPath(std::string_view name) {
  if (const Vectorized* const path = FindVectorized(name)) name = path->layout;
  for (const DataPath& path : AllDataPaths()) {
    if (path.name == name) return &path;
  }
  return nullptr;
}

std::string PathNames() {
  std::string names;
  for (const DataPath& path : AllDataPaths()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", path.name);
  }
  for (const Vectorized& path : kVectorized) {
    names += fmt::format(", {}", path.name);
  }
  return names;
}

}  // namespace virtio_user::cli
