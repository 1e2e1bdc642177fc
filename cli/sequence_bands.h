// SPDX-License-Identifier: BSD-3-Clause
//
// The picture itself: operations, and what passes between the ends, as HTML.

#ifndef CLI_SEQUENCE_BANDS_H_
#define CLI_SEQUENCE_BANDS_H_

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/sequence_model.h"

namespace virtio_user::cli {

class SequenceBands {
 public:
  explicit SequenceBands(const std::vector<uint16_t>& rings);

  // The names of the columns.
  std::string Columns() const;
  std::string Group(const SequenceGroup& group);
  std::string LastPhase(const SequenceBand& band, std::string_view name);
  // What the bands so far refer to; call it last.
  std::string Style() const;

 private:
  std::string Band(const SequenceBand& band, const std::string& who);
  std::string Row(const SequenceRow& row, backend_sim::LifeState state);
  // The end of a band, where the device is in its new state.
  std::string End(const SequenceBand& band);
  std::string Marks(const std::vector<RingMark>& marks) const;
  // The class that draws the lines of rings that look so.
  std::string LooksClass(const std::vector<RingLook>& looks);
  double CentreOf(size_t column) const;

  const std::vector<uint16_t>& rings_;
  const double step_;  // From ring to ring, in pixels.
  std::map<std::vector<RingLook>, size_t> looks_;
};

}  // namespace virtio_user::cli

#endif  // CLI_SEQUENCE_BANDS_H_
