// SPDX-License-Identifier: BSD-3-Clause

#include "virtio_user/vhost_user/request_server.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backend_sim/sim_request_channel.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/raw_client.h"

namespace virtio_user {
namespace {

using backend_sim::FdTable;
using backend_sim::SimClock;
using backend_sim::SimFile;
using backend_sim::SimRequestChannel;
using backend_sim::SimRequestStream;
using sim_test::Encode;
using sim_test::kNeedReply;
using sim_test::Payload;
using sim_test::RawMessage;
using sim_test::U64;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Message numbers, typed from "Back-end message types".
constexpr uint32_t kIotlb = 1;
constexpr uint32_t kConfigChange = 2;
constexpr uint32_t kHostNotifier = 3;
constexpr uint32_t kVringCall = 4;
constexpr uint32_t kVringErr = 5;

// The main stream; nobody speaks on it here.
class Main final : public Channel {
 public:
  Result<void> Attach() override { return {}; }
  void Detach() override {}
  LinkState Poll() override { return LinkState::kUp; }
  int fd() const override { return -1; }
  Deadline After(Duration budget) override { return {budget}; }
  void SetAttachDeadline(Deadline) override {}
  Result<size_t> Send(std::span<const SendChunk>, size_t) override {
    return size_t{0};
  }
  Result<Received> Receive(std::span<std::byte>) override { return Received{}; }
  Result<void> WaitWritable(Deadline) override { return {}; }
  Result<void> WaitReadable(size_t, Deadline) override { return {}; }
  void WatchBeside(Channel* other) override { beside = other; }

  Channel* beside = nullptr;
};

class RequestServerTest : public ::testing::Test {
 protected:
  RequestServerTest() { Open({.config = true}); }
  ~RequestServerTest() override {
    server_.Close();
    EXPECT_EQ(fds_.Balance(), "");
    EXPECT_EQ(main_.beside, nullptr);
  }
  void Open(RequestServer::Scope scope) {
    server_.Close();
    stream_ = std::make_shared<SimRequestStream>();
    const int fd = *fds_.Install(SimFile::Socket(), "requests");
    server_.Open(std::make_unique<SimRequestChannel>(fds_, fd, clock_, stream_),
                 scope);
  }
  void Send(const RawMessage& message) {
    const auto bytes = Encode(message);
    stream_->to_frontend.insert(stream_->to_frontend.end(), bytes.begin(),
                                bytes.end());
  }
  // What it answers to one request, or "" for silence: "2: 0".
  std::string Ask(const RawMessage& message) {
    Send(message);
    server_.Serve();
    const auto said = std::exchange(stream_->to_backend, {});
    if (said.empty()) return "";
    EXPECT_EQ(said.size(), 20u);
    EXPECT_EQ(Word(said, 4, 4), 5u);  // Version 1 and reply.
    EXPECT_EQ(Word(said, 8, 4), 8u);
    return std::to_string(Word(said, 0, 4)) + ": " +
           std::to_string(Word(said, 12, 8));
  }
  static uint64_t Word(const std::vector<std::byte>& bytes, size_t at,
                       size_t count) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at, count);
    return value;
  }

  FdTable fds_;
  SimClock clock_;
  Main main_;
  RequestServer server_{main_};
  std::shared_ptr<SimRequestStream> stream_;
};

TEST_F(RequestServerTest, AConfigChangeIsNewsAndAckedWhereAsked) {
  EXPECT_EQ(Ask({.request = kConfigChange}), "");
  EXPECT_TRUE(server_.TakeNews().config_changed);
  EXPECT_FALSE(server_.TakeNews().config_changed);
  EXPECT_EQ(Ask({.request = kConfigChange, .flags = kNeedReply}), "2: 0");
  EXPECT_TRUE(server_.TakeNews().config_changed);
}

TEST_F(RequestServerTest, WithoutAConfigurationSpaceItDoesNotChange) {
  Open({.config = false});
  EXPECT_EQ(Ask({.request = kConfigChange, .flags = kNeedReply}), "2: 1");
  EXPECT_FALSE(server_.TakeNews().config_changed);
}

