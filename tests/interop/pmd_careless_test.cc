// SPDX-License-Identifier: BSD-3-Clause
//
// The DPDK driver net_vuser in the hands of somebody careless: what is wrong is
// told by name, and whatever happens testpmd ends as usual.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "tests/interop/log_check.h"
#include "tests/interop/pmd_fixture.h"
#include "tests/interop/pmd_testpmd.h"
#include "tests/support/raw_socket.h"

namespace interop {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kSomePackets = 20'000;

class PmdCarelessTest : public PmdFixture {
 protected:
  std::unique_ptr<PmdTestpmd> StartBackend(const std::string& name) {
    return Start(BackendOptions(name));
  }
  std::unique_ptr<PmdTestpmd> StartDriver(const std::string& arguments) {
    return Start(DriverOptions(arguments));
  }
  // Packets go round.
  static void ExpectTraffic(PmdTestpmd& driver) {
    driver.Type("start tx_first 4");
    const uint64_t before =
        driver.Counters().value_or(PortCounters{}).rx_packets;
    EXPECT_GT(
        driver.WaitForPackets(before + kSomePackets, kPatience).rx_packets,
        before);
  }
  // What it says on that; it is through when it answers what follows.
  static std::string Says(PmdTestpmd& driver, const std::string& line) {
    const size_t before = driver.Log().size();
    driver.Type(line);
    (void)driver.Counters();
    return driver.Log().substr(before);
  }
  // Testpmd, which wants a port, ends because it has none.
  void ExpectRefused(const std::string& arguments, const std::string& reason) {
    std::string log;
    EXPECT_EQ(PmdTestpmd::Start(DriverOptions(arguments), kPatience, log),
              nullptr);
    EXPECT_THAT(log, HasSubstr("net_vuser0: " + reason));
    EXPECT_THAT(log, HasSubstr("exiting with code: 1"));
  }
};

TEST_F(PmdCarelessTest, ASocketThatIsNotThereIsNamed) {
  ExpectRefused("path=" + socket_, socket_ + " does not exist; start");
}

TEST_F(PmdCarelessTest, AKeyThatIsUnknownIsNamed) {
  ExpectRefused("path=" + socket_ + ",colour=red",
                "\"colour\" is no argument of net_vuser");
}

TEST_F(PmdCarelessTest, AFileThatIsNoSocketIsNamed) {
  std::ofstream(socket_) << "text";
  ExpectRefused("path=" + socket_, socket_ + " is a regular file and not a");
}

TEST_F(PmdCarelessTest, ASocketThatServesSomethingElseIsNamed) {
  const auto silent = testing_support::BindAt(socket_, 1);
  ASSERT_TRUE(silent.valid());
  ExpectRefused("path=" + socket_ + ",timeout=1",
                "path=" + socket_ + ", timeout=1: GET_FEATURES: ");
}

TEST_F(PmdCarelessTest, APortThatIsStoppedAndClosedTwiceIsJustClosed) {
  const auto backend = StartBackend("backend");
  ASSERT_NE(backend, nullptr);
  const auto driver = StartDriver("path=" + socket_);
  ASSERT_NE(driver, nullptr);
  ExpectTraffic(*driver);
  for (const char* line : {"port close 0", "stop", "port stop 0", "port stop 0",
                           "port close 0", "port close 0", "port start 0"}) {
    driver->Type(line);
  }
  EXPECT_EQ(driver->Quit(kPatience), 0);
  EXPECT_EQ(backend->Quit(kPatience), 0);
  EXPECT_THAT(driver->Log(), HasSubstr("Port 0 is closed"));
}

TEST_F(PmdCarelessTest, TrafficAtTheEndDoesNoHarm) {
  const auto backend = StartBackend("backend");
  ASSERT_NE(backend, nullptr);
  const auto driver = StartDriver("path=" + socket_ + ",packed_vq=1");
  ASSERT_NE(driver, nullptr);
  ExpectTraffic(*driver);
  EXPECT_EQ(driver->Quit(kPatience), 0);
  EXPECT_EQ(backend->Quit(kPatience), 0);
}

TEST_F(PmdCarelessTest, ABackendThatDiesUnderTrafficIsToldOnceAndReplaced) {
  auto backend = StartBackend("backend");
  ASSERT_NE(backend, nullptr);
  const auto driver = StartDriver("path=" + socket_);
  ASSERT_NE(driver, nullptr);
  ExpectTraffic(*driver);

  backend->Kill();
  driver->Type("stop");
  driver->Type("port stop 0");
  EXPECT_THAT(Says(*driver, "port start 0"),
              HasSubstr("port 0: cannot start: nobody serves " + socket_));
  ::unlink(socket_.c_str());
  backend = StartBackend("second");
  ASSERT_NE(backend, nullptr);
  EXPECT_THAT(Says(*driver, "port start 0"), Not(HasSubstr("Fail to start")));
  ExpectTraffic(*driver);

  EXPECT_EQ(CountOf(driver->Log(), "the back-end closed the connection"), 1u);
  EXPECT_EQ(driver->Quit(kPatience), 0);
  EXPECT_EQ(backend->Quit(kPatience), 0);
}

TEST_F(PmdCarelessTest, ABackendThatIsReplacedWhileThePortRestsIsFoundAtOnce) {
  auto backend = StartBackend("backend");
  ASSERT_NE(backend, nullptr);
  const auto driver = StartDriver("path=" + socket_);
  ASSERT_NE(driver, nullptr);
  ExpectTraffic(*driver);
  driver->Type("stop");
  driver->Type("port stop 0");
  (void)driver->Counters();

  backend->Kill();
  ::unlink(socket_.c_str());
  backend = StartBackend("second");
  ASSERT_NE(backend, nullptr);
  EXPECT_THAT(Says(*driver, "port start 0"), Not(HasSubstr("Fail to start")));
  ExpectTraffic(*driver);

  EXPECT_EQ(driver->Quit(kPatience), 0);
  EXPECT_EQ(backend->Quit(kPatience), 0);
}

}  // namespace
}  // namespace interop
