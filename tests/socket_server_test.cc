// SPDX-License-Identifier: BSD-3-Clause
//
// The server on a real socket, with real descriptors and mappings.

#include "backend_sim/socket_server.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "backend_sim/seeded_entropy.h"
#include "backend_sim/sim_channel.h"
#include "backend_sim/socket_peer.h"
#include "backend_sim/transcript.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/raw_client.h"
#include "tests/sim/real_client.h"
#include "tests/support/fd_balance.h"
#include "tests/support/raw_socket.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/ring/split_driver_queue.h"

namespace {

using ::backend_sim::FaultPlan;
using ::backend_sim::FdTable;
using ::backend_sim::SocketServer;
using ::backend_sim::Trace;
using ::backend_sim::TraceKind;
using ::backend_sim::TraceRecord;
using ::backend_sim::VhostUserServer;
using ::sim_test::Bytes;
using ::sim_test::Encode;
using ::sim_test::kNeedReply;
using ::sim_test::Payload;
using ::sim_test::RawMessage;
using ::sim_test::RealClient;
using ::sim_test::State;
using ::sim_test::U64;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::virtio_user::DeviceBuffer;
using ::virtio_user::FileDescriptor;
using ::virtio_user::PosixFdOps;
using ::virtio_user::Ring;
using ::virtio_user::RingLayout;
using Queue =
    ::virtio_user::SplitDriverQueue<virtio_user::UseOrder::kAny, uint32_t>;
using UsedChain = ::virtio_user::UsedChain<uint32_t>;

inline constexpr size_t kMemoryBytes = 1 << 20;
inline constexpr uint64_t kBase = 0x7700'0000'0000;
inline constexpr uint16_t kRingSize = 16;

// The descriptors that a script needs, of whichever kind.
struct Fds {
  int memory = -1;
  int kick = -1;
  int call = -1;
};

Payload Addr(uint32_t ring) {
  const uint64_t at = kBase + ring * 4096;
  return Payload().U32(ring).U32(0).U64(at).U64(at + 2048).U64(at + 1024).U64(
      0);
}

// A session with one started pair, two refusals and a stop.
std::vector<RawMessage> Script(const Fds& fds) {
  std::vector<RawMessage> script = {
      {.request = 3},
      {.request = 1},
      {.request = 15},
      {.request = 16, .payload = U64(0x10009)},
      {.request = 17},
      {.request = 2,
       .payload = U64(1ull << 32 | 1ull << 30),
       .flags = kNeedReply},
      {.request = 39, .payload = U64(0x0b), .flags = kNeedReply},
      {.request = 40},
      {.request = 5,
       .payload = Payload()
                      .U32(1)
                      .U32(0)
                      .U64(kBase)
                      .U64(kMemoryBytes)
                      .U64(kBase)
                      .U64(0),
       .flags = kNeedReply,
       .fds = {fds.memory}},
      {.request = 8, .payload = State(0, 3), .flags = kNeedReply},
      {.request = 24,
       .payload = Payload().U32(0).U32(0).U32(0),
       .flags = kNeedReply},
  };
  for (const uint32_t ring : {0u, 1u}) {
    script.push_back({.request = 13,
                      .payload = U64(ring),
                      .flags = kNeedReply,
                      .fds = {fds.call}});
    script.push_back({.request = 8, .payload = State(ring, kRingSize)});
    script.push_back({.request = 10, .payload = State(ring, 0)});
    script.push_back({.request = 9, .payload = Addr(ring)});
    script.push_back({.request = 12,
                      .payload = U64(ring),
                      .flags = kNeedReply,
                      .fds = {fds.kick}});
    script.push_back(
        {.request = 18, .payload = State(ring, 1), .flags = kNeedReply});
  }
  script.push_back({.request = 39, .payload = U64(0x0f), .flags = kNeedReply});
  return script;
}

std::vector<RawMessage> StopScript() {
  return {{.request = 18, .payload = State(0, 0), .flags = kNeedReply},
          {.request = 11, .payload = State(0, 0)},
          {.request = 11, .payload = State(1, 0)},
          {.request = 39, .payload = U64(0), .flags = kNeedReply}};
}

// What the server itself did, without what its transport adds.
std::vector<TraceRecord> OwnRecords(const Trace& trace) {
  std::vector<TraceRecord> records = trace.records();
  std::erase_if(records, [](const TraceRecord& record) {
    return record.kind == TraceKind::kAttach ||
           record.kind == TraceKind::kClose;
  });
  return records;
}

// A server in a thread of its own, the client's end of its socket, and a
// megabyte of memory that both have mapped. Every test also shows that no
// descriptor is left.
class SocketServerTest : public testing_support::FdBalanceTest {
 protected:
  SocketServerTest()
      : server_({}, posix_, trace_, faults_), socket_server_(server_, posix_) {
    auto [near, far] = testing_support::ConnectedPair();
    client_ = std::make_unique<RealClient>(std::move(near));
    memory_fd_ = FileDescriptor(
        posix_, ::memfd_create("socket_server_test", MFD_CLOEXEC));
    EXPECT_EQ(::ftruncate(memory_fd_.get(), kMemoryBytes), 0);
    memory_ = *posix_.Map(memory_fd_.get(), 0, kMemoryBytes);
    kick_ = *FileDescriptor::CreateEvent(posix_);
    call_ = *FileDescriptor::CreateEvent(posix_);
    thread_ = std::thread([this, socket = std::move(far)]() mutable {
      served_ = socket_server_.Serve(std::move(socket), stop_);
    });
  }

