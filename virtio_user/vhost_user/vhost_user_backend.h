// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_VHOST_USER_VHOST_USER_BACKEND_H_
#define VIRTIO_USER_VHOST_USER_VHOST_USER_BACKEND_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "virtio_user/spec/net.h"
#include "virtio_user/spec/vhost_user.h"
#include "virtio_user/vhost/vhost_backend.h"
#include "virtio_user/vhost_user/channel.h"
#include "virtio_user/vhost_user/memory_slots.h"
#include "virtio_user/vhost_user/message.h"
#include "virtio_user/vhost_user/message_window.h"
#include "virtio_user/vhost_user/request_server.h"

namespace virtio_user {

// The protocol features that this front-end speaks; it acknowledges no others.
inline constexpr uint64_t kSpokenProtocolFeatures =
    ProtocolMask(ProtocolFeature::kMq) | ProtocolMask(ProtocolFeature::kRarp) |
    ProtocolMask(ProtocolFeature::kReplyAck) |
    ProtocolMask(ProtocolFeature::kMtu) |
    ProtocolMask(ProtocolFeature::kBackendReq) |
    ProtocolMask(ProtocolFeature::kConfig) |
    ProtocolMask(ProtocolFeature::kInflightShmfd) |
    ProtocolMask(ProtocolFeature::kResetDevice) |
    ProtocolMask(ProtocolFeature::kConfigureMemSlots) |
    ProtocolMask(ProtocolFeature::kStatus);

struct VhostUserOptions {
  // Device::Poll is called all the time, so that a back-end that asks by itself
  // gets its answers. Without it BACKEND_REQ is not acknowledged.
  bool hears_requests = true;
};

// A vhost-user server at the other end of a Channel. Makes no system call.
//
// Where REPLY_ACK was negotiated every request asks for its ack. Where it was
// not, a commit ends with GET_FEATURES, whose answer shows that the back-end
// has read what came before.
class VhostUserBackend final : public VhostBackend, private PeerLink {
 public:
  // Not attached yet.
  explicit VhostUserBackend(std::unique_ptr<Channel> channel,
                            const VhostUserOptions& options = {});
  ~VhostUserBackend() override;

  // The protocol features that were negotiated; 0 before GetFeatures.
  uint64_t protocol_features() const { return protocol_features_; }

  PeerLink& link() override { return *this; }
  const BackendCaps& caps() const override { return caps_; }
  void BeginCall(Duration budget) override;

  void BeginBatch() override;
  std::expected<void, CommitError> Commit() override;
  void Discard() override;

  // Not acked by itself (it precedes the protocol features): whether it
  // arrived shows in GetFeatures.
  Result<void> SetOwner() override;
  Result<FeatureSet> GetFeatures() override;
  Result<void> SetFeatures(FeatureSet features) override;
  // With CONFIGURE_MEM_SLOTS, while no ring is started: ADD_MEM_REG of what the
  // back-end does not have yet, unless something has to go.
  Result<void> SetMemTable(const MemoryTable& table) override;
  Result<void> ChangeMemTable(const MemoryTable& table) override;
  std::span<const MemoryRegion> shared_regions() const override {
    return regions_.regions();
  }
  Result<void> SetVringNum(uint16_t vring, uint16_t num) override;
  Result<void> SetVringBase(uint16_t vring, VringBase base) override;
  Result<void> SetVringAddr(uint16_t vring,
                            const VringAddresses& addresses) override;
  Result<void> SetVringCall(uint16_t vring, int fd) override;
  Result<void> SetVringKick(uint16_t vring, int fd) override;
  Result<void> SetVringEnable(uint16_t vring, VringEnable enable) override;
  Result<void> GetVringBases(std::span<VringBaseQuery> queries) override;
  Result<uint8_t> GetStatus() override;
  Result<void> SetStatus(uint8_t status) override;
  Result<void> GetConfig(uint32_t offset, std::span<std::byte> bytes) override;
  Result<void> SetConfig(uint32_t offset,
                         std::span<const std::byte> bytes) override;
  Result<void> SetMtu(uint16_t mtu) override;
  Result<void> SendRarp(const MacAddress& mac) override;
  Result<void> ResetDevice() override;
  Result<InflightRegion> GetInflight(const InflightShape& shape) override;
  Result<void> SetInflight(const InflightRegion& region) override;
  BackendNews TakeNews() override;
  int news_fd() const override { return requests_.fd(); }
  // Always kUnsupported.
  Result<void> SetGuestOffloads(FeatureSet offloads) override;
  // Always kUnsupported.
  Result<uint8_t> SendControl(std::span<const std::byte> request,
                              Duration budget) override;

