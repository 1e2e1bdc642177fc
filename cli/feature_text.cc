// SPDX-License-Identifier: BSD-3-Clause

#include "cli/feature_text.h"

#include <string_view>

#include "virtio_user/spec/vhost_user.h"

namespace virtio_user::cli {
namespace {

std::string NameOrNumber(std::string_view name, unsigned bit) {
  if (name == "bit") return "bit " + std::to_string(bit);
  return std::string(name);
}

}  // namespace

std::string FeatureText(unsigned bit) {
  return NameOrNumber(FeatureName(bit), bit);
}

std::string ProtocolFeatureText(unsigned bit) {
  return NameOrNumber(ProtocolFeatureName(bit), bit);
}

std::vector<std::string> FeatureTexts(FeatureSet features) {
  std::vector<std::string> texts;
  for (unsigned bit = 0; bit < kFeatureBits; ++bit) {
    if (features.HasBit(bit)) texts.push_back(FeatureText(bit));
  }
  return texts;
}

std::vector<std::string> ProtocolFeatureTexts(uint64_t mask) {
  std::vector<std::string> texts;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((mask >> bit & 1) != 0) texts.push_back(ProtocolFeatureText(bit));
  }
  return texts;
}

}  // namespace virtio_user::cli
