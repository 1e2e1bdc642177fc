// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever bytes a capture file has: it is refused and the text says why, or
// its frames are all of those that lie in it, with their lengths, and the file
// that is written of them reads back as the same frames. A sound one is not
// refused.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/capture.h"
#include "fuzz/finding.h"
#include "fuzz/reader.h"

namespace {

using fuzz::Expect;
using virtio_user::cli::Capture;

// What libpcap takes for the longest frame there is.
constexpr size_t kMostFrameBytes = 262144;

void CheckBounds(const Capture& capture, size_t file_bytes) {
  Expect(capture.size() != 0, "bounds", "a capture without a frame");
  size_t total = 0;
  for (size_t i = 0; i < capture.size(); ++i) {
    const size_t bytes = capture.Bytes(i).size();
    Expect(bytes != 0 && bytes <= capture.max_bytes(), "bounds",
           "a frame of no bytes, or of more than the longest one");
    total += bytes;
  }
  Expect(total <= file_bytes, "bounds", "more bytes than the file has");
  Expect(capture.max_bytes() <= kMostFrameBytes, "bounds",
         "a frame that is too long");
  Expect(capture.truncated_count() <= capture.size(), "bounds",
         "more frames are cut off than there are");
}

template <typename T>
T Get(std::span<const std::byte> bytes, size_t at, bool swapped) {
  const auto value = fuzz::ValueAt<T>(bytes, at);
  return swapped ? std::byteswap(value) : value;
}

// A frame as it lies in a file, of which libpcap leaves off what is beyond the
// length that the file promises.
struct Frame {
  std::span<const std::byte> bytes;
  bool cut_off = false;
};
struct Frames {
  std::vector<Frame> all{};
  // Each is there to its end and has bytes, and nothing is behind them.
  bool whole = false;
  // Of other words for it, libpcap knows more.
  bool ethernet = false;
};

// Of a classic file, found by hand ("pcap File Format": 24 bytes, of which the
// first four tell the order of bytes, then 16 before each frame), as far as
// they are there. Nothing: another kind of file.
std::optional<Frames> FramesOf(std::span<const std::byte> file) {
  constexpr size_t kFileHeader = 24;
  constexpr size_t kFrameHeader = 16;
  constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
  constexpr uint32_t kNanoseconds = 0xa1b23c4d;
  constexpr uint32_t kEthernet = 1;
  if (file.size() < kFileHeader) return std::nullopt;
  const auto magic = Get<uint32_t>(file, 0, true);
  const bool swapped = magic == kMicroseconds || magic == kNanoseconds;
  const auto plain = Get<uint32_t>(file, 0, false);
  if (!swapped && plain != kMicroseconds && plain != kNanoseconds) {
    return std::nullopt;
  }
  // Older versions had fields in other places.
  if (Get<uint16_t>(file, 4, swapped) != 2 ||
      Get<uint16_t>(file, 6, swapped) != 4) {
    return std::nullopt;
  }
  const auto promised = Get<uint32_t>(file, 16, swapped);
  const size_t most =
      promised == 0 || promised > INT32_MAX ? kMostFrameBytes : promised;
  Frames frames{.ethernet = Get<uint32_t>(file, 20, swapped) == kEthernet};
  size_t at = kFileHeader;
  while (file.size() - at >= kFrameHeader) {
    const auto bytes = Get<uint32_t>(file, at + 8, swapped);
    const size_t kept = std::min<size_t>(bytes, most);
    const bool cut_off = kept < Get<uint32_t>(file, at + 12, swapped);
    at += kFrameHeader;
    if (bytes == 0 || bytes > kMostFrameBytes || bytes > file.size() - at) {
      return frames;
    }
    frames.all.push_back({file.subspan(at, kept), cut_off});
    at += bytes;
  }
  frames.whole = at == file.size() && !frames.all.empty();
  return frames;
}

void CheckFrames(const Frames& frames, const Capture& capture) {
  Expect(capture.size() == frames.all.size(), "frames",
         "another count than the file has");
  size_t cut_off = 0;
  for (size_t i = 0; i < capture.size(); ++i) {
    const Frame& frame = frames.all[i];
    Expect(std::ranges::equal(capture.Bytes(i), frame.bytes), "frames",
           "other bytes than the file has");
    cut_off += frame.cut_off ? 1 : 0;
  }
  Expect(capture.truncated_count() == cut_off, "frames",
         "another count of those that are cut off");
}

// libpcap makes room for what a block of a pcapng file says that it has, up to
// 16 MB, before it looks for it. Such an input teaches nothing more than one
// that says less.
bool SaysMoreThanItHas(std::span<const std::byte> file) {
  constexpr uint32_t kSection = 0x0a0d0d0a;
  constexpr uint32_t kOrder = 0x1a2b3c4d;
  constexpr size_t kLeast = 12;
  constexpr size_t kSpare = 4096;
  bool swapped = false;
  size_t at = 0;
  while (file.size() - at >= kLeast) {
    const bool section = Get<uint32_t>(file, at, false) == kSection;
    if (!section && at == 0) return false;
    if (section) swapped = Get<uint32_t>(file, at + 8, true) == kOrder;
    const auto bytes = Get<uint32_t>(file, at + 4, swapped);
    if (bytes > file.size() - at) return bytes > file.size() - at + kSpare;
    if (bytes < kLeast) return false;
    at += bytes;
  }
  return false;
}

void CheckSame(const Capture& read, const Capture& again) {
  Expect(read.size() == again.size(), "round-trip", "other frames");
  for (size_t i = 0; i < read.size(); ++i) {
    Expect(std::ranges::equal(read.Bytes(i), again.Bytes(i)), "round-trip",
           "another frame");
  }
  Expect(read.truncated_count() == again.truncated_count(), "round-trip",
         "other lengths");
}

std::vector<size_t> AllOf(const Capture& capture) {
  std::vector<size_t> all(capture.size());
  std::iota(all.begin(), all.end(), size_t{0});
  return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  constexpr int kNotForTheCorpus = -1;
  if (SaysMoreThanItHas(input)) return kNotForTheCorpus;
  const auto read = Capture::FromBytes(input);
  const auto frames = FramesOf(input);
  if (frames) {
    Expect(!read || frames->whole, "whole", "it ends in the middle of a frame");
    Expect(read || !frames->whole || !frames->ethernet, "whole",
           read ? "" : read.error());
  }
  if (!read) {
    Expect(!read.error().empty(), "error", "no reason");
    return 0;
  }
  CheckBounds(*read, size);
  if (frames) CheckFrames(*frames, *read);
  const std::string file = read->FileOf(AllOf(*read));
  const auto again = Capture::FromBytes(std::as_bytes(std::span(file)));
  Expect(again.has_value(), "round-trip", again ? "" : again.error());
  CheckSame(*read, *again);
  Expect(again->FileOf(AllOf(*again)) == file, "round-trip",
         "the second file is another one");
  return 0;
}
