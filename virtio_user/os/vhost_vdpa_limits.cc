// SPDX-License-Identifier: BSD-3-Clause
//
// What a vDPA device says of itself before anything is asked of it.

#include <array>
#include <bit>
#include <cinttypes>
#include <cstring>

#include "virtio_user/os/vhost_vdpa_backend.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

// What is made use of; nothing else is acknowledged.
constexpr uint64_t kSpokenBackendFeatures = kBackendIotlbMsgV2 |
                                            kBackendIotlbBatch |
                                            kBackendIotlbAsid | kBackendSuspend;

// struct virtio_net_config has 28 bytes, and grows. VDUSE allows a page.
constexpr uint32_t kMaxConfigBytes = 4096;

// virtio: "Device configuration layout", of max_virtqueue_pairs.
constexpr uint32_t kMaxPairsOffset = 8;

}  // namespace

Result<void> VhostVdpaBackend::AskIfKnown(const VdpaRequest& request,
                                          void* argument) {
  auto asked = node_.Ask(request, argument);
  if (!asked && asked.error().code() == ErrorCode::kUnsupported) return {};
  return asked;
}

Result<void> VhostVdpaBackend::AskLimits(FeatureSet offered) {
  offered_ = offered;
  if (auto chosen = ChooseBackendFeatures(); !chosen) return chosen;
  iova_range_ = {};
  auto asked = AskIfKnown(kVdpaGetIovaRange, &iova_range_);
  if (!asked) return asked;
  if (iova_range_.first > iova_range_.last) {
    return Fail(ErrorCode::kProtocol,
                "%s: the IOVA range 0x%" PRIx64 " to 0x%" PRIx64 " is none",
                node_.path(), iova_range_.first, iova_range_.last);
  }
  asked = node_.Ask(kVdpaGetVringNum, &max_num_);
  if (!asked) return asked;
  if (max_num_ == 0) {
    return Fail(ErrorCode::kProtocol,
                "%s: the device says that a ring has at most 0 descriptors",
                node_.path());
  }
  if (auto sized = AskConfigSize(); !sized) return sized;
  if (auto paired = AskMaxPairs(); !paired) return paired;
  return TellConfigCall();
}

Result<void> VhostVdpaBackend::TellConfigCall() const {
  int call = config_call_.get();
  return node_.Ask(kVdpaSetConfigCall, &call);
}

Result<void> VhostVdpaBackend::ChooseBackendFeatures() {
  backend_features_ = 0;
  auto asked = AskIfKnown(kVhostGetBackendFeatures, &backend_features_);
  if (!asked) return asked;
  backend_features_ &= kSpokenBackendFeatures;
  const VdpaIotlbDialect dialect = {.version_2 = Speaks(kBackendIotlbMsgV2),
                                    .batch = Speaks(kBackendIotlbBatch),
                                    .asid = Speaks(kBackendIotlbAsid)};
  for (VdpaIotlb* const space : {&iotlb_, &same_space_, &other_space_}) {
    space->Speak(dialect);
  }
  if (backend_features_ == 0) return {};
  uint64_t word = backend_features_;
  return node_.Ask(kVhostSetBackendFeatures, &word);
}

Result<void> VhostVdpaBackend::AskConfigSize() {
  config_bytes_ = 0;
  const auto asked = node_.Ask(kVdpaGetConfigSize, &config_bytes_);
  if (!asked && asked.error().code() == ErrorCode::kUnsupported) {
    config_bytes_ = kNetConfigFrontBytes;
    return {};
  }
  if (!asked) return asked;
  if (config_bytes_ != 0 && config_bytes_ <= kMaxConfigBytes) return {};
  return Fail(ErrorCode::kProtocol,
              "%s: the device's configuration has %u bytes; 1 to %u are "
              "possible",
              node_.path(), config_bytes_, kMaxConfigBytes);
}

// More pairs than one are asked for through the device's own control queue
// alone, which is the last queue of all that it has.
Result<void> VhostVdpaBackend::AskMaxPairs() {
  caps_.max_queue_pairs = 1;
  caps_.own_control_queue = offered_.Has(Feature::kNetCtrlVq);
  caps_.multiqueue = caps_.own_control_queue && offered_.Has(Feature::kNetMq);
  if (!offered_.HasAny({Feature::kNetMq, Feature::kNetRss})) return {};
  std::array<std::byte, sizeof(uint16_t)> bytes;
  if (auto got = GetConfig(kMaxPairsOffset, bytes); !got) return got;
  const auto pairs = std::bit_cast<uint16_t>(bytes);
  if (pairs < kMinQueuePairs || pairs >= kMaxQueuePairs) {
    return Fail(ErrorCode::kProtocol,
                "%s: the device's configuration says %u queue pairs; %u to %u "
                "are possible beside a control queue",
                node_.path(), pairs, kMinQueuePairs, kMaxQueuePairs - 1);
  }
  caps_.max_queue_pairs = pairs;
  return {};
}

Result<void> VhostVdpaBackend::GetConfig(uint32_t offset,
                                         std::span<std::byte> bytes) {
  auto free = CheckNoBatch(BackendOperation::kGetConfig);
  if (!free) return free;
  if (bytes.empty() || offset > config_bytes_ ||
      bytes.size() > config_bytes_ - offset) {
    return Fail(ErrorCode::kRefused,
                "%s: the device's configuration has %u bytes, and not %zu at "
                "%u",
                node_.path(), config_bytes_, bytes.size(), offset);
  }
  std::vector<std::byte> message(sizeof(VdpaConfigHead) + bytes.size());
  const VdpaConfigHead head = {.offset = offset,
                               .bytes = static_cast<uint32_t>(bytes.size())};
  std::memcpy(message.data(), &head, sizeof(head));
  // No refusal, which would say that there is nothing to read.
  if (auto asked = node_.Ask(kVdpaGetConfig, message.data()); !asked) {
    return std::unexpected(
        Error::System(ErrorCode::kSystem, asked.error().sys_errno(),
                      "%s: VHOST_VDPA_GET_CONFIG of %zu bytes at %u",
                      node_.path(), bytes.size(), offset));
  }
  std::memcpy(bytes.data(), message.data() + sizeof(head), bytes.size());
  return {};
}

Result<void> VhostVdpaBackend::SetConfig(uint32_t offset,
                                         std::span<const std::byte> bytes) {
  if (bytes.empty() || offset > config_bytes_ ||
      bytes.size() > config_bytes_ - offset) {
    return Fail(ErrorCode::kInvalidArgument,
                "%s: the device's configuration has %u bytes, and not %zu at "
                "%u",
                node_.path(), config_bytes_, bytes.size(), offset);
  }
  std::vector<std::byte> message(sizeof(VdpaConfigHead) + bytes.size());
  const VdpaConfigHead head = {.offset = offset,
                               .bytes = static_cast<uint32_t>(bytes.size())};
  std::memcpy(message.data(), &head, sizeof(head));
  std::memcpy(message.data() + sizeof(head), bytes.data(), bytes.size());
  return Do(BackendOperation::kSetConfig, std::nullopt,
            [this, message = std::move(message)]() mutable {
              return node_.Ask(kVdpaSetConfig, message.data());
            });
}

}  // namespace virtio_user
