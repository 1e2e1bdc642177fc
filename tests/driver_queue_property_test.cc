// SPDX-License-Identifier: BSD-3-Clause
//
// All kinds of driver queues, rings of all sizes, random chains and random
// interleavings against a virtqueue of plain containers (driver_queue_player).

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/driver_queue_player.h"

namespace virtio_user {
namespace {

template <typename Kind>
class DriverQueueProperty : public ::testing::Test {
 protected:
  static std::vector<uint16_t> Sizes() {
    if (Kind::kFormat == RingFormat::kSplit) return {1, 2, 4, 256, 1024, 32768};
    return {1, 2, 3, 4, 5, 255, 256, 1024, 1025, 32767, 32768};
  }
  // How many chains came back.
  static uint64_t Play(uint16_t num, uint64_t seed, int steps) {
    std::printf("%s ring of %u, seed %llu\n", Kind::kName, num,
                static_cast<unsigned long long>(seed));
    DriverQueuePlayer<Kind> player(num, seed);
    player.Play(steps);
    return player.taken();
  }
  // Enough for 16-bit indexes to go round.
  static int Steps(uint16_t num) {
    if (num < 16) return 1200000;
    return num < 2000 ? 60000 : 1500;
  }
};
TYPED_TEST_SUITE(DriverQueueProperty, AllKinds, KindNames);

TYPED_TEST(DriverQueueProperty, EveryChainReturnsAndEveryByteIsRight_D13) {
  for (const uint16_t num : this->Sizes()) {
    EXPECT_GT(this->Play(num, 1, this->Steps(num)), 66000u);
    ASSERT_FALSE(this->HasFailure());
  }
}

TYPED_TEST(DriverQueueProperty, ManyShortGamesEndWithAnEmptyRing) {
  for (const uint16_t num : this->Sizes()) {
    for (uint64_t seed = 2; seed <= (num > 2000 ? 4 : 22); ++seed) {
      this->Play(num, seed, 500);
      ASSERT_FALSE(this->HasFailure());
    }
  }
}

}  // namespace
}  // namespace virtio_user
