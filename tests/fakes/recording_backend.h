// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_RECORDING_BACKEND_H_
#define TESTS_FAKES_RECORDING_BACKEND_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend_sim/fd_table.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace testing_support {

// A back-end that writes down what reaches it, one line a message ("CALL 0",
// "STATUS 0xb", "ENABLE 1 on"), and "--" where the front-end waited for the
// acks of a batch. What was queued and then discarded is not there. Any one
// operation can be told to fail.
class RecordingBackend final : public virtio_user::VhostBackend,
                               private virtio_user::PeerLink {
 public:
  virtio_user::BackendCaps capabilities = {.max_queue_pairs = 128,
                                           .status = true,
                                           .ring_enable = true,
                                           .multiqueue = true,
                                           .link_state = true};
  virtio_user::FeatureSet features = {
      virtio_user::Feature::kNetMrgRxbuf, virtio_user::Feature::kNetMq,
      virtio_user::Feature::kVersion1, virtio_user::Feature::kInOrder};
  uint8_t status_answer = 0x0b;
  uint8_t control_answer = 0;
  std::vector<std::byte> config;
  // GET_VRING_BASE answers; what SET_VRING_BASE said unless given here.
  std::map<uint16_t, uint16_t> base_answers;
  // The same with all that a packed ring has; these go first.
  std::map<uint16_t, virtio_user::VringBase> whole_bases;
  // Of a GET_INFLIGHT_FD with memory; 0: there is none.
  uint64_t inflight_bytes = 0x1000;
  // Where its descriptors are.
  backend_sim::FdTable inflight_fds;
  bool peer_present = true;
  bool peer_waits = false;  // Server mode: what Poll says without a peer.
  // After so many more Polls that find it alive, the connection is dead.
  std::optional<int> polls_to_live;
  size_t max_regions = 8;
  // Called whenever somebody hears the news, of which there are none.
  std::function<void()> on_news;
  // Goes with this back-end.
  std::shared_ptr<int> alive = std::make_shared<int>();

  // The operation number `at` from now on (0: the next) fails with `error`:
  // at once, without a message.
  void FailWhenQueued(size_t at, const virtio_user::Error& error);
  // Likewise after it was sent: in the commit of its batch, if in one.
  void FailWhenSent(size_t at, const virtio_user::Error& error);
  void FailNothing() { failures_.clear(); }
  // The peer closes the connection.
  void Close() { attached_ = false; }

  // What was said of a ring last, and does not stand in a line.
  struct RingWords {
    virtio_user::VringAddresses addresses = {};
    int call = -1;
    int kick = -1;
  };
  const RingWords& ring_words(uint16_t vring) { return words_[vring]; }

  // Lines since the last call of it.
  std::vector<std::string> Take() { return std::exchange(sent_, {}); }
  const std::vector<std::string>& sent() const { return sent_; }
  size_t operation_count() const { return count_; }
  bool attached() const { return attached_; }
  virtio_user::Duration last_budget() const { return budget_; }
  size_t calls_begun() const { return calls_begun_; }

  // VhostBackend.
  virtio_user::PeerLink& link() override { return *this; }
  const virtio_user::BackendCaps& caps() const override { return capabilities; }
  void BeginCall(virtio_user::Duration budget) override;
  void BeginBatch() override;
  std::expected<void, virtio_user::CommitError> Commit() override;
  void Discard() override;
  virtio_user::Result<void> SetOwner() override;
  virtio_user::Result<virtio_user::FeatureSet> GetFeatures() override;
  virtio_user::Result<void> SetFeatures(
      virtio_user::FeatureSet features) override;
  virtio_user::Result<void> SetMemTable(
      const virtio_user::MemoryTable& table) override;
  virtio_user::Result<void> ChangeMemTable(
      const virtio_user::MemoryTable& table) override;
  std::span<const virtio_user::MemoryRegion> shared_regions() const override {
    return shared_.regions();
  }
  virtio_user::Result<void> SetVringNum(uint16_t vring, uint16_t num) override;
  virtio_user::Result<void> SetVringBase(uint16_t vring,
                                         virtio_user::VringBase base) override;
  virtio_user::Result<void> SetVringAddr(
      uint16_t vring, const virtio_user::VringAddresses& addresses) override;
  virtio_user::Result<void> SetVringCall(uint16_t vring, int fd) override;
  virtio_user::Result<void> SetVringKick(uint16_t vring, int fd) override;
  virtio_user::Result<void> SetVringEnable(
      uint16_t vring, virtio_user::VringEnable enable) override;
  virtio_user::Result<void> GetVringBases(
      std::span<virtio_user::VringBaseQuery> queries) override;
  virtio_user::Result<uint8_t> GetStatus() override;
  virtio_user::Result<void> SetStatus(uint8_t status) override;
  virtio_user::Result<void> GetConfig(uint32_t offset,
                                      std::span<std::byte> bytes) override;
  virtio_user::Result<void> SetConfig(
      uint32_t offset, std::span<const std::byte> bytes) override;
  virtio_user::Result<void> SetMtu(uint16_t mtu) override;
  virtio_user::Result<void> SendRarp(
      const virtio_user::MacAddress& mac) override;
  virtio_user::Result<void> ResetDevice() override;
  virtio_user::BackendNews TakeNews() override {
    if (on_news) on_news();
    return {};
  }
  virtio_user::Result<void> SetGuestOffloads(
      virtio_user::FeatureSet offloads) override;
  // "GET_INFLIGHT 4 x 8", "SET_INFLIGHT 4 x 8".
  virtio_user::Result<virtio_user::InflightRegion> GetInflight(
      const virtio_user::InflightShape& shape) override;
  virtio_user::Result<void> SetInflight(
      const virtio_user::InflightRegion& region) override;
  // "CONTROL CLASS COMMAND"; the ack is control_answer.
  virtio_user::Result<uint8_t> SendControl(
      std::span<const std::byte> request,
      virtio_user::Duration budget) override;

 private:
  struct Failure {
    size_t at = 0;
    bool when_queued = false;
    virtio_user::Error error;
  };
  struct Pending {
    std::string line;
    virtio_user::BackendOperation operation;
    std::optional<uint16_t> vring;
    std::optional<virtio_user::Error> error;
    std::optional<virtio_user::MemoryTable> table;  // Taken without an error.
  };

  // PeerLink.
  virtio_user::Result<void> Attach() override;
  void Detach() override { attached_ = false; }
  virtio_user::LinkState Poll() override;
  int fd() const override { return attached_ ? 77 : -1; }

  // One operation, queued or sent.
  virtio_user::Result<void> Operate(virtio_user::BackendOperation operation,
                                    std::string line,
                                    std::optional<uint16_t> vring = {},
                                    const virtio_user::MemoryTable* table = {});
  void LosePeerAfter(const virtio_user::Error& error);

  virtio_user::MemoryTable shared_;
  bool attached_ = false;
  bool in_batch_ = false;
  size_t count_ = 0;
  size_t calls_begun_ = 0;
  virtio_user::Duration budget_{0};
  std::vector<Failure> failures_;
  std::vector<Pending> pending_;
  std::vector<std::string> sent_;
  std::map<uint16_t, virtio_user::VringBase> bases_;
  std::map<uint16_t, RingWords> words_;
};

}  // namespace testing_support

#endif  // TESTS_FAKES_RECORDING_BACKEND_H_
