// SPDX-License-Identifier: BSD-3-Clause
//
// The DPDK driver net_vuser in a stock testpmd, opposite a second testpmd with
// DPDK's own vhost port: packets go round between the two.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <ostream>
#include <string>

#include "tests/interop/log_check.h"
#include "tests/interop/pmd_fixture.h"
#include "tests/interop/pmd_testpmd.h"

namespace interop {
namespace {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

constexpr seconds kTrafficPatience(120);
constexpr uint64_t kMillion = 1'000'000;

struct Leg {
  std::string path{};       // As path_selection names it.
  std::string arguments{};  // Of the device.
  int queues = 1;
  uint64_t packets = kMillion;

  friend void PrintTo(const Leg& leg, std::ostream* out) { *out << leg.path; }
};

struct LegName {
  template <typename Info>
  std::string operator()(const Info& info) const {
    std::string name = info.param.path;
    std::erase(name, '-');
    return name;
  }
};

class PmdTest : public PmdFixture, public testing::WithParamInterface<Leg> {
 protected:
  std::unique_ptr<PmdTestpmd> StartBackend() {
    return Start(BackendOptions("backend", GetParam().queues));
  }
  std::unique_ptr<PmdTestpmd> StartDriver() {
    return Start(DriverOptions("path=" + socket_ + "," + GetParam().arguments,
                               GetParam().queues));
  }
};

TEST_P(PmdTest, AMillionPacketsGoRoundAndAgainAfterAStop) {
  const auto backend = StartBackend();
  ASSERT_NE(backend, nullptr);
  const auto driver = StartDriver();
  ASSERT_NE(driver, nullptr);

  driver->Type("start tx_first 4");
  const PortCounters first =
      driver->WaitForPackets(GetParam().packets, kTrafficPatience);
  // Stop and start of the port: rings go on afresh.
  driver->Type("stop");
  driver->Type("port stop 0");
  EXPECT_TRUE(driver->WaitForText("Stopping ports", kPatience));
  driver->Type("port start 0");
  driver->Type("start tx_first 4");
  const PortCounters second = driver->WaitForPackets(
      first.rx_packets + GetParam().packets / 10, kTrafficPatience);
  driver->Type("stop");
  const auto other = backend->Counters();

  SCOPED_TRACE("--- driver:\n" + TailOf(driver->Log(), 40) + "--- back-end:\n" +
               TailOf(backend->Log(), 40));
  EXPECT_GE(first.rx_packets, GetParam().packets);
  EXPECT_GE(second.rx_packets, first.rx_packets + GetParam().packets / 10);
  EXPECT_EQ(second.rx_errors, 0u);
  EXPECT_EQ(second.tx_errors, 0u);
  ASSERT_TRUE(other.has_value());
  EXPECT_GE(other->rx_packets, GetParam().packets);
  EXPECT_GE(other->tx_packets, GetParam().packets);
  EXPECT_EQ(other->rx_errors, 0u);
  EXPECT_EQ(driver->Quit(kPatience), 0);
  EXPECT_EQ(backend->Quit(kPatience), 0);
  // Which path it took, and no complaint.
  EXPECT_THAT(driver->Log(), HasSubstr("port 0: " + GetParam().path + " ("));
  EXPECT_THAT(driver->Log(), Not(HasSubstr("cannot ")));
}

INSTANTIATE_TEST_SUITE_P(
    Paths, PmdTest,
    testing::Values(
        Leg{.path = "split-nomrg", .arguments = "in_order=0,mrg_rxbuf=0"},
        Leg{.path = "split-mrg", .arguments = "in_order=0,mrg_rxbuf=1"},
        Leg{.path = "split-inorder-nomrg", .arguments = "mrg_rxbuf=0"},
        Leg{.path = "split-inorder-mrg", .arguments = "queue_size=1024"},
        Leg{.path = "packed-nomrg",
            .arguments = "packed_vq=1,in_order=0,mrg_rxbuf=0,queue_size=255"},
        Leg{.path = "packed-mrg",
            .arguments = "packed_vq=1,in_order=0,queue_size=1025"},
        Leg{.path = "packed-inorder-nomrg",
            .arguments = "packed_vq=1,mrg_rxbuf=0"},
        Leg{.path = "packed-inorder-mrg", .arguments = "packed_vq=1"}),
    LegName());

INSTANTIATE_TEST_SUITE_P(
    FourPairs, PmdTest,
    testing::Values(
        Leg{.path = "split-inorder-mrg", .arguments = "queues=4", .queues = 4},
        Leg{.path = "packed-inorder-mrg",
            .arguments = "queues=4,packed_vq=1",
            .queues = 4}),
    LegName());

}  // namespace
}  // namespace interop
