// SPDX-License-Identifier: BSD-3-Clause
//
// The vhost-user back-end against a server of another code base that has a
// configuration space, memory slots and a channel for requests: the block
// device that qemu-storage-daemon exports. Rings are set up and stopped; no
// block request is made.

#include <array>
#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/interop/child_process.h"
#include "tests/interop/vuser.h"
#include "tests/support/temp_dir.h"
#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/os/memfd_memory.h"
#include "virtio_user/os/unix_socket_channel.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {
namespace {

using interop::ChildProcess;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr uint16_t kRingSize = 128;
constexpr uint64_t kDiskBytes = uint64_t{16} << 20;

std::string TextOf(const Result<void>& result) {
  return result ? std::string() : std::string(result.error().text());
}

class StorageDaemonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string program = interop::FindProgram("qemu-storage-daemon");
    ASSERT_FALSE(program.empty()) << "qemu-storage-daemon is not installed";
    daemon_ = ChildProcess::Start(
        {.arguments = {program, "--blockdev",
                       "driver=null-co,node-name=n,size=16777216", "--export",
                       "type=vhost-user-blk,id=e,node-name=n,addr.type=unix,"
                       "addr.path=" +
                           socket_},
         .output_path = log_path_});
    ASSERT_NE(daemon_, nullptr);
    memory_ =
        std::move(MemfdMemory::Create(fds_, {.arena_bytes = 1 << 20}).value());
    ring_memory_ =
        memory_
            ->Allocate(RingLayout::BytesFor(RingFormat::kSplit, kRingSize),
                       RingLayout::kAlign)
            .value();
    ring_ = RingLayout::PlaceIn(ring_memory_, RingFormat::kSplit, kRingSize)
                .value();
    call_ = FileDescriptor::CreateEvent(fds_).value();
    kick_ = FileDescriptor::CreateEvent(fds_).value();
  }
  std::string Log() const { return interop::ReadFile(log_path_); }

  // Connects as soon as the daemon listens.
  Result<void> Attach() {
    Result<void> attached;
    for (int i = 0; i < 100; ++i) {
      backend_ = std::make_unique<VhostUserBackend>(
          std::move(UnixSocketChannel::Client(fds_, socket_).value()));
      backend_->BeginCall(seconds(5));
      attached = backend_->link().Attach();
      if (attached) return attached;
      std::this_thread::sleep_for(milliseconds(50));
    }
    return attached;
  }
  Result<void> Open() {
    if (auto done = Attach(); !done) return done;
    if (auto done = backend_->SetOwner(); !done) return done;
    const auto offered = backend_->GetFeatures();
    if (!offered) return Fail(offered);
    offered_ = *offered;
    return {};
  }

  // As a driver of ring 0 does; the device goes on at `base`.
  Result<void> Start(VringBase base) {
    backend_->BeginCall(seconds(5));
    if (auto done = backend_->SetVringCall(0, call_.get()); !done) return done;
    auto set = backend_->SetFeatures(offered_ & FeatureSet{Feature::kVersion1});
    if (!set) return set;
    Result<void> shared;
    VringAddresses at;
    memory_->WithTable([&](const MemoryTable& table) {
      at = {.desc = *table.ToDevice(ring_.desc, ring_.DescBytes()),
            .avail = *table.ToDevice(ring_.driver, ring_.DriverBytes()),
            .used = *table.ToDevice(ring_.device, ring_.DeviceBytes())};
      shared = backend_->SetMemTable(table);
    });
    if (!shared) return shared;
    if (auto done = backend_->SetVringNum(0, kRingSize); !done) return done;
    if (auto done = backend_->SetVringBase(0, base); !done) return done;
    if (auto done = backend_->SetVringAddr(0, at); !done) return done;
    if (auto done = backend_->SetVringKick(0, kick_.get()); !done) return done;
    return backend_->SetVringEnable(0, VringEnable::kEnabled);
  }
  Result<VringBase> Stop() {
    backend_->BeginCall(seconds(5));
    auto disabled = backend_->SetVringEnable(0, VringEnable::kDisabled);
    if (!disabled) return Fail(disabled);
    VringBaseQuery query{0, {}, false};
    auto stopped = backend_->GetVringBases({&query, 1});
    if (!stopped) return Fail(stopped);
    return query.base;
  }
  Result<void> ShareNow() {
    Result<void> shared;
    memory_->WithTable([&](const MemoryTable& table) {
      shared = backend_->ChangeMemTable(table);
    });
    return shared;
  }

  testing_support::TempDir dir_;
  const std::string socket_ = dir_.Join("blk.sock");
  const std::string log_path_ = dir_.Join("daemon.log");
  PosixFdOps fds_;
  std::unique_ptr<ChildProcess> daemon_;
  std::unique_ptr<MemfdMemory> memory_;
  std::span<std::byte> ring_memory_;
  RingLayout ring_;
  FileDescriptor call_;
  FileDescriptor kick_;
  FeatureSet offered_;
  std::unique_ptr<VhostUserBackend> backend_;
};

