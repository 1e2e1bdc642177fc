// SPDX-License-Identifier: BSD-3-Clause
//
// Receiving and sending over our own buffers.

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <utility>

#include "tests/doublefetch/scenario.h"
#include "tests/net_support.h"
#include "virtio_user/net/net_header.h"

namespace virtio_user {
namespace {

constexpr uint16_t kNum = 16;
constexpr uint32_t kFrameBytes = 60;

// What the device does before the call.
enum class Traffic : uint8_t {
  kOne,       // One frame.
  kPlain,     // Seven.
  kWrapping,  // Seven, across the ring's end.
  kSaid,      // Seven, and the headers of two say something.
  kLong,      // Three, of which the second takes three buffers.
  kReversed,  // Six, used backwards.
  kBatch,     // Five, with one used element.
};

struct TrafficName {
  Traffic traffic;
  const char* name;
};
constexpr TrafficName kTraffic[] = {
    {Traffic::kOne, "one"},           {Traffic::kPlain, "plain"},
    {Traffic::kWrapping, "wrapping"}, {Traffic::kSaid, "said"},
    {Traffic::kLong, "long"},         {Traffic::kReversed, "reversed"},
    {Traffic::kBatch, "batch"},
};

// Whether a device may do that.
bool Suits(const NetLayout& layout, Traffic traffic) {
  if (traffic == Traffic::kBatch) return layout.in_order();
  return traffic != Traffic::kReversed || !layout.in_order();
}

NetBench::Shape ShapeFor(FeatureSet features, uint32_t buffer_count) {
  return {.num = kNum,
          .buffer_count = buffer_count,
          .features = features |
                      FeatureSet{Feature::kNetGuestCsum, Feature::kNetGuestTso4,
                                 Feature::kIndirectDesc}};
}

std::vector<DescriptorChain> PopAll(DeviceSide& side, size_t most) {
  std::vector<DescriptorChain> chains;
  DescriptorChain chain;
  while (chains.size() < most && side.Pop(chain)) chains.push_back(chain);
  return chains;
}

std::vector<ChainToken> TokensOf(const std::vector<DescriptorChain>& chains) {
  std::vector<ChainToken> tokens;
  for (const DescriptorChain& chain : chains) tokens.push_back(chain.token);
  return tokens;
}

void ExpectEachBufferOnce(BufferPool& pool) {
  const Bytes byte(1);
  std::vector<Packet> all;
  std::set<uint32_t> numbers;
  while (all.size() <= pool.size()) {
    const std::optional<Packet> packet = pool.Make(byte);
    if (!packet) break;
    all.push_back(*packet);
    numbers.insert(packet->buffer);
  }
  EXPECT_EQ(all.size(), pool.size());
  EXPECT_EQ(numbers.size(), pool.size()) << "a buffer is free twice";
  for (const Packet& packet : all) pool.Free(packet);
}

template <typename Bench>
class NetScenario : public Scenario {
 public:
  NetScenario(FeatureSet features, uint32_t buffer_count)
      : bench_(ShapeFor(features, buffer_count)) {}

  const TestArena& arena() const override { return bench_.arena; }
  const RingLayout& layout() const override { return bench_.layout; }

 protected:
  std::string Common() const {
    const NetQueueStats stats = bench_.queue->stats();
    return std::to_string(stats.kicks) + " kicks, " +
           std::to_string(stats.dropped) + " dropped, " +
           std::to_string(bench_.queue->in_flight()) + " in flight, " +
           std::to_string(bench_.pool.free_count()) + " free" +
           BrokenText(bench_.queue->broken());
  }
  // All buffers come back, and another device finds a fresh ring.
  void StartOver() {
    if (const auto& broken = bench_.queue->broken()) {
      EXPECT_EQ(broken->code(), ErrorCode::kProtocol);
      EXPECT_NE(std::string(broken->text()), "");
    }
    const size_t in_flight = bench_.queue->in_flight();
    bench_.Close();
    EXPECT_EQ(bench_.queue->ReclaimAll(), in_flight);
    EXPECT_EQ(bench_.queue->in_flight(), 0u);
    EXPECT_FALSE(bench_.queue->broken().has_value());
    EXPECT_TRUE(bench_.arena.GuardsIntact());
    ExpectEachBufferOnce(bench_.pool);
    bench_.NewDevice();
    bench_.Open();
  }

  Bench bench_;
};

class RxScenario final : public NetScenario<Receiver> {
 public:
  RxScenario(FeatureSet features, Traffic traffic)
      : NetScenario(features, 24), traffic_(traffic) {
    if (traffic == Traffic::kReversed || traffic == Traffic::kBatch) {
      UseTogether();
    } else {
      GiveInTurn();
    }
  }

