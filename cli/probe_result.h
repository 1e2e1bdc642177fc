// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_PROBE_RESULT_H_
#define CLI_PROBE_RESULT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace virtio_user::cli {

// What a back-end says about itself.
struct ProbeResult {
  std::string backend;
  // As it stands in a vhost-user server's answer, transport bits included.
  FeatureSet features;
  std::optional<uint64_t> protocol_features;  // Unless it was not asked.
  std::optional<uint64_t> queue_num;          // GET_QUEUE_NUM, likewise.
  BackendCaps caps;
  std::vector<std::byte> config;  // Empty without PROTOCOL_F_CONFIG.
};

}  // namespace virtio_user::cli

#endif  // CLI_PROBE_RESULT_H_
