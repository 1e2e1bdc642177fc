// SPDX-License-Identifier: BSD-3-Clause
//
// A tap over the simulated kernel, which answers as Linux's drivers/net/tun.c.

#include "virtio_user/os/tap.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_tun.h>
#include <net/if.h>

#include <cerrno>
#include <climits>
#include <string>

#include "backend_sim/vhost_net_world.h"

namespace virtio_user {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr unsigned kTap = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;

class TapTest : public testing::Test {
 protected:
  TapTest() : fds_before_(world_.fds().open_count()) {}

  Result<Tap> Open(const std::string& ifname, uint32_t queues = 1) {
    return Tap::Open(world_.calls(), {.ifname = ifname, .queues = queues});
  }
  // What is said of a tap that cannot be had; nothing of it is left open.
  Error Refusal(const std::string& ifname, uint32_t queues = 1) {
    const auto tap = Open(ifname, queues);
    EXPECT_FALSE(tap);
    EXPECT_EQ(world_.fds().open_count(), fds_before_);
    return tap ? Error::Make(ErrorCode::kSystem, "opened") : tap.error();
  }
  const backend_sim::TapInterface& Interface(const std::string& name) {
    return *world_.taps().Interface(name);
  }

  backend_sim::VhostNetWorld world_;
  const size_t fds_before_;
};

TEST_F(TapTest, NoName_TheKernelChoosesTheFirstFreeOne) {
  const auto first = Open("");
  const auto second = Open("");

  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->name(), "tap0");
  EXPECT_EQ(second->name(), "tap1");
}

TEST_F(TapTest, OneQueue_IsNoMultiQueueTapAndHasHeaders) {
  const auto tap = Open("vm0");

  ASSERT_TRUE(tap);
  EXPECT_FALSE(tap->multiqueue());
  EXPECT_EQ(Interface("vm0").flags, kTap);
  EXPECT_EQ(Interface("vm0").queues.size(), 1u);
}

TEST_F(TapTest, F28_ManyQueuesAreOfOneInterfaceWhateverThePattern) {
  const auto tap = Open("vm%d", 4);

  ASSERT_TRUE(tap) << tap.error().text();
  EXPECT_EQ(tap->name(), "vm0");
  EXPECT_EQ(tap->queue_count(), 4u);
  EXPECT_TRUE(tap->multiqueue());
  EXPECT_EQ(world_.taps().interface_count(), 1u);
  EXPECT_EQ(Interface("vm0").flags, kTap | IFF_MULTI_QUEUE);
  EXPECT_EQ(Interface("vm0").queues.size(), 4u);
}

TEST_F(TapTest, TheSendBufferIsUnlimited) {
  const auto tap = Open("vm0");

  ASSERT_TRUE(tap);
  EXPECT_EQ(Interface("vm0").send_buffer, INT_MAX);
}

TEST_F(TapTest, Closing_RemovesTheInterface) {
  {
    const auto tap = Open("vm0", 2);
    ASSERT_TRUE(tap);
  }

  EXPECT_EQ(world_.taps().interface_count(), 0u);
  EXPECT_EQ(world_.fds().open_count(), fds_before_);
}

TEST_F(TapTest, OneQueueOfAPersistentMultiQueueTap_IsTaken) {
  world_.taps().AddInterface("vm0", kTap | IFF_MULTI_QUEUE);

  const auto tap = Open("vm0");

  ASSERT_TRUE(tap) << tap.error().text();
  EXPECT_TRUE(tap->multiqueue());
}

TEST_F(TapTest, APersistentTapNeedsNoCapability) {
  world_.taps().AddInterface("vm0", kTap);
  world_.taps().SetAdmin(false);

  EXPECT_TRUE(Open("vm0"));
}

TEST_F(TapTest, MacHeaderAndOffloadsReachTheInterface) {
  auto tap = Open("vm0");
  ASSERT_TRUE(tap);

  EXPECT_TRUE(tap->SetMac({{2, 0, 0, 0, 0, 9}}));
  EXPECT_TRUE(tap->SetHeaderBytes(12));
  EXPECT_TRUE(
      tap->SetOffloads({Feature::kNetGuestCsum, Feature::kNetGuestTso4}));

  EXPECT_EQ(Interface("vm0").mac, (std::array<uint8_t, 6>{2, 0, 0, 0, 0, 9}));
  EXPECT_EQ(Interface("vm0").header_bytes, 12);
  EXPECT_EQ(Interface("vm0").offloads, unsigned{TUN_F_CSUM | TUN_F_TSO4});
  EXPECT_TRUE(tap->SetOffloads({}));
  EXPECT_EQ(Interface("vm0").offloads, 0u);
}

