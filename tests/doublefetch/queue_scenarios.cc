// SPDX-License-Identifier: BSD-3-Clause
//
// The driver's side of a ring by itself, with chains of several descriptors
// and cookies of either size; and the device's side.

#include <algorithm>
#include <array>
#include <set>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"
#include "tests/doublefetch/scenario.h"
#include "tests/driver_queue_support.h"
#include "virtio_user/ring/device_queue.h"

namespace virtio_user {
namespace {

constexpr uint16_t kNum = 16;
constexpr uint32_t kChainCount = 6;

enum class Offered : uint8_t { kSingles, kChains };
enum class Used : uint8_t { kInTurn, kReversed, kBatch };

// Single buffers, or chains of one descriptor and of two in turn, which the
// device uses.
template <typename Kind, typename Cookie>
class DriverQueueScenario final : public Scenario {
 public:
  DriverQueueScenario(Offered offered, Used used) : offered_(offered) {
    for (uint32_t i = 0; i < kChainCount; ++i) Offer(i, 1 + i % 2);
    queue_.Publish();
    std::vector<SeenChain> chains;
    while (auto chain = device_.Pop()) chains.push_back(*std::move(chain));
    if (used == Used::kReversed) std::ranges::reverse(chains);
    if (used == Used::kBatch) {
      device_.UseBatch(chains, 3);
      return;
    }
    for (const SeenChain& chain : chains) device_.Use(chain, 3);
  }

  const TestArena& arena() const override { return arena_; }
  const RingLayout& layout() const override { return ring_.layout; }

  void Call() override {
    used_.resize(kNum);
    used_.resize(queue_.TakeUsed(used_));
    if (!queue_.broken()) kick_ = queue_.DeviceWantsKick();
  }
  void ExpectDone() override {
    EXPECT_FALSE(queue_.broken().has_value());
    EXPECT_EQ(used_.size(), kChainCount);
    EXPECT_TRUE(kick_);
    EXPECT_EQ(queue_.free_count(), kNum);
  }
  std::string Outcome() override {
    std::string outcome = kick_ ? "kick " : "";
    for (const UsedChain<Cookie>& chain : used_) {
      outcome += std::to_string(chain.cookie) + ":" +
                 std::to_string(chain.bytes) + " ";
    }
    return outcome + std::to_string(queue_.free_count()) + " free" +
           BrokenText(queue_.broken());
  }
  void ExpectSound() override {
    for (const UsedChain<Cookie>& chain : used_) {
      EXPECT_EQ(out_.erase(chain.cookie), 1u);
      EXPECT_LE(chain.bytes, kBytes * 2);
    }
    if (const auto& broken = queue_.broken()) {
      EXPECT_EQ(broken->code(), ErrorCode::kProtocol);
      EXPECT_FALSE(queue_.Offer({.writable = buffers_}));
    }
    EXPECT_EQ(queue_.in_flight(), out_.size());
    queue_.ReclaimAll(
        [&](Cookie cookie) { EXPECT_EQ(out_.erase(cookie), 1u); });
    EXPECT_TRUE(out_.empty());
    EXPECT_EQ(queue_.free_count(), kNum);
    EXPECT_TRUE(arena_.GuardsIntact());
    device_.Restart();
    Offer(7, 2);
    queue_.Publish();
    device_.Use(*device_.Pop(), 1);
    std::array<UsedChain<Cookie>, 2> again;
    ASSERT_EQ(queue_.TakeUsed(again), 1u);
    EXPECT_EQ(again[0].cookie, Cookie{7});
  }

 private:
  static constexpr uint32_t kBytes = 8;

  void Offer(uint32_t i, size_t count) {
    if (offered_ == Offered::kSingles) {
      queue_.template OfferOne<BufferUse::kDeviceWrites>(buffers_[0],
                                                         Cookie{i});
    } else {
      EXPECT_TRUE(queue_.Offer(
          {.writable = std::span(buffers_).first(count), .cookie = Cookie{i}}));
    }
    out_.insert(Cookie{i});
  }

  const Offered offered_;
  TestArena arena_{ArenaBytes(kNum)};
  Ring ring_{.layout = TakeRing(arena_, kNum, Kind::kFormat),
             .published = {},
             .gate = {}};
  std::array<DeviceBuffer, 2> buffers_ = {
      {{{0x100}, kBytes}, {{0x200}, kBytes}}};
  typename Kind::template Queue<Cookie> queue_{ring_};
  BareDevice device_{ring_.layout, arena_};
  std::set<Cookie> out_;
  std::vector<UsedChain<Cookie>> used_;
  bool kick_ = false;
};

template <typename Kind, typename Cookie>
void AddKind(std::vector<NamedScenario>& scenarios) {
  for (const Offered offered : {Offered::kSingles, Offered::kChains}) {
    for (const Used used : {Used::kInTurn, Used::kReversed, Used::kBatch}) {
      if (Kind::kInOrder && used == Used::kReversed) continue;
      if (!Kind::kInOrder && used == Used::kBatch) continue;
      const char* const how = used == Used::kBatch      ? " batch"
                              : used == Used::kReversed ? " reversed"
                                                        : " in turn";
      scenarios.push_back(
          {std::string("queue ") + Kind::kName +
               (sizeof(Cookie) == 4 ? " 4" : " 8") +
               (offered == Offered::kChains ? " chains" : " singles") + how,
           [offered, used] {
             return std::make_unique<DriverQueueScenario<Kind, Cookie>>(offered,
                                                                        used);
           }});
    }
  }
}

// The device's side, as the simulated back-end uses it: chains of one buffer
// by the fast way, others by Pop, and the question whether to interrupt.
class DeviceQueueScenario final : public Scenario {
 public:
  DeviceQueueScenario(RingFormat format, EventIndex event_index)
      : ring_(TakeRing(arena_, kNum, format)),
        queue_(ring_, {.event_index = event_index}) {
    for (uint16_t i = 0; i < 4; ++i) i == 2 ? OfferPair(i) : OfferOne(i);
  }

