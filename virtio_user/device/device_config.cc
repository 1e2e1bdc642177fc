// SPDX-License-Identifier: BSD-3-Clause
//
// Device: what the back-end's configuration space says.

#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <tuple>

#include "virtio_user/device/device.h"
#include "virtio_user/spec/net.h"

namespace virtio_user {
namespace {

// The front of struct virtio_net_config.
struct ConfigFront {
  std::array<uint8_t, 6> mac;
  uint16_t status;
  uint16_t max_virtqueue_pairs;
  uint16_t mtu;  // 0 where VIRTIO_NET_F_MTU is not offered.
};
static_assert(sizeof(ConfigFront) == kNetConfigMtuBytes);

}  // namespace

// The back-end's configuration space, where it has one: its own address if
// the user gave none, and how many pairs it has.
Result<void> Device::ReadConfig(FeatureSet device) {
  mac_ = options_.mac;
  mtu_.reset();
  if (options_.mtu) mtu_ = static_cast<uint16_t>(*options_.mtu);
  config_pairs_ = kMaxQueuePairs;
  const FeatureSet read_for = {Feature::kNetMac, Feature::kNetMq,
                               Feature::kNetMtu};
  if (!backend_->caps().config || !device.HasAny(read_for)) return {};
  std::array<std::byte, sizeof(ConfigFront)> bytes{};
  const size_t count =
      device.Has(Feature::kNetMtu) ? kNetConfigMtuBytes : kNetConfigFrontBytes;
  if (auto got = backend_->GetConfig(0, std::span(bytes).first(count)); !got) {
    // A refusal is an answer: there is nothing to read.
    if (got.error().code() == ErrorCode::kRefused) return {};
    return got;
  }
  const auto front = std::bit_cast<ConfigFront>(bytes);
  const MacAddress own = {front.mac};
  if (!mac_ && device.Has(Feature::kNetMac) && !IsZero(own) &&
      !IsMulticast(own)) {
    mac_ = own;
  }
  if (device.Has(Feature::kNetMtu)) {
    if (front.mtu < kMinMtu) {
      return Fail(ErrorCode::kProtocol,
                  "the back-end's configuration says MTU %u: %u to %u are "
                  "possible",
                  front.mtu, kMinMtu, kMaxMtu);
    }
    if (!mtu_) mtu_ = front.mtu;
  }
  if (!device.Has(Feature::kNetMq)) return {};
  if (front.max_virtqueue_pairs < kMinQueuePairs ||
      front.max_virtqueue_pairs > kMaxQueuePairs) {
    return Fail(ErrorCode::kProtocol,
                "the back-end's configuration says %u queue pairs: 1 to %u are "
                "possible",
                front.max_virtqueue_pairs, kMaxQueuePairs);
  }
  config_pairs_ = front.max_virtqueue_pairs;
  return {};
}

// rss_max_key_size, rss_max_indirection_table_length, supported_hash_types.
Result<void> Device::ReadSteering(FeatureSet device) {
  steering_ = {};
  const BackendCaps& caps = backend_->caps();
  const FeatureSet read_for = {Feature::kNetRss, Feature::kNetHashReport};
  if (!caps.config || !caps.own_control_queue || !device.HasAny(read_for)) {
    return {};
  }
  std::array<std::byte, 7> bytes;
  if (auto got = backend_->GetConfig(kNetConfigRssOffset, bytes); !got) {
    return got;
  }
  std::memcpy(&steering_.key_bytes, bytes.data(), 1);
  std::memcpy(&steering_.table_entries, bytes.data() + 1, 2);
  std::memcpy(&steering_.hash_types, bytes.data() + 3, 4);
  if (!device.Has(Feature::kNetRss) || steering_.table_entries != 0) return {};
  return Fail(ErrorCode::kProtocol,
              "the device offers VIRTIO_NET_F_RSS, and its configuration says "
              "that a table has at most 0 entries");
}

Result<void> Device::RefreshConfig() {
  const MutexLock lock(mu_);
  if (!backend_->caps().config) return {};
  backend_->BeginCall(options_.call_budget);
  const auto before = std::tuple(mac_, mtu_, config_pairs_);
  auto read = ReadConfig(masks_.device);
  if (read) {
    // What is not said any more still holds: the driver has accepted it.
    if (!mac_) mac_ = std::get<0>(before);
    if (!mtu_) mtu_ = std::get<1>(before);
    return read;
  }
  std::tie(mac_, mtu_, config_pairs_) = before;
  // A configuration that makes no sense stops no packets.
  if (backend_->link().Poll() != LinkState::kUp) EnterNeedsReset(read.error());
  return read;
}

}  // namespace virtio_user
