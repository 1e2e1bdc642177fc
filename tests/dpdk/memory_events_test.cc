// SPDX-License-Identifier: BSD-3-Clause
//
// DpdkMemory while EAL adds and removes memory, which it does with hugepages
// alone. Skips where there are too few of them.

#include <gtest/gtest.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/hugepages.h"
#include "virtio_user/dpdk/dpdk_memory.h"

namespace virtio_user {
namespace {

// Why EAL cannot start here; none where it did.
std::optional<std::string> why_not;

constexpr int kStartMegabytes = 32;
constexpr size_t kMuch = size_t{64} << 20;
// With what the heap needs besides.
constexpr int kAllMegabytes = kStartMegabytes + 64 + 8;

class RecordingListener final : public MemoryListener {
 public:
  struct Heard {
    MemoryEvent event;
    bool in_table;
  };
  void OnMemoryEvent(const MemoryEvent& event,
                     const MemoryTable& table) override {
    heard.push_back({event, table.Touches(event.range)});
  }
  std::vector<Heard> heard;
};

class MemoryEventsTest : public testing::Test {
 protected:
  void SetUp() override {
    if (why_not) GTEST_SKIP() << *why_not;
  }
  bool Shared(const void* at) {
    bool shared = false;
    memory_.WithTable([&](const MemoryTable& table) {
      shared = table.ToDevice(at, 1).has_value();
    });
    return shared;
  }
  DpdkMemory memory_;
  RecordingListener listener_;
};

TEST_F(MemoryEventsTest, MemoryThatComesIsInTheTableOfItsEvent) {
  ASSERT_TRUE(memory_.Subscribe(listener_).has_value());
  void* const much = rte_malloc(nullptr, kMuch, 0);
  ASSERT_NE(much, nullptr);

  ASSERT_FALSE(listener_.heard.empty());
  EXPECT_EQ(listener_.heard[0].event.kind, MemoryEvent::Kind::kAdded);
  EXPECT_EQ(listener_.heard[0].event.owner, MemoryEvent::Owner::kProvider);
  EXPECT_TRUE(listener_.heard[0].in_table);
  EXPECT_TRUE(Shared(much));
  rte_free(much);
  memory_.Unsubscribe(listener_);
}

TEST_F(MemoryEventsTest, MemoryThatGoesHasLeftTheTableOfItsEvent) {
  void* const much = rte_malloc(nullptr, kMuch, 0);
  ASSERT_NE(much, nullptr);
  ASSERT_TRUE(memory_.Subscribe(listener_).has_value());

  rte_free(much);

  ASSERT_FALSE(listener_.heard.empty());
  EXPECT_EQ(listener_.heard[0].event.kind, MemoryEvent::Kind::kRemoving);
  EXPECT_FALSE(listener_.heard[0].in_table);
  EXPECT_FALSE(Shared(much));
  memory_.Unsubscribe(listener_);
}

TEST_F(MemoryEventsTest, AfterUnsubscribeNothingIsHeard) {
  ASSERT_TRUE(memory_.Subscribe(listener_).has_value());
  memory_.Unsubscribe(listener_);
  rte_free(rte_malloc(nullptr, kMuch, 0));
  EXPECT_TRUE(listener_.heard.empty());
}

std::optional<std::string> StartEal(std::vector<std::string> words) {
  auto why = testing_support::WhyNoHugepages(kAllMegabytes);
  if (why) return why;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    return std::string("rte_eal_init: ") + rte_strerror(rte_errno);
  }
  return std::nullopt;
}

}  // namespace
}  // namespace virtio_user

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (const char* const folder = std::getenv("TEST_TMPDIR")) {
    ::setenv("RUNTIME_DIRECTORY", folder, 1);
  }
  virtio_user::why_not = virtio_user::StartEal(
      {argv[0], "--in-memory", "--single-file-segments", "-m",
       std::to_string(virtio_user::kStartMegabytes), "--no-pci", "--lcores",
       "0@0", "--no-telemetry", "--log-level=3"});
  return RUN_ALL_TESTS();
}