  ~SocketServerTest() override {
    Finish();
    posix_.Unmap(memory_);
  }

  void Finish() {
    client_.reset();
    if (thread_.joinable()) thread_.join();
  }

  Fds fds() const { return {memory_fd_.get(), kick_.get(), call_.get()}; }

  RingLayout LayoutOf(uint32_t ring) {
    std::byte* const at = memory_.data() + ring * 4096;
    RingLayout layout;
    layout.num = kRingSize;
    layout.desc = at;
    layout.driver = at + 1024;
    layout.device = at + 2048;
    return layout;
  }

  PosixFdOps posix_;
  Trace trace_;
  FaultPlan faults_;
  VhostUserServer server_;
  SocketServer socket_server_;
  std::atomic<bool> stop_{false};
  virtio_user::Result<void> served_;
  std::unique_ptr<RealClient> client_;
  FileDescriptor memory_fd_;
  FileDescriptor kick_;
  FileDescriptor call_;
  std::span<std::byte> memory_;
  std::thread thread_;
};

// The same script through a SimChannel; the records that it leaves.
std::vector<TraceRecord> SimulatedRecords() {
  Trace trace;
  FaultPlan faults;
  FdTable client_fds;
  FdTable server_fds;
  backend_sim::SimClock clock;
  VhostUserServer server({}, server_fds, trace, faults);
  backend_sim::SimChannel channel(
      {.server = server,
       .client_fds = client_fds,
       .server_fds = server_fds,
       .clock = clock,
       .trace = trace,
       .faults = faults},
      std::make_unique<backend_sim::SeededEntropy>(1));
  EXPECT_TRUE(channel.Attach().has_value());
  const Fds fds{
      *client_fds.Install(backend_sim::SimFile::Memory(kMemoryBytes), "a test"),
      *client_fds.CreateEvent(), *client_fds.CreateEvent()};
  std::vector<RawMessage> script = Script(fds);
  const std::vector<RawMessage> stop = StopScript();
  script.insert(script.end(), stop.begin(), stop.end());
  for (const RawMessage& message : script) {
    const Bytes bytes = Encode(message);
    const virtio_user::SendChunk chunk{.bytes = bytes, .fds = message.fds};
    EXPECT_EQ(channel.Send({&chunk, 1}, 0).value_or(0), bytes.size());
    Bytes answer(4096);
    EXPECT_TRUE(channel.Receive(answer).has_value());
  }
  channel.Detach();
  return OwnRecords(trace);
}

TEST_F(SocketServerTest, LeavesTheTranscriptThatTheSimulationLeaves) {
  client_->Play(Script(fds()));
  client_->Play(StopScript());
  Finish();

  EXPECT_TRUE(served_.has_value());
  const std::vector<TraceRecord> simulated = SimulatedRecords();
  EXPECT_EQ(backend_sim::Transcript(OwnRecords(trace_)),
            backend_sim::Transcript(simulated));
  EXPECT_EQ(OwnRecords(trace_), simulated);
  EXPECT_EQ(server_.model().violations().size(), 2u);
}

// A mapping may be longer than its file, but nobody can touch what is behind.
TEST_F(SocketServerTest, ARegionThatItsFileDoesNotHave_IsRefused) {
  client_->Play({{.request = 3},
                 {.request = 1},
                 {.request = 15},
                 {.request = 16, .payload = U64(0x9)}});
  EXPECT_TRUE(client_->Send({.request = 5,
                             .payload = Payload()
                                            .U32(1)
                                            .U32(0)
                                            .U64(kBase)
                                            .U64(kMemoryBytes)
                                            .U64(kBase)
                                            .U64(4096),
                             .flags = kNeedReply,
                             .fds = {fds().memory}}));
  EXPECT_EQ(client_->Answer(),
            Encode({.request = 5, .payload = U64(1), .flags = 5}));
  Finish();
  ASSERT_EQ(server_.model().violations().size(), 1u);
  EXPECT_EQ(server_.model().violations()[0].rule,
            backend_sim::Rule::kTableNotBacked);
}

TEST_F(SocketServerTest, EchoesPacketsThroughMappedMemory) {
  Ring rx;
  Ring tx;
  rx.layout = LayoutOf(0);
  tx.layout = LayoutOf(1);
  Queue rx_queue(rx);
  Queue tx_queue(tx);
  std::byte* const sent = memory_.data() + 8192;
  std::byte* const received = memory_.data() + 12288;
  for (int i = 0; i < 100; ++i) sent[12 + i] = static_cast<std::byte>(i);
  const DeviceBuffer from{.addr = {kBase + 8192}, .bytes = 112};
  const DeviceBuffer to{.addr = {kBase + 12288}, .bytes = 2048};
  ASSERT_TRUE(rx_queue.Offer({.writable = {&to, 1}}));
  rx_queue.Publish();
  ASSERT_TRUE(tx_queue.Offer({.readable = {&from, 1}}));
  tx_queue.Publish();
  (void)kick_.Signal();
  client_->Play(Script(fds()));

  UsedChain used;
  while (rx_queue.TakeUsed({&used, 1}) == 0) {
    ASSERT_FALSE(rx_queue.broken().has_value());
    std::this_thread::yield();
  }
  EXPECT_EQ(used.bytes, 112u);
  EXPECT_EQ(std::memcmp(sent + 12, received + 12, 100), 0);
}

TEST_F(SocketServerTest, AllBuffersOfAMergedFrameAreUsedAtOnce) {
  Ring rx;
  Ring tx;
  rx.layout = LayoutOf(0);
  tx.layout = LayoutOf(1);
  Queue rx_queue(rx);
  Queue tx_queue(tx);
  const DeviceBuffer from{.addr = {kBase + 8192}, .bytes = 12 + 250};
  const DeviceBuffer to{.addr = {kBase + 12288}, .bytes = 100};
  std::vector<RawMessage> script = Script(fds());
  script[5].payload = U64(1ull << 32 | 1ull << 30 | 1ull << 15);
  client_->Play(script);

  size_t odd_counts = 0;
  for (int frame = 0; frame < 500; ++frame) {
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(rx_queue.Offer({.writable = {&to, 1}}));
    }
    rx_queue.Publish();
    ASSERT_TRUE(tx_queue.Offer({.readable = {&from, 1}}));
    tx_queue.Publish();
    size_t taken = 0;
    while (taken < 3) {
      std::array<UsedChain, 3> used;
      const size_t count = rx_queue.TakeUsed(used);
      ASSERT_FALSE(rx_queue.broken().has_value());
      taken += count;
      if (count == 0) std::this_thread::yield();
      odd_counts += count % 3 == 0 ? 0 : 1;
    }
    std::array<UsedChain, kRingSize> sent;
    while (tx_queue.free_count() == 0) (void)tx_queue.TakeUsed(sent);
    (void)tx_queue.TakeUsed(sent);
  }
  EXPECT_EQ(odd_counts, 0u);
}