TEST_F(TapTest, AQueueIsTakenOffAndPutOnAgainWhateverTheOrder) {
  auto tap = Open("vm0", 3);
  ASSERT_TRUE(tap);

  EXPECT_TRUE(tap->DisableQueue(1));
  EXPECT_TRUE(tap->DisableQueue(1));
  EXPECT_EQ(Interface("vm0").queues.size(), 2u);
  EXPECT_TRUE(tap->EnableQueue(1));
  EXPECT_TRUE(tap->EnableQueue(1));
  EXPECT_EQ(Interface("vm0").queues.size(), 3u);
}

TEST_F(TapTest, TheFirstQueueStaysOn) {
  auto tap = Open("vm0", 2);
  ASSERT_TRUE(tap);

  EXPECT_TRUE(tap->DisableQueue(0));

  EXPECT_EQ(Interface("vm0").queues.size(), 2u);
}

// --- Refusals ----------------------------------------------------------------

TEST_F(TapTest, NoDriver_SaysWhichModule) {
  backend_sim::FdTable fds;
  backend_sim::SimClock clock;
  backend_sim::KernelServer bare(fds, clock);

  const auto tap = Tap::Open(bare, {});

  ASSERT_FALSE(tap);
  EXPECT_EQ(tap.error().sys_errno(), ENOENT);
  EXPECT_THAT(std::string(tap.error().text()), HasSubstr("modprobe tun"));
}

TEST_F(TapTest, NoPermissionOnTheDevice_SaysSo) {
  world_.calls().AddDevice("/dev/net/tun", [] {
    return backend_sim::OpenedFile{.file = nullptr, .error = EACCES};
  });

  const Error error = Refusal("vm0");

  EXPECT_EQ(error.sys_errno(), EACCES);
  EXPECT_THAT(std::string(error.text()), HasSubstr("permission"));
}

TEST_F(TapTest, NoCapability_NamesItAndTheOtherWay) {
  world_.taps().SetAdmin(false);

  const Error error = Refusal("vm0");

  EXPECT_EQ(error.sys_errno(), EPERM);
  EXPECT_THAT(std::string(error.text()), HasSubstr("CAP_NET_ADMIN"));
  EXPECT_THAT(std::string(error.text()), HasSubstr("ip tuntap add"));
  EXPECT_THAT(std::string(error.text()), HasSubstr("EPERM"));
}

TEST_F(TapTest, SomebodyElseHasTheOneQueue_SaysSo) {
  const auto other = Open("vm0");
  ASSERT_TRUE(other);
  const auto tap = Open("vm0");

  ASSERT_FALSE(tap);
  EXPECT_EQ(tap.error().sys_errno(), EBUSY);
  EXPECT_THAT(std::string(tap.error().text()), HasSubstr("tap vm0"));
  EXPECT_THAT(std::string(tap.error().text()), HasSubstr("another program"));
}

TEST_F(TapTest, SomebodyElseHasSomeOfManyQueues_SaysSo) {
  for (const uint32_t others : {1, 2}) {
    const std::string name = "vm" + std::to_string(others);
    world_.taps().AddInterface(name, kTap | IFF_MULTI_QUEUE).persistent = true;
    const auto other = Open(name, others);
    ASSERT_TRUE(other);
    ASSERT_TRUE(other->multiqueue());
    for (const uint32_t wanted : {1, 2}) {
      const auto tap = Open(name, wanted);
      ASSERT_FALSE(tap);
      EXPECT_EQ(tap.error().sys_errno(), EBUSY);
      EXPECT_THAT(std::string(tap.error().text()),
                  HasSubstr("another program"));
    }
    EXPECT_EQ(Interface(name).queues.size(), others);
  }
}

TEST_F(TapTest, SeveralQueuesOfASingleQueueTap_IsAnArgument) {
  world_.taps().AddInterface("vm0", kTap);

  const Error error = Refusal("vm0", 2);

  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.sys_errno(), EINVAL);
  EXPECT_THAT(std::string(error.text()), HasSubstr("no multi-queue tap"));
}

TEST_F(TapTest, TheNameOfATun_IsAnArgument) {
  world_.taps().AddInterface("vpn0", IFF_TUN | IFF_NO_PI);

  const Error error = Refusal("vpn0");

  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(error.text()), HasSubstr("is no tap"));
}

