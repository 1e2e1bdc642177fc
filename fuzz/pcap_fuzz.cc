// SPDX-License-Identifier: BSD-3-Clause
//
// Whatever bytes a capture file has: it is refused and the text says why, or
// each of its frames lies within it, and the file that is written of them
// reads back as the same frames.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "cli/capture.h"
#include "fuzz/finding.h"

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
  const auto read = Capture::FromBytes(std::as_bytes(std::span(data, size)));
  if (!read) {
    Expect(!read.error().empty(), "error", "no reason");
    return 0;
  }
  CheckBounds(*read, size);
  const std::string file = read->FileOf(AllOf(*read));
  const auto again = Capture::FromBytes(std::as_bytes(std::span(file)));
  Expect(again.has_value(), "round-trip", again ? "" : again.error());
  CheckSame(*read, *again);
  Expect(again->FileOf(AllOf(*again)) == file, "round-trip",
         "the second file is another one");
  return 0;
}
