// SPDX-License-Identifier: BSD-3-Clause

#include "tests/fakes/recording_backend.h"

#include <algorithm>
#include <cstdio>

#include "virtio_user/base/check.h"

namespace testing_support {

using virtio_user::BackendOperation;
using virtio_user::CommitError;
using virtio_user::Error;
using virtio_user::ErrorCode;
using virtio_user::Fail;
using virtio_user::FeatureSet;
using virtio_user::LinkState;
using virtio_user::Result;
using virtio_user::VringBase;
using virtio_user::VringBaseQuery;

namespace {

std::string Hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof(text), "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

std::string Text(const virtio_user::InflightShape& shape) {
  return std::to_string(shape.num_queues) + " x " +
         std::to_string(shape.queue_size);
}

std::string Line(const char* message, uint16_t vring) {
  return std::string(message) + " " + std::to_string(vring);
}

}  // namespace

void RecordingBackend::FailWhenQueued(size_t at, const Error& error) {
  failures_.push_back({.at = count_ + at, .when_queued = true, .error = error});
}

void RecordingBackend::FailWhenSent(size_t at, const Error& error) {
  failures_.push_back(
      {.at = count_ + at, .when_queued = false, .error = error});
}

void RecordingBackend::BeginCall(virtio_user::Duration budget) {
  budget_ = budget;
  ++calls_begun_;
}

void RecordingBackend::BeginBatch() {
  VU_CHECK(!in_batch_);
  in_batch_ = true;
}

void RecordingBackend::Discard() {
  in_batch_ = false;
  pending_.clear();
}

std::expected<void, CommitError> RecordingBackend::Commit() {
  VU_CHECK(in_batch_);
  in_batch_ = false;
  const std::vector<Pending> queue = std::exchange(pending_, {});
  if (queue.empty()) return {};
  if (!attached_) {
    return std::unexpected(CommitError{
        .operation = queue.front().operation,
        .vring = queue.front().vring,
        .error = Error::Make(ErrorCode::kDisconnected, "not connected")});
  }
  std::optional<CommitError> first;
  for (const Pending& pending : queue) {
    sent_.push_back(pending.line);
    if (!pending.error && pending.table) shared_ = *pending.table;
    if (!pending.error) continue;
    LosePeerAfter(*pending.error);
    if (first) continue;
    first = CommitError{.operation = pending.operation,
                        .vring = pending.vring,
                        .error = *pending.error};
  }
  sent_.emplace_back("--");
  if (!first) return {};
  return std::unexpected(*first);
}

void RecordingBackend::LosePeerAfter(const Error& error) {
  if (virtio_user::LosesPeer(error.code())) attached_ = false;
}

Result<void> RecordingBackend::Operate(BackendOperation operation,
                                       std::string line,
                                       std::optional<uint16_t> vring,
                                       const virtio_user::MemoryTable* table) {
  const auto due = std::ranges::find(failures_, count_++, &Failure::at);
  const bool fails = due != failures_.end();
  if (fails && due->when_queued) return std::unexpected(due->error);
  Pending pending = {.line = std::move(line),
                     .operation = operation,
                     .vring = vring,
                     .error = {},
                     .table = {}};
  if (table != nullptr) pending.table = *table;
  if (fails) pending.error = due->error;
  if (in_batch_) {
    pending_.push_back(std::move(pending));
    return {};
  }
  if (!attached_) return Fail(ErrorCode::kDisconnected, "not connected");
  sent_.push_back(std::move(pending.line));
  if (!pending.error && pending.table) shared_ = *pending.table;
  if (!pending.error) return {};
  LosePeerAfter(*pending.error);
  return std::unexpected(*pending.error);
}

Result<void> RecordingBackend::Attach() {
  VU_CHECK(!attached_);
  if (!peer_present) {
    return Fail(ErrorCode::kDisconnected, "nobody is there");
  }
  attached_ = true;
  shared_ = {};
  polls_to_live.reset();
  bases_.clear();
  return {};
}

LinkState RecordingBackend::Poll() {
  if (attached_ && polls_to_live) {
    return (*polls_to_live)-- > 0 ? LinkState::kUp : LinkState::kDown;
  }
  if (attached_) return LinkState::kUp;
  return peer_waits ? LinkState::kPeerWaiting : LinkState::kDown;
}

Result<void> RecordingBackend::SetOwner() {
  return Operate(BackendOperation::kSetOwner, "OWNER");
}

Result<FeatureSet> RecordingBackend::GetFeatures() {
  VU_CHECK(!in_batch_);
  auto done = Operate(BackendOperation::kGetFeatures, "GET_FEATURES");
  if (!done) return Fail(done);
  return features;
}

Result<void> RecordingBackend::SetFeatures(FeatureSet accepted) {
  return Operate(BackendOperation::kSetFeatures,
                 "FEATURES " + Hex(accepted.low()));
}

Result<void> RecordingBackend::SetMemTable(
    const virtio_user::MemoryTable& table) {
  if (table.regions().size() > max_regions) {
    return Fail(ErrorCode::kInvalidArgument, "%zu regions are too many",
                table.regions().size());
  }
  return Operate(BackendOperation::kSetMemTable,
                 "TABLE " + std::to_string(table.regions().size()), {}, &table);
}

Result<void> RecordingBackend::ChangeMemTable(
    const virtio_user::MemoryTable& table) {
  return Operate(BackendOperation::kAddMemReg,
                 "CHANGE " + std::to_string(table.regions().size()), {},
                 &table);
}

Result<void> RecordingBackend::SetVringNum(uint16_t vring, uint16_t num) {
  return Operate(BackendOperation::kSetVringNum,
                 Line("NUM", vring) + " = " + std::to_string(num), vring);
}

Result<void> RecordingBackend::SetVringBase(uint16_t vring, VringBase base) {
  bases_[vring] = base;
  return Operate(BackendOperation::kSetVringBase,
                 Line("BASE", vring) + " = " + std::to_string(base.avail),
                 vring);
}

Result<void> RecordingBackend::SetVringAddr(
    uint16_t vring, const virtio_user::VringAddresses& addresses) {
  words_[vring].addresses = addresses;
  return Operate(BackendOperation::kSetVringAddr, Line("ADDR", vring), vring);
}

Result<void> RecordingBackend::SetVringCall(uint16_t vring, int fd) {
  VU_CHECK(fd >= 0);
  words_[vring].call = fd;
  return Operate(BackendOperation::kSetVringCall, Line("CALL", vring), vring);
}

Result<void> RecordingBackend::SetVringKick(uint16_t vring, int fd) {
  VU_CHECK(fd >= 0);
  words_[vring].kick = fd;
  return Operate(BackendOperation::kSetVringKick, Line("KICK", vring), vring);
}

Result<void> RecordingBackend::SetVringEnable(uint16_t vring,
                                              virtio_user::VringEnable enable) {
  const bool on = enable == virtio_user::VringEnable::kEnabled;
  return Operate(BackendOperation::kSetVringEnable,
                 Line("ENABLE", vring) + (on ? " on" : " off"), vring);
}

Result<void> RecordingBackend::GetVringBases(
    std::span<VringBaseQuery> queries) {
  VU_CHECK(!in_batch_);
  Result<void> first;
  for (VringBaseQuery& query : queries) {
    query.answered = false;
    auto done = Operate(BackendOperation::kGetVringBase,
                        Line("GET_BASE", query.vring), query.vring);
    if (!done && first) first = done;
    if (!done) continue;
    query.answered = true;
    query.base = bases_[query.vring];
    if (const auto told = base_answers.find(query.vring);
        told != base_answers.end()) {
      query.base.avail = query.base.used = told->second;
    }
    if (const auto told = whole_bases.find(query.vring);
        told != whole_bases.end()) {
      query.base = told->second;
    }
  }
  return first;
}

Result<uint8_t> RecordingBackend::GetStatus() {
  VU_CHECK(!in_batch_);
  auto done = Operate(BackendOperation::kGetStatus, "GET_STATUS");
  if (!done) return Fail(done);
  return status_answer;
}

Result<void> RecordingBackend::SetStatus(uint8_t status) {
  return Operate(BackendOperation::kSetStatus, "STATUS " + Hex(status));
}

Result<void> RecordingBackend::GetConfig(uint32_t offset,
                                         std::span<std::byte> bytes) {
  VU_CHECK(!in_batch_);
  auto done = Operate(BackendOperation::kGetConfig, "GET_CONFIG");
  if (!done) return done;
  VU_CHECK(offset + bytes.size() <= config.size());
  std::copy_n(config.begin() + offset, bytes.size(), bytes.begin());
  return {};
}

Result<void> RecordingBackend::SetConfig(uint32_t /*offset*/,
                                         std::span<const std::byte> /*bytes*/) {
  return Operate(BackendOperation::kSetConfig, "SET_CONFIG");
}

Result<void> RecordingBackend::SetMtu(uint16_t mtu) {
  VU_CHECK(capabilities.mtu);
  return Operate(BackendOperation::kSetMtu, "MTU " + std::to_string(mtu));
}

Result<void> RecordingBackend::SendRarp(const virtio_user::MacAddress& mac) {
  return Operate(BackendOperation::kSendRarp,
                 std::string("RARP ") + ToText(mac).data());
}

Result<void> RecordingBackend::ResetDevice() {
  VU_CHECK(capabilities.reset_device);
  return Operate(BackendOperation::kResetDevice, "RESET_DEVICE");
}

Result<virtio_user::InflightRegion> RecordingBackend::GetInflight(
    const virtio_user::InflightShape& shape) {
  VU_CHECK(capabilities.inflight && !in_batch_);
  auto done =
      Operate(BackendOperation::kGetInflightFd, "GET_INFLIGHT " + Text(shape));
  if (!done) return Fail(done);
  virtio_user::InflightRegion region;
  if (inflight_bytes == 0) return region;
  region.fd = *virtio_user::FileDescriptor::CreateEvent(inflight_fds);
  region.mmap_size = inflight_bytes;
  region.shape = shape;
  return region;
}

Result<void> RecordingBackend::SetInflight(
    const virtio_user::InflightRegion& region) {
  VU_CHECK(capabilities.inflight && region.fd.valid());
  return Operate(BackendOperation::kSetInflightFd,
                 "SET_INFLIGHT " + Text(region.shape));
}

Result<void> RecordingBackend::SetGuestOffloads(FeatureSet offloads) {
  VU_CHECK(capabilities.guest_offloads);
  return Operate(BackendOperation::kSetGuestOffloads,
                 "GUEST_OFFLOADS " + Hex(offloads.low()));
}

Result<uint8_t> RecordingBackend::SendControl(
    std::span<const std::byte> request, virtio_user::Duration /*budget*/) {
  VU_CHECK(capabilities.own_control_queue && request.size() >= 2);
  const auto number = [&](size_t at) {
    return std::to_string(std::to_integer<unsigned>(request[at]));
  };
  auto done = Operate(BackendOperation::kSendControl,
                      "CONTROL " + number(0) + " " + number(1));
  if (!done) return Fail(done);
  return control_answer;
}

}  // namespace testing_support