TEST_F(TapTest, MoreQueuesThanATapHas_IsAnArgumentBeforeAnythingIsOpened) {
  const Error error = Refusal("vm0", 257);

  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(error.text()), HasSubstr("1 to 256"));
  EXPECT_EQ(world_.calls().call_count(), 0u);
}

// Of two programs that come at the same time the kernel may count both.
TEST_F(TapTest, MoreQueuesThanAreLeft_SaysWhoHasThem) {
  world_.calls().FailCall(5, E2BIG);

  const auto tap = Open("vm0", 2);

  ASSERT_FALSE(tap);
  EXPECT_EQ(tap.error().sys_errno(), E2BIG);
  EXPECT_EQ(tap.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(tap.error().text()),
              AllOf(HasSubstr("for queue 1"), HasSubstr("256 queues")));
}

TEST_F(TapTest, TheQueueThatCannotBeSwitchedIsNamed) {
  auto tap = Open("vm0", 3);
  ASSERT_TRUE(tap);
  world_.calls().FailCall(1, EINVAL);
  const auto off = tap->DisableQueue(2);
  ASSERT_TRUE(tap->DisableQueue(2));
  world_.calls().FailCall(1, EINVAL);
  const auto on = tap->EnableQueue(2);

  ASSERT_FALSE(off || on);
  EXPECT_THAT(std::string(off.error().text()),
              AllOf(HasSubstr("TUNSETQUEUE detach of queue 2"),
                    HasSubstr("is no multi-queue tap")));
  EXPECT_THAT(std::string(on.error().text()),
              HasSubstr("TUNSETQUEUE attach of queue 2"));
}

TEST_F(TapTest, EveryCallThatFails_IsNamedAndLeavesNothing) {
  const uint64_t before = world_.calls().call_count();
  {
    ASSERT_TRUE(Open("vm%d", 3));
  }
  const uint64_t calls = world_.calls().call_count() - before;
  ASSERT_EQ(calls, 8u);  // 3 opens, 3 TUNSETIFF, features, send buffer.
  for (uint64_t nth = 1; nth <= calls; ++nth) {
    SCOPED_TRACE(nth);
    world_.calls().FailCall(nth, ENOMEM);

    const Error error = Refusal("vm%d", 3);

    EXPECT_EQ(error.sys_errno(), ENOMEM);
    EXPECT_THAT(std::string(error.text()), HasSubstr("ENOMEM"));
  }
}

TEST_F(TapTest, AnInterfaceThatIsGone_IsNoticedAndEveryCallSaysSo) {
  auto tap = Open("vm0", 2);
  ASSERT_TRUE(tap);
  EXPECT_FALSE(tap->IsGone());

  world_.taps().RemoveInterface("vm0");

  EXPECT_TRUE(tap->IsGone());
  for (const auto& done :
       {tap->SetMac({{2, 0, 0, 0, 0, 9}}), tap->SetHeaderBytes(12),
        tap->SetOffloads({}), tap->DisableQueue(1)}) {
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::kDisconnected);
    EXPECT_THAT(std::string(done.error().text()), HasSubstr("tap vm0"));
    EXPECT_THAT(std::string(done.error().text()), HasSubstr("reattach"));
  }
}

// --- Names -------------------------------------------------------------------

TEST(InterfaceName, UpTo15CharactersAndOnePatternAreNames) {
  EXPECT_TRUE(CheckInterfaceName("t"));
  EXPECT_TRUE(CheckInterfaceName("fifteen-letters"));
  EXPECT_TRUE(CheckInterfaceName("tap%d"));
  EXPECT_TRUE(CheckInterfaceName("a.b"));
}

TEST(InterfaceName, WhatTheKernelTakesForNoNameIsRefused) {
  for (const char* name : {"", ".", "..", "sixteen-letters-", "a/b", "a:b",
                           "a b", "a\tb", "a%s", "tap%d%d", "a%"}) {
    SCOPED_TRACE(name);
    const auto valid = CheckInterfaceName(name);
    ASSERT_FALSE(valid);
    EXPECT_EQ(valid.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(std::string(valid.error().text()), HasSubstr("ifname"));
  }
}

TEST_F(TapTest, ANameThatIsTooLong_IsRefusedBeforeAnythingIsOpened) {
  const Error error = Refusal("a-name-of-many-characters");

  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(std::string(error.text()), HasSubstr("more than 15"));
  EXPECT_EQ(world_.calls().call_count(), 0u);
}

}  // namespace
}  // namespace virtio_user
