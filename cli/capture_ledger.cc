// SPDX-License-Identifier: BSD-3-Clause

#include "cli/capture_ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace virtio_user::cli {

CaptureLedger::CaptureLedger(const Capture& capture, uint16_t pairs,
                             Routing routing)
    : capture_(capture),
      routing_(routing),
      pairs_(pairs),
      returned_(capture.size(), false) {}

size_t CaptureLedger::Write(uint16_t, uint64_t ahead,
                            std::span<std::byte> out) const {
  const std::span<const std::byte> bytes = capture_.Bytes(next_ + ahead);
  std::ranges::copy(bytes, out.begin());
  return bytes.size();
}

void CaptureLedger::Sent(uint16_t pair) {
  Pair& mine = pairs_[pair];
  ++mine.counts.sent;
  mine.counts.sent_bytes += capture_.Bytes(next_).size();
  ++mine.missing;
  mine.on_their_way.push_back(next_++);
}

std::deque<size_t>::const_iterator CaptureLedger::Find(
    const Capture& capture, const Pair& pair,
    std::span<const std::byte> bytes) {
  return std::ranges::find_if(pair.on_their_way, [&](size_t index) {
    return std::ranges::equal(capture.Bytes(index), bytes);
  });
}

bool CaptureLedger::IsStranger(std::span<const std::byte> bytes) const {
  return routing_ == Routing::kAnyPair &&
         std::ranges::none_of(pairs_, [&](const Pair& pair) {
           return Find(capture_, pair, bytes) != pair.on_their_way.cend();
         });
}

std::optional<size_t> CaptureLedger::TakeOff(Pair& pair,
                                             std::span<const std::byte> bytes) {
  const auto found = Find(capture_, pair, bytes);
  if (found == pair.on_their_way.cend()) return {};
  const size_t index = *found;
  pair.on_their_way.erase(found);
  if (pair.missing > 0) --pair.missing;
  return index;
}

std::optional<std::string> CaptureLedger::Echoed(
    uint16_t pair, std::span<const std::byte> bytes) {
  if (const auto index = TakeOff(pairs_[pair], bytes)) {
    returned_[*index] = true;
    Received(pair, bytes.size());
    return {};
  }
  for (uint16_t other = 0; other < pairs(); ++other) {
    if (const auto index = TakeOff(pairs_[other], bytes)) {
      if (routing_ == Routing::kAnyPair) {
        returned_[*index] = true;
        Received(other, bytes.size());
        return {};
      }
      return fmt::format("pair {}: packet {} came back here, pair {} sent it",
                         pair, *index + 1, other);
    }
  }
  return Explain(pair, bytes);
}

std::string CaptureLedger::Explain(uint16_t pair,
                                   std::span<const std::byte> bytes) {
  for (size_t index = 0; index < next_; ++index) {
    if (returned_[index] && std::ranges::equal(capture_.Bytes(index), bytes)) {
      return fmt::format("pair {}: packet {} came twice", pair, index + 1);
    }
  }
  Pair& mine = pairs_[pair];
  if (mine.on_their_way.empty()) {
    return fmt::format("pair {}: {} bytes came that this run did not send",
                       pair, bytes.size());
  }
  // Probably the one whose turn it was. It is not missing.
  const size_t index = mine.on_their_way.front();
  mine.on_their_way.pop_front();
  if (mine.missing > 0) --mine.missing;
  const std::span<const std::byte> sent = capture_.Bytes(index);
  if (sent.size() != bytes.size()) {
    return fmt::format(
        "pair {}: packet {} came back with {} bytes, {} were "
        "sent",
        pair, index + 1, bytes.size(), sent.size());
  }
  const auto differs = std::ranges::mismatch(sent, bytes);
  return fmt::format(
      "pair {}: packet {} came back with byte {} of {} = {:#04x}, not {:#04x}",
      pair, index + 1, differs.in1 - sent.begin(), sent.size(),
      std::to_integer<unsigned>(*differs.in2),
      std::to_integer<unsigned>(*differs.in1));
}

void CaptureLedger::Received(uint16_t pair, size_t bytes) {
  ++pairs_[pair].counts.received;
  pairs_[pair].counts.received_bytes += bytes;
}

std::string CaptureLedger::DescribeMissing(uint16_t pair,
                                           std::string_view advice) const {
  const Pair& mine = pairs_[pair];
  if (mine.counts.received == 0) {
    return fmt::format("pair {}: sent {}, none came back; {}", pair,
                       mine.counts.sent, advice);
  }
  constexpr size_t kNamed = 4;
  std::string lost;
  for (size_t i = 0; i < std::min(kNamed, mine.on_their_way.size()); ++i) {
    lost += fmt::format("{}{}", i == 0 ? "" : ", ", mine.on_their_way[i] + 1);
  }
  return fmt::format("pair {}: sent {}, {} did not come back: packet {}{}",
                     pair, mine.counts.sent, mine.missing, lost,
                     mine.missing > kNamed ? ", ..." : "");
}

std::vector<size_t> CaptureLedger::Returned() const {
  std::vector<size_t> indexes;
  for (size_t index = 0; index < returned_.size(); ++index) {
    if (returned_[index]) indexes.push_back(index);
  }
  return indexes;
}

}  // namespace virtio_user::cli
