// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/script_entropy.h"

#include <utility>

#include "virtio_user/base/check.h"

namespace backend_sim {
namespace {

std::string Substream(const std::string& stream, std::string_view label) {
  std::string name = stream;
  if (!name.empty()) name += '/';
  name += label;
  return name;
}

}  // namespace

RecordingEntropy::RecordingEntropy(std::unique_ptr<Entropy> source,
                                   EntropyScript& script, std::string stream)
    : source_(std::move(source)), script_(script), stream_(std::move(stream)) {}

uint64_t RecordingEntropy::Choose(uint64_t n) {
  const uint64_t drawn = source_->Choose(n);
  script_[stream_].push_back(drawn);
  return drawn;
}

std::unique_ptr<Entropy> RecordingEntropy::Fork(std::string_view label) {
  return std::make_unique<RecordingEntropy>(source_->Fork(label), script_,
                                            Substream(stream_, label));
}

ScriptEntropy::ScriptEntropy(const EntropyScript& script, std::string stream)
    : script_(script), stream_(std::move(stream)) {}

uint64_t ScriptEntropy::Choose(uint64_t n) {
  VU_CHECK(n > 0);
  const auto found = script_.find(stream_);
  if (found == script_.end() || next_ >= found->second.size()) return 0;
  return found->second[next_++] % n;
}

std::unique_ptr<Entropy> ScriptEntropy::Fork(std::string_view label) {
  return std::make_unique<ScriptEntropy>(script_, Substream(stream_, label));
}

}  // namespace backend_sim
