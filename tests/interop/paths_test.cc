// SPDX-License-Identifier: BSD-3-Clause
//
// Every data path of the command `vuser` on DPDK's vhost library, which knows
// nothing of ours: every byte is compared.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/interop/log_check.h"
#include "tests/interop/testpmd.h"
#include "tests/interop/vuser.h"
#include "tests/support/temp_dir.h"

namespace interop {
namespace {

using std::chrono::seconds;
using testing::Combine;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Values;
using testing::ValuesIn;

using Arguments = std::vector<std::string>;

constexpr seconds kTestpmdPatience(60);
constexpr seconds kVuserPatience(300);

// One testpmd with four pairs serves all runs of a suite, one after the other.
class PathsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (Testpmd::WhyNot(TestpmdMemory::kOrdinary)) return;
    dir_ = std::make_unique<testing_support::TempDir>();
    testpmd_ = Testpmd::Start(
        {.folder = dir_->path(), .socket = dir_->Join("v.sock"), .queues = 4},
        kTestpmdPatience, start_log_);
  }
  static void TearDownTestSuite() {
    testpmd_.reset();
    dir_.reset();
  }

  void SetUp() override {
    const auto why = Testpmd::WhyNot(TestpmdMemory::kOrdinary);
    if (why) GTEST_SKIP() << *why;
    ASSERT_NE(testpmd_, nullptr) << "testpmd did not start:\n" << start_log_;
    ASSERT_EQ(testpmd_->Wait(std::chrono::milliseconds(0)), std::nullopt)
        << "testpmd has ended:\n"
        << TailOf(testpmd_->Log(), 30);
  }

  // A run that passes, on this path and no other; `layout` is what the report
  // calls it.
  void ExpectPass(const std::string& path, const Arguments& more) {
    ExpectPass(path, path, more);
  }
  void ExpectPass(const std::string& path, const std::string& layout,
                  const Arguments& more) {
    Arguments arguments = {"run",    "--backend", dir_->Join("v.sock"),
                           "--path", path,        "--timeout",
                           "20"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto vuser = Vuser::Start(run_dir_.path(), arguments);
    ASSERT_NE(vuser, nullptr);
    const std::optional<int> exit_code = vuser->Wait(kVuserPatience);

    SCOPED_TRACE("--- vuser:\n" + TailOf(vuser->Output(), 40) +
                 "--- testpmd:\n" + TailOf(testpmd_->Log(), 30));
    EXPECT_EQ(exit_code, 0);
    EXPECT_EQ(vuser->LastLine(), "verdict: pass");
    EXPECT_THAT(vuser->Output(), HasSubstr("data path: " + layout + " ("));
    EXPECT_THAT(testpmd_->Trouble(), IsEmpty());
  }

  testing_support::TempDir run_dir_;

 private:
  static inline std::unique_ptr<testing_support::TempDir> dir_;
  static inline std::unique_ptr<Testpmd> testpmd_;
  static inline std::string start_log_;
};

// --- The ten paths that DPDK's test plans name -------------------------------

// Vectors are how a front-end computes; what they share with us is a layout of
// the rings.
struct Leg {
  const char* name;
  const char* path;
  const char* layout = path;