TEST_F(StorageDaemonTest, ItsFeaturesAndItsConfigurationAreUnderstood) {
  const Result<void> open = Open();
  ASSERT_TRUE(open) << TextOf(open) << Log();
  EXPECT_TRUE(offered_.Has(Feature::kVersion1));
  const BackendCaps& caps = backend_->caps();
  EXPECT_TRUE(caps.config);
  EXPECT_TRUE(caps.memory_slots);
  EXPECT_TRUE(caps.ring_enable);
  EXPECT_GE(caps.max_memory_regions, 8u);
  EXPECT_GE(backend_->news_fd(), 0);
  // virtio 1.4, "Block Device": capacity in sectors of 512 bytes comes first.
  std::array<std::byte, 8> config;
  const Result<void> read = backend_->GetConfig(0, config);
  ASSERT_TRUE(read) << TextOf(read);
  uint64_t sectors = 0;
  std::memcpy(&sectors, config.data(), sizeof(sectors));
  EXPECT_EQ(sectors, kDiskBytes / 512);
}

TEST_F(StorageDaemonTest, ARingStartsStopsAndStartsAgain) {
  Result<void> done = Open();
  ASSERT_TRUE(done) << TextOf(done) << Log();
  VringBase base;
  for (int i = 0; i < 3; ++i) {
    done = Start(base);
    ASSERT_TRUE(done) << i << TextOf(done) << Log();
    const Result<VringBase> stopped = Stop();
    ASSERT_TRUE(stopped) << i << stopped.error().text() << Log();
    base = *stopped;
    EXPECT_EQ(base.avail, 0);
  }
  EXPECT_EQ(backend_->link().Poll(), LinkState::kUp);
}

TEST_F(StorageDaemonTest, MemoryComesAndGoesWhileTheRingRuns) {
  Result<void> done = Open();
  ASSERT_TRUE(done) << TextOf(done) << Log();
  done = Start({});
  ASSERT_TRUE(done) << TextOf(done) << Log();
  std::vector<std::span<std::byte>> regions;
  // With the arena more than one table holds.
  for (int i = 0; i < 12; ++i) {
    regions.push_back(memory_->AddRegion(size_t{2} << 20).value());
    backend_->BeginCall(seconds(5));
    done = ShareNow();
    ASSERT_TRUE(done) << i << TextOf(done) << Log();
  }
  for (const auto region : regions) {
    ASSERT_TRUE(memory_->RemoveRegion(region));
    backend_->BeginCall(seconds(5));
    done = ShareNow();
    ASSERT_TRUE(done) << TextOf(done) << Log();
  }
  const Result<VringBase> stopped = Stop();
  ASSERT_TRUE(stopped) << stopped.error().text() << Log();
  EXPECT_EQ(backend_->link().Poll(), LinkState::kUp);
}

TEST_F(StorageDaemonTest, ProbeDescribesIt) {
  ASSERT_TRUE(Attach()) << Log();
  backend_.reset();
  const auto vuser = interop::Vuser::Start(dir_.path(), {"probe", socket_});
  ASSERT_NE(vuser, nullptr);
  EXPECT_EQ(vuser->Wait(seconds(20)), 0) << vuser->Progress() << Log();
  for (const char* name : {"VHOST_USER_PROTOCOL_F_CONFIG\n",
                           "VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS\n",
                           "VHOST_USER_PROTOCOL_F_BACKEND_REQ\n"}) {
    EXPECT_THAT(vuser->Output(), HasSubstr(name));
  }
}

}  // namespace
}  // namespace virtio_user
