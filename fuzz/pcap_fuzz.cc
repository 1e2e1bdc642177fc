// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever bytes a capture file has: it is refused and the text says why, or
// its frames are those that lie in it, with their lengths, and the file that is
// written of them reads back as the same frames.

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
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

// The frames of a classic file, found by hand ("pcap File Format": 24 bytes, of
// which the first four tell the order of bytes, then 16 before each frame).
// Other kinds of file are not looked at.
void CheckFrames(const Capture& capture, std::span<const std::byte> file) {
  constexpr size_t kFileHeader = 24;
  constexpr size_t kFrameHeader = 16;
  constexpr uint32_t kMicroseconds = 0xa1b2c3d4;
  constexpr uint32_t kNanoseconds = 0xa1b23c4d;
  if (file.size() < kFileHeader) return;
  const auto magic = Get<uint32_t>(file, 0, true);
  const bool swapped = magic == kMicroseconds || magic == kNanoseconds;
  const auto plain = Get<uint32_t>(file, 0, false);
  if (!swapped && plain != kMicroseconds && plain != kNanoseconds) return;
  // Older versions had fields in other places.
  if (Get<uint16_t>(file, 4, swapped) != 2 ||
      Get<uint16_t>(file, 6, swapped) != 4) {
    return;
  }
  size_t cut_off = 0;
  size_t at = kFileHeader;
  for (size_t i = 0; i < capture.size(); ++i) {
    Expect(file.size() - at >= kFrameHeader, "frames", "more than there are");
    const auto bytes = Get<uint32_t>(file, at + 8, swapped);
    cut_off += bytes < Get<uint32_t>(file, at + 12, swapped) ? 1 : 0;
    at += kFrameHeader;
    Expect(bytes <= file.size() - at, "frames", "beyond the end");
    const auto frame = file.subspan(at, bytes);
    // libpcap leaves off what is beyond the length that a file promises.
    if (capture.Bytes(i).size() != bytes) return;
    Expect(std::ranges::equal(capture.Bytes(i), frame), "frames",
           "other bytes than the file has");
    at += bytes;
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
  if (!read) {
    Expect(!read.error().empty(), "error", "no reason");
    return 0;
  }
  CheckBounds(*read, size);
  CheckFrames(*read, input);
  const std::string file = read->FileOf(AllOf(*read));
  const auto again = Capture::FromBytes(std::as_bytes(std::span(file)));
  Expect(again.has_value(), "round-trip", again ? "" : again.error());
  CheckSame(*read, *again);
  Expect(again->FileOf(AllOf(*again)) == file, "round-trip",
         "the second file is another one");
  return 0;
}