  void Call() override {
    packets_.resize(kNum);
    packets_.resize(bench_.queue->Receive(packets_));
  }
  void ExpectDone() override {
    ASSERT_FALSE(bench_.queue->broken().has_value());
    ASSERT_EQ(packets_.size(), frames_.size());
    for (size_t i = 0; i < frames_.size(); ++i) {
      EXPECT_EQ(packets_[i].bytes, frames_[i]);
    }
  }
  std::string Outcome() override {
    std::string outcome;
    for (const Packet& packet : packets_) {
      const Offload offload = bench_.pool.offload(packet);
      for (const uint64_t number :
           {uint64_t{packet.buffer}, uint64_t{packet.bytes},
            uint64_t{packet.buffer_count}, uint64_t{packet.offset},
            static_cast<uint64_t>(offload.checksum),
            uint64_t{offload.csum_start}, uint64_t{offload.csum_offset},
            static_cast<uint64_t>(offload.segmentation),
            uint64_t{offload.segment_bytes}, uint64_t{offload.hash}}) {
        outcome += std::to_string(number) + " ";
      }
      outcome += "\n";
    }
    return outcome + Common();
  }
  void ExpectSound() override {
    for (const Packet& packet : packets_) ExpectPacket(packet);
    EXPECT_EQ(bench_.pool.size() - bench_.pool.free_count(),
              bench_.queue->in_flight());
    StartOver();
    EXPECT_TRUE(Poll(bench_, *bench_.queue).empty());
    EXPECT_TRUE(bench_.Give(MakeFrame(kFrameBytes, 7)));
    EXPECT_EQ(Poll(bench_, *bench_.queue),
              std::vector<Bytes>{MakeFrame(kFrameBytes, 7)});
  }

 private:
  // Frees it.
  void ExpectPacket(const Packet& packet) {
    EXPECT_GE(packet.bytes, 1u);
    EXPECT_LE(packet.bytes, packet.buffer_count * (bench_.pool.room_bytes() +
                                                   bench_.header_bytes()));
    const Offload offload = bench_.pool.offload(packet);
    if (offload.checksum == Checksum::kPartial) {
      EXPECT_LE(offload.csum_start + offload.csum_offset + 2u, packet.bytes);
    }
    EXPECT_EQ(bench_.Frame(packet).size(), packet.bytes);
  }

  void GiveInTurn() {
    if (traffic_ == Traffic::kWrapping) {
      for (int i = 0; i < 12; ++i) {
        EXPECT_TRUE(bench_.Give(MakeFrame(kFrameBytes, 1)));
        EXPECT_EQ(Poll(bench_, *bench_.queue).size(), 1u);
      }
    }
    const int count = traffic_ == Traffic::kOne    ? 1
                      : traffic_ == Traffic::kLong ? 3
                                                   : 7;
    for (int i = 0; i < count; ++i) {
      const bool is_long = traffic_ == Traffic::kLong && i == 1;
      const bool says = traffic_ == Traffic::kSaid && (i == 1 || i == 5);
      says ? GiveSaid() : Give(is_long ? 500 : kFrameBytes);
    }
  }
  // Where one frame cannot have several buffers it is as long as one.
  void Give(uint32_t bytes) {
    const bool mergeable = bench_.features.Has(Feature::kNetMrgRxbuf);
    if (!mergeable) bytes = std::min(bytes, bench_.pool.room_bytes());
    EXPECT_TRUE(bench_.Give(MakeFrame(bytes, 1)));
    frames_.push_back(bytes);
  }
  void GiveSaid() {
    HashNetHeader header{};
    header.base.flags = kNetHeaderNeedsCsum;
    header.base.csum_start = 34;
    header.base.csum_offset = 16;
    header.base.num_buffers = 1;
    EXPECT_TRUE(bench_.Deliver(
        WithHeader(bench_.header_bytes(), header, MakeFrame(kFrameBytes, 2))));
    frames_.push_back(kFrameBytes);
  }

  void UseTogether() {
    const bool batch = traffic_ == Traffic::kBatch;
    std::vector<DescriptorChain> chains = PopAll(bench_, batch ? 5 : 6);
    // All but the last one of a batch are written completely.
    const uint32_t bytes = batch ? bench_.pool.room_bytes() : kFrameBytes;
    for (const DescriptorChain& chain : chains) {
      const Bytes wire =
          WithHeader(bench_.header_bytes(), 1, MakeFrame(bytes, 3));
      std::span<const std::byte> rest = wire;
      EXPECT_EQ(bench_.Fill(chain, rest), wire.size());
      frames_.push_back(bytes);
    }
    const auto used = static_cast<uint32_t>(bytes + bench_.header_bytes());
    if (batch) {
      bench_.device->PutBatch(TokensOf(chains), used);
    } else {
      std::ranges::reverse(chains);
      for (const auto& chain : chains) bench_.device->Put(chain.token, used);
    }
    bench_.device->Publish();
  }