 private:
  // PeerLink.
  Result<void> Attach() override;
  void Detach() override;
  LinkState Poll() override;
  int fd() const override;

  bool Speaks(ProtocolFeature feature) const {
    return (protocol_features_ & ProtocolMask(feature)) != 0;
  }
  // The front of the configuration space, read together with the limits.
  struct ConfigFront {
    std::array<std::byte, kNetConfigMtuBytes> bytes{};
    size_t count = kNetConfigFrontBytes;

    std::span<std::byte> used() { return std::span(bytes).first(count); }
  };

  void ForgetAgreement();
  Result<void> NegotiateProtocol(FeatureSet offered);
  // Makes the channel for the back-end's requests; whether there can be one.
  // False: there can be none.
  bool MakeRequestChannel();
  void EnqueueRequestChannel();
  void CloseRequestChannel();
  // `config_bytes`: of the configuration space, to be read with them.
  Result<void> AskLimits(size_t config_bytes);
  struct Limits {
    uint64_t pairs = 1;
    uint64_t slots = 0;
  };
  void EnqueueLimit(VhostUserRequest request);
  void TakeLimit(VhostUserRequest asked, uint64_t answer, Limits& limits);
  Result<void> ApplyLimits(const Limits& limits);
  void EnqueueGetConfig(uint32_t offset, std::span<std::byte> bytes);
  Result<uint64_t> AskU64(VhostUserRequest request, BackendOperation operation);
  Result<void> CheckVring(uint16_t vring) const;
  Result<void> CheckNoBatch(BackendOperation operation) const;
  Result<void> CheckConfigRange(uint32_t offset, size_t bytes) const;
  Result<void> CheckSpeaks(ProtocolFeature feature,
                           BackendOperation operation) const;
  Result<void> TellU64(VhostUserRequest request, BackendOperation operation,
                       uint64_t value);
  // Everything that the buffer holds from message.begin on.
  void Enqueue(QueuedMessage message);
  // A request without an answer of its own: queued in a batch, else sent and,
  // where possible, acked.
  Result<void> Tell(QueuedMessage message);
  Result<void> TellVringFd(VhostUserRequest request, BackendOperation operation,
                           uint16_t vring, int fd);
  Result<void> TakeVringBase(VhostUserVringState state,
                             VringBaseQuery& query) const;
  static Result<void> TakeConfig(std::span<const std::byte> payload,
                                 uint32_t offset, std::span<std::byte> bytes);
  static Result<InflightRegion> TakeInflight(const VhostUserInflight& answer,
                                             FileDescriptor fd,
                                             const InflightShape& shape);
  void AddBarrier();
  Result<void> CheckRegionCount(size_t count, size_t most) const;
  Result<void> SendTable(const MemoryTable& table);
  Result<void> SendChange(const MemoryChange& change);
  Result<void> TellRegion(VhostUserRequest request, const MemoryRegion& region);
  // The one error of a commit of one operation.
  static Result<void> AsResult(
      const std::expected<void, CommitError>& committed) {
    if (committed) return {};
    return std::unexpected(committed.error().error);
  }
  std::expected<void, CommitError> Run(MessageWindow::OnReply on_reply);
  std::expected<void, CommitError> RunAcked();

  const std::unique_ptr<Channel> channel_;
  const VhostUserOptions options_;
  RequestServer requests_;
  MessageWindow window_;
  ChannelPair request_pair_;  // Until the back-end has its end.
  BackendCaps caps_;
  Deadline deadline_;
  bool attached_ = false;
  bool in_batch_ = false;
  bool has_protocol_bit_ = false;
  uint64_t protocol_features_ = 0;
  RingFormat layout_ = RingFormat::kSplit;
  bool rings_started_ = false;  // Since the last GET_VRING_BASE of all.
  // What of these holds if the batch is forgotten.
  RingFormat layout_before_batch_ = RingFormat::kSplit;
  bool rings_started_before_batch_ = false;
  // What the back-end has, and what messages of the window change about it.
  SharedRegions regions_;
  // Answers the GetConfig of exactly these bytes that follows GetFeatures.
  std::optional<Result<ConfigFront>> read_ahead_;
  size_t read_ahead_bytes_ = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_USER_VHOST_USER_BACKEND_H_
