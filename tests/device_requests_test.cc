// SPDX-License-Identifier: BSD-3-Clause
//
// What a back-end asks by itself, as its device hears it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backend_sim/wire.h"
#include "tests/fakes/outcome.h"
#include "tests/fakes/sim_rig.h"

namespace virtio_user {
namespace {

using backend_sim::Bit;
using backend_sim::Personality;
using testing::HasSubstr;
using testing::Not;
using testing_support::SimRig;

// "Back-end message types".
constexpr uint32_t kIotlb = 1;
constexpr uint32_t kConfigChange = 2;
constexpr uint32_t kHostNotifier = 3;
constexpr uint32_t kPlain = 1;
constexpr uint32_t kNeedReply = 9;

std::vector<std::byte> Request(uint32_t number, uint32_t flags,
                               size_t payload_bytes = 0) {
  std::vector<std::byte> bytes;
  backend_sim::EncodeHeader(
      {number, flags, static_cast<uint32_t>(payload_bytes)}, bytes);
  bytes.resize(bytes.size() + payload_bytes);
  return bytes;
}

// The value of the one answer that lies there; nothing: there is none.
std::optional<uint64_t> Answer(SimRig& rig) {
  auto said = std::exchange(rig.world.channel().requests()->to_backend, {});
  if (said.size() != 20) return std::nullopt;
  return backend_sim::Get(said, {"value", 12, 8});
}

TEST(DeviceRequests, ForABackEndThatAsksNothingThereIsNoStream) {
  Personality quiet = Personality::Conforming();
  quiet.protocol_features &= ~Bit(backend_sim::kProtocolBackendReq);
  SimRig rig(quiet);
  ASSERT_TRUE(rig.Run(1));
  EXPECT_EQ(rig.world.channel().requests(), nullptr);
  EXPECT_EQ(rig.device->NewsFd(), -1);
}

TEST(DeviceRequests, AConfigChangeIsToldAndReadAgain) {
  Personality wider = Personality::Conforming();
  SimRig rig(wider);
  ASSERT_TRUE(rig.Run(1));
  ASSERT_EQ(rig.device->mtu(), 1500);
  ASSERT_TRUE(rig.world.channel().SendRequest(Request(kConfigChange, kPlain)));
  EXPECT_GE(rig.device->NewsFd(), 0);

  EXPECT_TRUE(rig.device->Poll().config_changed);

  rig.world.model().ChangeConfig(10,
                                 std::array{std::byte{0x28}, std::byte{0x23}});
  ASSERT_TRUE(rig.device->RefreshConfig());
  EXPECT_EQ(rig.device->mtu(), 9000);
  EXPECT_FALSE(rig.device->Poll().config_changed);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceRequests, AConfigurationThatMakesNoSenseChangesNothing) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.world.model().ChangeConfig(10, std::array{std::byte{10}, std::byte{0}});

  const Result<void> read = rig.device->RefreshConfig();

  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code(), ErrorCode::kProtocol);
  EXPECT_EQ(rig.device->mtu(), 1500);
  EXPECT_TRUE(rig.device->mac());
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
}

// What the driver has accepted holds on.
TEST(DeviceRequests, AnAddressThatNobodyCanHaveIsNoNews) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const auto mac = rig.device->mac();
  ASSERT_TRUE(mac);
  rig.world.model().ChangeConfig(0, std::array{std::byte{0x01}});

  ASSERT_TRUE(rig.device->RefreshConfig());

  EXPECT_EQ(rig.device->mac(), mac);
}

TEST(DeviceRequests, APeerThatIsLostMeanwhileNeedsAReset) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.world.channel().PeerCloses();

  EXPECT_FALSE(rig.device->RefreshConfig());

  EXPECT_EQ(rig.device->state(), DeviceState::kNeedsReset);
  EXPECT_EQ(rig.device->mtu(), 1500);
}

TEST(DeviceRequests, TheUsersMtuStays) {
  SimRig rig;
  DeviceOptions options = SimRig::Options(1);
  options.mtu = 2000;
  ASSERT_TRUE(rig.Create(options));
  ASSERT_TRUE(rig.device->RefreshConfig());
  EXPECT_EQ(rig.device->mtu(), 2000);
}