  const Traffic traffic_;
  std::vector<uint32_t> frames_;  // Their bytes.
  std::vector<Packet> packets_;
};

// Whether the call is the one that sends or the one that gives back.
enum class TxCall : uint8_t { kComplete, kSend };

class TxScenario final : public NetScenario<Sender> {
 public:
  TxScenario(FeatureSet features, Traffic traffic, TxCall call)
      : NetScenario(features, 64), call_(call) {
    if (traffic == Traffic::kWrapping) {
      for (int i = 0; i < 12; ++i) {
        SendOne(kFrameBytes);
        EXPECT_FALSE(bench_.TakeSent().empty());
        EXPECT_EQ(bench_.queue->Complete(64), 1u);
      }
    }
    const int count = traffic == Traffic::kOne ? 1 : 7;
    for (int i = 0; i < count; ++i) {
      SendOne(traffic == Traffic::kLong && i % 2 == 1 ? 300 : kFrameBytes);
    }
    std::vector<DescriptorChain> chains = PopAll(bench_, kNum);
    EXPECT_EQ(chains.size(), static_cast<size_t>(count));
    if (traffic == Traffic::kReversed) std::ranges::reverse(chains);
    if (traffic == Traffic::kBatch) {
      bench_.device->PutBatch(TokensOf(chains), 0);
    } else {
      for (const auto& chain : chains) bench_.device->Put(chain.token, 0);
    }
    bench_.device->Publish();
    used_ = chains.size();
    if (call == TxCall::kSend) FillRing();
  }

  void Call() override {
    if (call_ == TxCall::kComplete) {
      done_ = bench_.queue->Complete(64);
      return;
    }
    const size_t sent = bench_.queue->Send(held_);
    held_.erase(held_.begin(), held_.begin() + static_cast<ptrdiff_t>(sent));
    done_ = sent;
  }
  void ExpectDone() override {
    EXPECT_FALSE(bench_.queue->broken().has_value());
    EXPECT_EQ(done_, used_);
    EXPECT_TRUE(held_.empty());
  }
  std::string Outcome() override {
    return std::to_string(done_) + " done, " + std::to_string(held_.size()) +
           " held, " + Common();
  }
  void ExpectSound() override {
    for (const Packet& packet : held_) bench_.pool.Free(packet);
    held_.clear();
    EXPECT_LE(done_, kNum);
    EXPECT_GE(bench_.pool.size() - bench_.pool.free_count(),
              bench_.queue->in_flight());
    StartOver();
    const Bytes frame = MakeFrame(kFrameBytes, 9);
    EXPECT_TRUE(bench_.Send(frame));
    EXPECT_EQ(bench_.TakeSent(), bench_.Plain(frame));
    EXPECT_EQ(bench_.queue->Complete(64), 1u);
  }

 private:
  void SendOne(uint32_t bytes) {
    EXPECT_TRUE(bench_.Send(MakeFrame(bytes, 1)));
  }
  // So that sending what is held then has to look at the used ring first.
  void FillRing() {
    const auto free = static_cast<size_t>(kNum - bench_.queue->in_flight());
    for (size_t i = 0; i < used_; ++i) {
      held_.push_back(bench_.Make(MakeFrame(kFrameBytes, i)));
    }
    for (size_t i = 0; i + used_ <= free; ++i) SendOne(kFrameBytes);
  }

  const TxCall call_;
  size_t used_ = 0;
  size_t done_ = 0;
  std::vector<Packet> held_;
};

// One layout for each instance of the templates, and the headers that make a
// difference at run time.
std::vector<NetLayout> Layouts(bool rx) {
  std::vector<NetLayout> layouts = AllLayouts();
  std::erase_if(layouts, [rx](const NetLayout& layout) {
    if (!rx && layout.mergeable()) return true;
    return layout.name == "LegacyInOrder" || layout.name == "AnyLayout";
  });
  return layouts;
}

}  // namespace

std::vector<NamedScenario> RxScenarios() {
  std::vector<NamedScenario> scenarios;
  for (const NetLayout& layout : Layouts(true)) {
    for (const auto& [traffic, name] : kTraffic) {
      if (!Suits(layout, traffic)) continue;
      scenarios.push_back({"rx " + layout.name + " " + name, [layout, traffic] {
                             return std::make_unique<RxScenario>(
                                 layout.features, traffic);
                           }});
    }
  }
  return scenarios;
}

std::vector<NamedScenario> TxScenarios() {
  std::vector<NamedScenario> scenarios;
  for (const NetLayout& layout : Layouts(false)) {
    for (const auto& [traffic, name] : kTraffic) {
      if (!Suits(layout, traffic) || traffic == Traffic::kSaid) continue;
      for (const TxCall call : {TxCall::kComplete, TxCall::kSend}) {
        const std::string what = call == TxCall::kSend ? " send" : " complete";
        scenarios.push_back({"tx " + layout.name + " " + name + what, [=] {
                               return std::make_unique<TxScenario>(
                                   layout.features, traffic, call);
                             }});
      }
    }
  }
  return scenarios;
}

}  // namespace virtio_user
