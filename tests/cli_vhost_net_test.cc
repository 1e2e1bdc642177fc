// SPDX-License-Identifier: BSD-3-Clause
//
// `vuser` on vhost-net: whole runs on the simulated kernel, and what is said
// where there is none.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "backend_sim/kernel_transcript.h"
#include "backend_sim/vhost_net_world.h"
#include "cli/kernel_environment.h"
#include "cli/runner.h"
#include "tests/cli_support.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/os/vhost_kernel_backend.h"

namespace virtio_user::cli {
namespace {

using ::testing::HasSubstr;

// The simulated kernel, which echoes.
class SimKernelEnvironment final : public Environment {
 public:
  explicit SimKernelEnvironment(uint16_t pairs)
      : Environment({}), pairs_(pairs), world_(WorldOptions(pairs)) {}

  std::expected<std::unique_ptr<VhostBackend>, Failure> OpenBackend() override {
    return std::make_unique<VhostKernelBackend>(
        std::make_unique<backend_sim::KernelTranscript>(
            world_.calls(), [](const std::string&) {}),
        VhostKernelOptions{.queue_pairs = pairs_});
  }
  MemoryProvider& memory() override { return world_.memory(); }
  FdOps& fds() override { return world_.fds(); }
  Quiescer& quiescer() override { return world_.quiescer(); }
  Result<std::span<std::byte>> AddRegion(size_t bytes) override {
    const auto id = world_.memory().AddRegion(bytes);
    if (!id) return Fail(id);
    std::span<std::byte> host;
    world_.memory().WithTable(
        [&](const MemoryTable& table) { host = table.regions().back().host; });
    added_[host.data()] = *id;
    return host;
  }
  Result<void> RemoveRegion(std::span<std::byte> region) override {
    return world_.memory().RemoveRegion(added_.at(region.data()));
  }
  void Turn(bool idle) override {
    const size_t done = world_.Step();
    if (!idle || done != 0) return;
    world_.clock().AdvanceTo(world_.clock().now() +
                             std::chrono::milliseconds(1));
  }
  Duration Now() override { return world_.clock().now(); }
  Routing routing() const override { return Routing::kAnyPair; }

  backend_sim::VhostNetWorld& world() { return world_; }

 private:
  static backend_sim::VhostNetWorldOptions WorldOptions(uint16_t pairs) {
    backend_sim::VhostNetWorldOptions options;
    options.memory.region_bytes =
        (NetDriver::MemoryFor({.pairs = pairs}) / 4096 + 1) * 4096;
    return options;
  }

  const uint32_t pairs_;
  backend_sim::VhostNetWorld world_;
  std::map<const std::byte*, backend_sim::SimRegionId> added_;
};

RunResult RunOn(Environment& environment, const RunOptions& options) {
  std::ostringstream text;
  const Console console{.out = text, .err = text};
  Progress progress(console, "packets");
  return Runner(options, environment, console, progress).Run();
}

class VhostNetRunTest : public ::testing::TestWithParam<uint16_t> {};

TEST_P(VhostNetRunTest, AWholeRunPassesAndLeavesNothing) {
  SimKernelEnvironment environment(GetParam());
  RunOptions options;
  options.backend = "/dev/vhost-net";
  options.queues = GetParam();
  options.packets = 4000;

  const RunResult result = RunOn(environment, options);

  EXPECT_TRUE(result.pass()) << result.failure.value_or(Failure{}).text;
  uint64_t received = 0;
  for (const PairCounts& pair : result.pairs) {
    EXPECT_EQ(pair.received, pair.sent);
    received += pair.received;
  }
  EXPECT_EQ(received, 4000u);
  EXPECT_EQ(result.starts, 4u);
  EXPECT_TRUE(environment.world().vhosts().empty());
  EXPECT_EQ(environment.world().taps().interface_count(), 0u);
  EXPECT_EQ(environment.world().kernel_fds().Balance(), "");
}

INSTANTIATE_TEST_SUITE_P(Pairs, VhostNetRunTest, ::testing::Values(1, 4));

TEST(VhostNetRun, PackedRingsThatAreInsistedOn_AreAnArgument) {
  SimKernelEnvironment environment(1);
  RunOptions options;
  options.backend = "/dev/vhost-net";
  options.path.packed = Wish::kRequired;

  const RunResult result = RunOn(environment, options);

  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->code, ExitCode::kUsage);
  EXPECT_THAT(result.failure->text, HasSubstr("VIRTIO_F_RING_PACKED"));
}

// --- Wrong input -------------------------------------------------------------

TEST(VhostNetInput, ATapNameThatIsTooLong_IsRefusedWithTheLimit) {
  // Any character device will do.
  const Outcome outcome = RunVuser(
      {"run", "--backend", "/dev/null", "--ifname", "sixteen-letters-"});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--ifname 'sixteen-letters-' has more "
                                     "than 15 characters"));
}