TEST_F(SocketServerTest, ClosesOnAMessageThatItRefusesWithoutAnAck) {
  client_->Send({.request = 17});
  EXPECT_THAT(client_->Answer(), IsEmpty());
}

TEST_F(SocketServerTest, StopsWhenItIsTold) {
  client_->Play({{.request = 1}});
  stop_.store(true);
  thread_.join();
  EXPECT_TRUE(served_.has_value());
  EXPECT_THAT(client_->Answer(), IsEmpty());
}

TEST_F(SocketServerTest, SendsFaultyAnswersTheSameWay) {
  faults_.Add({backend_sim::FaultKind::kReplyInPieces, 0, 5});
  faults_.Add({backend_sim::FaultKind::kReplyExtraFds, 1, 2});
  faults_.Add({backend_sim::FaultKind::kReplyLate, 2, 1'000'000});
  client_->Play({{.request = 1}, {.request = 1}, {.request = 1}});
  Finish();
  EXPECT_THAT(faults_.waiting(), IsEmpty());
}

TEST(SocketPeerTest, AFrontEndCanConnectToTheServerAndTheServerToIt) {
  PosixFdOps posix;
  std::atomic<bool> stop{false};
  const testing_support::TempDir directory;
  const std::string path = directory.path() + "/socket";
  const auto listener = backend_sim::ListenAt(path, posix);
  ASSERT_TRUE(listener.has_value());
  const auto near = backend_sim::ConnectTo(path, posix, stop);
  ASSERT_TRUE(near.has_value());
  const auto far = backend_sim::AcceptFrom(*listener, posix, stop);
  ASSERT_TRUE(far.has_value());
  EXPECT_EQ(::send(near->get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::recv(far->get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(SocketPeerTest, WhatCannotBeWaitedForEndsWithStop) {
  PosixFdOps posix;
  std::atomic<bool> stop{true};
  EXPECT_EQ(
      backend_sim::ConnectTo("/nonexistent/socket", posix, stop).error().code(),
      virtio_user::ErrorCode::kDeadline);
  EXPECT_EQ(
      backend_sim::AcceptFrom(FileDescriptor(), posix, stop).error().code(),
      virtio_user::ErrorCode::kDeadline);
}

TEST(SocketPeerTest, APathThatDoesNotFitIsNamed) {
  PosixFdOps posix;
  const auto listener = backend_sim::ListenAt(std::string(200, 'x'), posix);
  ASSERT_FALSE(listener.has_value());
  EXPECT_THAT(std::string(listener.error().text()), HasSubstr("200 bytes"));
  EXPECT_FALSE(backend_sim::ListenAt("/nonexistent/socket", posix));
}

}  // namespace
