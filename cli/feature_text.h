// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_FEATURE_TEXT_H_
#define CLI_FEATURE_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "virtio_user/spec/feature.h"

namespace virtio_user::cli {

// "VIRTIO_NET_F_MQ", or "bit 25" where the spec has no name.
std::string FeatureText(unsigned bit);
// "VHOST_USER_PROTOCOL_F_MQ", or "bit 40".
std::string ProtocolFeatureText(unsigned bit);

// In the order of the bits.
std::vector<std::string> FeatureTexts(FeatureSet features);
std::vector<std::string> ProtocolFeatureTexts(uint64_t mask);

}  // namespace virtio_user::cli

#endif  // CLI_FEATURE_TEXT_H_