  friend void PrintTo(const Leg& leg, std::ostream* out) { *out << leg.name; }
};

const Leg kLegs[] = {
    {"SplitMergeable", "split-mrg"},
    {"SplitNonMergeable", "split-nomrg"},
    {"SplitInOrderMergeable", "split-inorder-mrg"},
    {"SplitInOrderNonMergeable", "split-inorder-nomrg"},
    {"SplitVectorized", "split-vec", "split-nomrg"},
    {"PackedMergeable", "packed-mrg"},
    {"PackedNonMergeable", "packed-nomrg"},
    {"PackedInOrderMergeable", "packed-inorder-mrg"},
    {"PackedInOrderNonMergeable", "packed-inorder-nomrg"},
    {"PackedVectorized", "packed-vec", "packed-inorder-nomrg"},
};

class TenPathsTest
    : public PathsTest,
      public testing::WithParamInterface<std::tuple<Leg, const char*>> {};

TEST_P(TenPathsTest, AMillionFramesOf60To1518BytesComeBack) {
  const auto& [leg, queues] = GetParam();
  ExpectPass(leg.path, leg.layout,
             {"--queues", queues, "--packets", "1000000", "--size", "60-1518"});
}

INSTANTIATE_TEST_SUITE_P(Legs, TenPathsTest,
                         Combine(ValuesIn(kLegs), Values("1", "4")),
                         [](const auto& each) {
                           return std::string(std::get<0>(each.param).name) +
                                  "With" + std::get<1>(each.param) + "Pairs";
                         });

// --- Frames that take several buffers ----------------------------------------

constexpr const char* kMergeable[] = {"split-mrg", "split-inorder-mrg",
                                      "packed-mrg", "packed-inorder-mrg"};

class LongFramesTest : public PathsTest,
                       public testing::WithParamInterface<const char*> {};

TEST_P(LongFramesTest, FramesOf9000BytesComeBackMerged) {
  ExpectPass(GetParam(), {"--packets", "50000", "--size", "9000"});
}

TEST_P(LongFramesTest, FramesOf9728BytesComeBackMerged) {
  ExpectPass(GetParam(), {"--packets", "50000", "--size", "9728"});
}

TEST_P(LongFramesTest, FramesOfAllSizesComeBackMerged) {
  ExpectPass(GetParam(), {"--packets", "50000", "--size", "60-9728"});
}

// A buffer has room for 1984 bytes of a frame.
TEST_P(LongFramesTest, FramesOfFourBuffersComeBackFromTables) {
  ExpectPass(GetParam(), {"--packets", "50000", "--size", "5953-7936",
                          "--indirect", "--queues", "4"});
}

TEST_P(LongFramesTest, FramesOfFourBuffersComeBackFromChains) {
  ExpectPass(GetParam(), {"--packets", "50000", "--size", "5953-7936",
                          "--no-indirect", "--queues", "4"});
}

INSTANTIATE_TEST_SUITE_P(Paths, LongFramesTest, ValuesIn(kMergeable));

class LargeBuffersTest : public PathsTest,
                         public testing::WithParamInterface<const char*> {};

TEST_P(LargeBuffersTest, FramesOf9728BytesComeBackWhole) {
  ExpectPass(GetParam(), {"--packets", "50000", "--size", "60-9728"});
}

INSTANTIATE_TEST_SUITE_P(Paths, LargeBuffersTest,
                         Values("split-nomrg", "split-inorder-nomrg",
                                "packed-nomrg", "packed-inorder-nomrg"));

// --- Stopping, starting, ring sizes ------------------------------------------

constexpr const char* kAllPaths[] = {
    "split-mrg",  "split-nomrg",  "split-inorder-mrg",  "split-inorder-nomrg",
    "packed-mrg", "packed-nomrg", "packed-inorder-mrg", "packed-inorder-nomrg"};

class AllPathsTest : public PathsTest,
                     public testing::WithParamInterface<const char*> {};

TEST_P(AllPathsTest, AHundredStopsAndStartsLoseNothing) {
  ExpectPass(GetParam(), {"--packets", "100000", "--restarts", "100"});
}

TEST_P(AllPathsTest, ALargeRingIsGoneRound) {
  ExpectPass(GetParam(), {"--packets", "100000", "--queue-size", "1024"});
}

TEST_P(AllPathsTest, SingleFramesComeBack) {
  ExpectPass(GetParam(), {"--packets", "20000", "--burst", "1"});
}

INSTANTIATE_TEST_SUITE_P(Paths, AllPathsTest, ValuesIn(kAllPaths));

// --- Captures ----------------------------------------------------------------

void Put32(std::string& to, uint32_t value) {
  to.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// A pcap file of Ethernet frames: IPv4, IPv6, tagged and not, short and long.
std::string Mixture() {
  std::string pcap;
  for (const uint32_t word :
       {0xa1b2c3d4u, 4u << 16 | 2u, 0u, 0u, 262144u, 1u}) {
    Put32(pcap, word);
  }
  const std::string heads[] = {{"\x08\x00", 2},
                               {"\x86\xdd", 2},
                               {"\x81\x00\x00\x2a\x08\x00", 6},
                               {"\x81\x00\x00\x2a\x86\xdd", 6}};
  const uint32_t sizes[] = {42, 60, 1514, 1518, 4000, 9000, 9728};
  for (uint32_t i = 0; i < 2000; ++i) {
    std::string frame = "\x02vu\x01\x01\x01\x02vu\x02\x02\x02";
    frame += heads[i % 4];
    while (frame.size() < sizes[i % 7]) {
      frame += static_cast<char>(frame.size() * 31 + i);
    }
    for (const size_t word :
         {size_t{1'700'000'000} + i, size_t{i}, frame.size(), frame.size()}) {
      Put32(pcap, static_cast<uint32_t>(word));
    }
    pcap += frame;
  }
  return pcap;
}

TEST_P(AllPathsTest, ACaptureComesBackByteForByte) {
  const std::string in = run_dir_.Join("in.pcap");
  const std::string out = run_dir_.Join("out.pcap");
  const std::string pcap = Mixture();
  std::ofstream(in, std::ios::binary) << pcap;

  ExpectPass(GetParam(), {"--pcap-in", in, "--pcap-out", out, "--queues", "4"});

  EXPECT_TRUE(ReadFile(out) == pcap);
}

// --- Rings of any size -------------------------------------------------------

class OddRingTest
    : public PathsTest,
      public testing::WithParamInterface<std::tuple<const char*, const char*>> {
};

TEST_P(OddRingTest, APackedRingThatIsNoPowerOfTwoIsGoneRound) {
  ExpectPass(std::get<0>(GetParam()),
             {"--packets", "100000", "--queue-size", std::get<1>(GetParam()),
              "--restarts", "10"});
}

INSTANTIATE_TEST_SUITE_P(Paths, OddRingTest,
                         Combine(Values("packed-mrg", "packed-nomrg",
                                        "packed-inorder-mrg",
                                        "packed-inorder-nomrg"),
                                 Values("255", "1025")));

}  // namespace
}  // namespace interop