TEST_F(RequestServerTest, WhatIsNotServedIsRefusedWhereAsked) {
  const std::vector<RawMessage> requests = {
      {.request = kIotlb, .payload = Payload().Zeros(32)},
      {.request = kHostNotifier, .payload = Payload().Zeros(24)},
      {.request = kVringCall, .payload = sim_test::State(0, 0)},
      {.request = kVringErr, .payload = sim_test::State(0, 0)},
      {.request = 6, .payload = Payload().Zeros(16)},
      {.request = 0},
      {.request = 0xffffffff, .payload = Payload().Zeros(256)},
      // A payload that it does not have.
      {.request = kConfigChange, .payload = U64(0)},
  };
  for (RawMessage request : requests) {
    EXPECT_EQ(Ask(request), "") << request.request;
    request.flags = kNeedReply;
    EXPECT_EQ(Ask(request), std::to_string(request.request) + ": 1");
  }
  const BackendNews news = server_.TakeNews();
  EXPECT_FALSE(news.config_changed);
  EXPECT_FALSE(news.trouble);
  EXPECT_TRUE(server_.open());
}

TEST_F(RequestServerTest, WhatIsNoRequestClosesTheChannelWithAReason) {
  for (const uint32_t flags : {0u, 2u, 3u, 5u, 0xdu}) {
    Open({.config = true});
    EXPECT_EQ(Ask({.request = kConfigChange, .flags = flags}), "");
    EXPECT_FALSE(server_.open());
    EXPECT_EQ(main_.beside, nullptr);
    const BackendNews news = server_.TakeNews();
    ASSERT_TRUE(news.trouble);
    EXPECT_THAT(std::string(news.trouble->text()), HasSubstr("flags"));
  }
}

TEST_F(RequestServerTest, NobodyWaitsForAPayloadThatNoRequestHas) {
  auto bytes = Encode({.request = kIotlb});
  bytes[8] = bytes[9] = bytes[10] = bytes[11] = std::byte{0xff};
  stream_->to_frontend.assign(bytes.begin(), bytes.end());
  server_.Serve();
  EXPECT_FALSE(server_.open());
  EXPECT_THAT(std::string(server_.TakeNews().trouble.value().text()),
              HasSubstr("4294967295 bytes"));
}

TEST_F(RequestServerTest, RequestsMayComeByteByByte) {
  const auto bytes = Encode(
      {.request = kIotlb, .payload = Payload().Zeros(32), .flags = kNeedReply});
  for (const std::byte byte : bytes) {
    EXPECT_THAT(stream_->to_backend, IsEmpty());
    stream_->to_frontend.push_back(byte);
    server_.Serve();
  }
  EXPECT_THAT(stream_->to_backend, SizeIs(20));
}

TEST_F(RequestServerTest, AFloodTakesTurnsOfABoundedLength) {
  for (int i = 0; i < 1000; ++i) {
    Send({.request = kIotlb, .payload = Payload().Zeros(32)});
  }
  server_.Serve();
  EXPECT_EQ(stream_->to_frontend.size(), (1000 - kMaxRequestsATurn) * 44);
  for (int turn = 0; turn < 20; ++turn) server_.Serve();
  EXPECT_THAT(stream_->to_frontend, IsEmpty());
  EXPECT_TRUE(server_.open());
}

// Its requests would stay readable for ever, and whoever waits for them would
// turn in a circle.
TEST_F(RequestServerTest, WhoDoesNotReadAnswersIsGivenUpWithAReason) {
  stream_->answer_room = 50;  // Two answers and a half.
  for (int i = 0; i < 10; ++i) {
    Send({.request = kConfigChange, .flags = kNeedReply});
  }
  server_.Serve();
  EXPECT_THAT(stream_->to_backend, SizeIs(50));
  EXPECT_FALSE(server_.open());
  EXPECT_EQ(server_.fd(), -1);
  const BackendNews news = server_.TakeNews();
  EXPECT_TRUE(news.config_changed);
  ASSERT_TRUE(news.trouble);
  EXPECT_THAT(std::string(news.trouble->text()), HasSubstr("does not read"));
}

TEST_F(RequestServerTest, AnAnswerThatTheBackendHasClosedItsEndToIsAReason) {
  Send({.request = kConfigChange, .flags = kNeedReply});
  stream_->backend_open = false;
  server_.Serve();
  EXPECT_FALSE(server_.open());
  const BackendNews news = server_.TakeNews();
  EXPECT_TRUE(news.config_changed);
  ASSERT_TRUE(news.trouble);
  EXPECT_THAT(std::string(news.trouble->text()), HasSubstr("request 2"));
}

TEST_F(RequestServerTest, ABackendThatClosesItsEndHasNoMoreToAsk) {
  Send({.request = kConfigChange});
  stream_->backend_open = false;
  server_.Serve();
  EXPECT_FALSE(server_.open());
  EXPECT_EQ(server_.fd(), -1);
  const BackendNews news = server_.TakeNews();
  EXPECT_TRUE(news.config_changed);
  EXPECT_FALSE(news.trouble);
}

}  // namespace
}  // namespace virtio_user