TEST(VhostNetInput, ATapNameForASocket_IsRefused) {
  const Outcome outcome =
      RunVuser({"run", "--backend", "/tmp/v.sock", "--ifname", "tap0"});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("leave it out for /tmp/v.sock"));
}

TEST(VhostNetInput, AnotherDevice_IsNamed) {
  for (const char* command : {"run", "probe"}) {
    const Outcome outcome = std::string(command) == "run"
                                ? RunVuser({"run", "--backend", "/dev/null"})
                                : RunVuser({"probe", "/dev/null"});

    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("no vhost driver"));
    EXPECT_THAT(outcome.err, HasSubstr("/dev/vhost-net"));
  }
}

TEST(VhostNetInput, FramesThatNobodySends_AreRefused) {
  const Outcome outcome =
      RunVuser({"run", "--backend", "/dev/null", "--traffic", "receive"});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("say echo, send or none"));
}

TEST(VhostNetInput, ADeviceThatIsNotThere_SaysWhichModule) {
  if (::access("/dev/vhost-net", F_OK) == 0) GTEST_SKIP() << "it is here";

  for (const Outcome& outcome :
       {RunVuser({"run", "--backend", "/dev/vhost-net"}),
        RunVuser({"probe", "/dev/vhost-net"})}) {
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.err, HasSubstr("/dev/vhost-net does not exist"));
    EXPECT_THAT(outcome.err, HasSubstr("modprobe vhost_net"));
  }
}

// Where vhost-net's node is, and what opening it fails with.
class VhostNetNode : public ::testing::Test {
 protected:
  void Make(int error) {
    if (::mknod(path_.c_str(), S_IFCHR | 0600, makedev(10, 238)) != 0) {
      GTEST_SKIP() << "mknod takes root";
    }
    const int fd = ::open(path_.c_str(), O_RDWR);
    const int found = fd < 0 ? errno : 0;
    if (fd >= 0) ::close(fd);
    if (found != error) GTEST_SKIP() << "open gives " << found;
    made_ = true;
  }

  testing_support::TempDir dir_;
  const std::string path_ = dir_.Join("vhost-net");
  bool made_ = false;
};

TEST_F(VhostNetNode, WithoutItsDriver_SaysWhichModule) {
  Make(ENODEV);
  if (!made_) return;

  for (const Outcome& outcome :
       {RunVuser({"run", "--backend", path_}), RunVuser({"probe", path_})}) {
    EXPECT_EQ(outcome.code, 3);
    EXPECT_THAT(outcome.err, HasSubstr("cannot open " + path_));
    EXPECT_THAT(outcome.err, HasSubstr("modprobe vhost_net"));
  }
}

TEST_F(VhostNetNode, AsAServer_IsRefused) {
  if (::mknod(path_.c_str(), S_IFCHR | 0600, makedev(10, 238)) != 0) {
    GTEST_SKIP() << "mknod takes root";
  }

  const Outcome outcome = RunVuser({"run", "--backend", path_, "--server"});

  EXPECT_EQ(outcome.code, 2);
  EXPECT_THAT(outcome.err, HasSubstr("nobody connects"));
}

}  // namespace
}  // namespace virtio_user::cli