TEST(DeviceRequests, DoorbellsAndMissesAreRefusedCleanly) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  const size_t fds = rig.device_fds();
  for (const auto& [number, bytes] :
       {std::pair{kHostNotifier, size_t{24}}, {kIotlb, size_t{32}}}) {
    ASSERT_TRUE(
        rig.world.channel().SendRequest(Request(number, kNeedReply, bytes), 1));
    (void)rig.device->Poll();
    EXPECT_EQ(Answer(rig), 1u) << number;
  }
  EXPECT_EQ(rig.device_fds(), fds);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
}

// The two-socket deadlock: the back-end answers nothing on the main channel
// before it was answered on its own.
TEST(DeviceRequests, ABackendThatAsksBeforeItAnswersIsAnsweredAtEveryMessage) {
  uint64_t last = 0;
  {
    SimRig rig;
    ASSERT_TRUE(rig.Run(2));
    ASSERT_TRUE(rig.world.memory().AddRegion(4096));
    ASSERT_TRUE(rig.device->Stop());
    last = rig.world.server().message_count();
  }
  ASSERT_GT(last, 30u);
  for (uint64_t k = 0; k < last; ++k) {
    SCOPED_TRACE(k);
    SimRig rig;
    rig.world.channel().PlanRequest(
        {.before_message = k, .bytes = Request(kConfigChange, kNeedReply)});
    ASSERT_TRUE(rig.Run(2));
    ASSERT_TRUE(rig.world.memory().AddRegion(4096));
    ASSERT_TRUE(rig.device->Stop());
    EXPECT_EQ(rig.device->Poll().config_changed,
              rig.world.channel().requests()->to_backend.size() == 20);
    EXPECT_LT(rig.world.clock().now(), std::chrono::seconds(1));
    EXPECT_EQ(rig.Complaints(), "");
  }
}

TEST(DeviceRequests, AFloodHoldsUpNeitherPollNorCalls) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(rig.world.channel().SendRequest(Request(kIotlb, kPlain, 32)));
  }
  const auto waiting = [&] {
    return rig.world.channel().requests()->to_frontend.size();
  };
  const size_t before = waiting();
  (void)rig.device->Poll();
  EXPECT_LT(waiting(), before);
  EXPECT_GT(waiting(), before / 2);
  ASSERT_TRUE(rig.device->Stop());
  ASSERT_TRUE(rig.device->Start());
  EXPECT_EQ(rig.Complaints(), "");
}

TEST(DeviceRequests, GarbageEndsTheChannelAndNotTheDevice) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  ASSERT_TRUE(rig.world.channel().SendRequest(Request(kConfigChange, 7)));

  const DeviceEvents events = rig.device->Poll();

  ASSERT_TRUE(events.requests_ended);
  EXPECT_THAT(std::string(events.requests_ended->text()), HasSubstr("flags"));
  EXPECT_EQ(rig.device->NewsFd(), -1);
  EXPECT_EQ(rig.device->state(), DeviceState::kRunning);
  ASSERT_TRUE(rig.device->Stop());
  EXPECT_TRUE(rig.device->Start());
  // A new connection has a new one.
  ASSERT_TRUE(rig.device->Reattach());
  EXPECT_GE(rig.device->NewsFd(), 0);
}

TEST(DeviceRequests, ABackendThatDoesNotAskGetsNoChannel) {
  Personality silent = Personality::Conforming();
  silent.protocol_features &= ~Bit(backend_sim::kProtocolBackendReq);
  SimRig rig(silent);
  ASSERT_TRUE(rig.Run(1));
  EXPECT_EQ(rig.device->NewsFd(), -1);
  EXPECT_THAT(rig.world.transcript(), Not(HasSubstr("SET_BACKEND_REQ_FD")));
}

TEST(DeviceRequests, ADescriptorThatCannotBeHadFailsTheOpening) {
  backend_sim::SimWorldOptions options;
  SimRig free;
  // Memory, then the connection and one end of the pair.
  options.fd_limit = static_cast<int>(free.fds_before) + 2;
  SimRig rig(options);
  const auto made = rig.Create(SimRig::Options(1));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), ErrorCode::kSystem);
  EXPECT_EQ(rig.device_fds(), 0u);
}

TEST(DeviceRequests, TheChannelEndsWithTheDevice) {
  SimRig rig;
  ASSERT_TRUE(rig.Run(1));
  rig.Destroy();
  EXPECT_EQ(rig.device_fds(), 0u);
  EXPECT_EQ(rig.world.server_fds().Balance(), "");
  EXPECT_FALSE(rig.world.channel().SendRequest(Request(kConfigChange, kPlain)));
}

}  // namespace
}  // namespace virtio_user