  const TestArena& arena() const override { return arena_; }
  const RingLayout& layout() const override { return ring_; }

  void Call() override {
    // A driver that keeps changing its mind is not waited for.
    for (int i = 0; i < kNum; ++i) {
      SingleBuffer one;
      const PopOutcome outcome = queue_.PopOne(one);
      if (outcome == PopOutcome::kOne) {
        queue_.Push(one.token, one.writable ? 1 : 0);
        Note(one.token, {&one.buffer, 1});
      } else if (outcome != PopOutcome::kChain || !PopChain()) {
        break;
      }
      ++done_;
    }
    if (!queue_.broken()) interrupt_ = queue_.DriverWantsInterrupt();
  }
  void ExpectDone() override {
    EXPECT_FALSE(queue_.broken().has_value());
    EXPECT_EQ(done_, 4u);
    EXPECT_TRUE(interrupt_);
  }
  std::string Outcome() override {
    return outcome_ + (interrupt_ ? "interrupt" : "") +
           BrokenText(queue_.broken());
  }
  void ExpectSound() override {
    EXPECT_LE(done_, kNum);
    if (const auto& broken = queue_.broken()) {
      EXPECT_EQ(broken->code(), ErrorCode::kProtocol);
    }
    EXPECT_LE(chain_.buffer_count(), kNum);
    EXPECT_TRUE(arena_.GuardsIntact());
  }

 private:
  bool PopChain() {
    const Result<bool> popped = queue_.Pop(
        [this](DeviceBuffer buffer) { return arena_.Resolve(buffer); }, chain_);
    if (!popped.value_or(false)) return false;
    queue_.Push(chain_.token, 0);
    Note(chain_.token, chain_.readable);
    Note(chain_.token, chain_.writable);
    return true;
  }
  // Whichever way it was taken.
  void Note(ChainToken token, std::span<const DeviceBuffer> buffers) {
    for (const DeviceBuffer& buffer : buffers) {
      outcome_ += std::to_string(token.id) + ":" +
                  std::to_string(buffer.addr.value) + "," +
                  std::to_string(buffer.bytes) + " ";
    }
  }
  // Split: from descriptor 3 i on.
  void OfferOne(uint16_t i) { Put(i, {{0x100, 8, kDescFlagWrite, 0}}); }
  void OfferPair(uint16_t i) {
    const auto next = static_cast<uint16_t>(3 * i + 1);
    Put(i, {{0x100, 8, kDescFlagNext, next}, {0x200, 8, kDescFlagWrite, 0}});
  }
  void Put(uint16_t i, const std::vector<VirtqDesc>& descs) {
    if (ring_.format == RingFormat::kSplit) {
      const BareRing bare(ring_);
      for (uint16_t k = 0; k < descs.size(); ++k) {
        bare.SetDesc(3u * i + k, descs[k]);
      }
      bare.SetAvail(i, static_cast<uint16_t>(3 * i));
      bare.set_avail_idx(static_cast<uint16_t>(i + 1));
      return;
    }
    for (const VirtqDesc& desc : descs) {
      const auto flags =
          static_cast<uint16_t>(desc.flags | BarePacked::AvailIn(true));
      BarePacked(ring_).SetDesc(next_++, {desc.addr, desc.len, i, flags});
    }
  }

  TestArena arena_{ArenaBytes(kNum)};
  const RingLayout ring_;
  DeviceQueue queue_;
  DescriptorChain chain_;
  uint32_t next_ = 0;  // Packed.
  uint32_t done_ = 0;
  bool interrupt_ = false;
  std::string outcome_;
};

}  // namespace

std::vector<NamedScenario> DriverQueueScenarios() {
  std::vector<NamedScenario> scenarios;
  AddKind<SplitAny, uint32_t>(scenarios);
  AddKind<SplitAny, uint64_t>(scenarios);
  AddKind<SplitInOrder, uint32_t>(scenarios);
  AddKind<SplitInOrder, uint64_t>(scenarios);
  AddKind<PackedAny, uint32_t>(scenarios);
  AddKind<PackedAny, uint64_t>(scenarios);
  AddKind<PackedInOrder, uint32_t>(scenarios);
  AddKind<PackedInOrder, uint64_t>(scenarios);
  return scenarios;
}

std::vector<NamedScenario> DeviceQueueScenarios() {
  std::vector<NamedScenario> scenarios;
  for (const auto format : {RingFormat::kSplit, RingFormat::kPacked}) {
    for (const auto event : {EventIndex::kOff, EventIndex::kOn}) {
      scenarios.push_back(
          {std::string("device ") +
               (format == RingFormat::kSplit ? "split" : "packed") +
               (event == EventIndex::kOn ? " event index" : ""),
           [format, event] {
             return std::make_unique<DeviceQueueScenario>(format, event);
           }});
    }
  }
  return scenarios;
}

}  // namespace virtio_user
