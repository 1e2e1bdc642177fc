// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PATH_OPTIONS_H_
#define CLI_PATH_OPTIONS_H_

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "cli/exit_code.h"
#include "virtio_user/net/path_selection.h"
#include "virtio_user/spec/feature.h"

namespace virtio_user::cli {

// What the user says about a feature that the back-end may offer.
enum class Wish : uint8_t {
  kIfOffered,  // Nothing: it is used where there is one.
  kRequired,   // Without it the run fails.
  kRefused,    // It is not used, whoever offers it.
};
std::string_view ToString(Wish wish);

// As typed.
struct PathArguments {
  bool packed = false;
  bool in_order = false;
  bool no_in_order = false;
  bool no_mrg_rxbuf = false;
  bool indirect = false;
  bool no_indirect = false;
  std::optional<std::string> path;
};

// Which layout the rings shall have.
struct PathWishes {
  Wish packed = Wish::kRefused;
  Wish in_order = Wish::kIfOffered;
  Wish mrg_rxbuf = Wish::kIfOffered;
  Wish indirect = Wish::kIfOffered;
  // --path, which the first three follow from; null where it was not said.
  const DataPath* path = nullptr;
};

// kUsage: options that contradict each other, or a name that no path has.
std::expected<PathWishes, Failure> CheckPathArguments(
    const PathArguments& arguments);

// The wishes of one path; indirect tables where they are offered.
PathWishes WishesFor(const DataPath& path);

// What is refused and a driver can decline by itself.
FeatureSet Declined(const PathWishes& wishes);

// Whether an offer has all that is required: otherwise which option asks for
// which feature in vain (kUsage).
std::optional<Failure> CheckOffer(const PathWishes& wishes, FeatureSet offered);

// The path of that name; null where there is none. "split-vec" and "packed-vec"
// are names too.
const DataPath* FindPath(std::string_view name);
// All names: "split-nomrg, split-mrg, ...".
std::string PathNames();

}  // namespace virtio_user::cli

#endif  // CLI_PATH_OPTIONS_H_
