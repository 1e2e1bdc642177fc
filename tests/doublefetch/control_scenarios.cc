// SPDX-License-Identifier: BSD-3-Clause
//
// The control queue, where the peer is the driver and everything that it has
// written may change: indexes, descriptors, tables and requests.

#include <cstring>
#include <utility>

#include "gtest/gtest.h"
#include "tests/control_support.h"
#include "tests/doublefetch/scenario.h"
#include "virtio_user/device/control_queue.h"

namespace virtio_user {
namespace {

enum class Request : uint8_t {
  kDirect,     // Three descriptors.
  kInPieces,   // One for each byte.
  kTable,      // An indirect table.
  kUnaligned,  // One that is not aligned to its words.
  kBoth,       // A descriptor, and a table behind it (split).
  kMacTable,   // A request of some length.
  kTwo,        // Two at once.
};

struct RequestName {
  Request request;
  const char* name;
};
constexpr RequestName kRequests[] = {
    {Request::kDirect, "direct"}, {Request::kInPieces, "in pieces"},
    {Request::kTable, "table"},   {Request::kUnaligned, "unaligned table"},
    {Request::kBoth, "both"},     {Request::kMacTable, "address table"},
    {Request::kTwo, "two"},
};

// The event area asks for an interrupt at the first descriptor, and the split
// ring's event index is 0 likewise.
class ControlScenario final : public Scenario {
 public:
  ControlScenario(RingFormat format, EventIndex event_index, Request request)
      : rig_(format), queue_(rig_.layout(), event_index) {
    Offer(request);
    if (rig_.packed() && event_index == EventIndex::kOn) {
      BarePacked(rig_.layout())
          .set_driver_event(
              {.offset_wrap = kPackedEventWrap, .flags = kPackedEventDesc});
    }
  }

  const TestArena& arena() const override { return rig_.arena(); }
  const RingLayout& layout() const override { return rig_.layout(); }

  void Call() override {
    served_.emplace(Serve());
    if (*served_) interrupt_ = queue_.DriverWantsInterrupt();
  }
  void ExpectDone() override {
    ASSERT_TRUE(served_->has_value());
    EXPECT_EQ(**served_, offered_);
    EXPECT_EQ(rig_.TakeUsed().size(), offered_);
    EXPECT_TRUE(interrupt_);
    EXPECT_EQ(pairs_, asks_pairs_ ? 3 : 1);
    EXPECT_EQ(state_.unicast_table.size(), asks_pairs_ ? 0u : 2u);
  }
  std::string Outcome() override {
    std::string outcome = interrupt_ ? "interrupt " : "";
    if (!*served_) outcome += served_->error().text();
    outcome += std::to_string(served_->value_or(0)) + " served, " +
               std::to_string(pairs_) + " pairs, " +
               std::to_string(state_.promiscuous) + " promiscuous";
    for (const MacAddress& mac : state_.unicast_table) {
      for (const uint8_t byte : mac.bytes)
        outcome += " " + std::to_string(byte);
      outcome += ",";
    }
    const Bytes used = rig_.packed() ? Bytes{} : rig_.DeviceMemory();
    for (const std::byte byte : used)
      outcome += " " + std::to_string(std::to_integer<int>(byte));
    for (const std::byte byte : rig_.Written())
      outcome += " ack " + std::to_string(std::to_integer<int>(byte));
    return outcome;
  }
  void ExpectSound() override {
    EXPECT_TRUE(arena().GuardsIntact());
    EXPECT_GE(pairs_, 1);
    EXPECT_LE(pairs_, kMaxPairs);
    EXPECT_LE(calls_, kNum);
    if (!rig_.packed()) ExpectOneUsedElementEach();
    if (*served_) {
      EXPECT_LE(**served_, kNum);
      return;
    }
    EXPECT_EQ(served_->error().code(), ErrorCode::kProtocol);
    EXPECT_NE(std::string(served_->error().text()), "");
    EXPECT_FALSE(Serve().has_value()) << "broken for good";
  }

 private:
  static constexpr uint16_t kNum = ControlRig::kNum;
  static constexpr uint16_t kMaxPairs = 4;

  // Each that was taken was given back; where the queue broke later, too.
  void ExpectOneUsedElementEach() {
    const uint16_t used = rig_.bare().used_idx();
    EXPECT_LE(used, kNum);
    EXPECT_EQ(used, served_->value_or(used));
  }

  // What was taken of the arena, and no guard.
  Result<std::span<std::byte>> Resolve(DeviceBuffer buffer) {
    const auto memory = arena().Resolve(buffer);
    if (!memory) return memory;
    for (const std::span<std::byte> taken : arena().taken()) {
      const auto offset = static_cast<size_t>(memory->data() - taken.data());
      if (memory->data() >= taken.data() && offset <= taken.size() &&
          memory->size() <= taken.size() - offset) {
        return memory;
      }
    }
    return Fail(ErrorCode::kInvalidArgument, "a guard of the test");
  }
  Result<size_t> Serve() {
    const auto set_pairs = [this](uint16_t wanted) -> Result<void> {
      ++calls_;
      if (wanted > kMaxPairs) return Fail(ErrorCode::kInvalidArgument, "no");
      pairs_ = wanted;
      return {};
    };
    const auto set_offloads = [](FeatureSet) -> Result<void> { return {}; };
    const auto clear_announce = [] {};
    return queue_.Serve([this](DeviceBuffer buffer) { return Resolve(buffer); },
                        {.accepted = rig_.accepted,
                         .state = state_,
                         .set_queue_pairs = set_pairs,
                         .set_guest_offloads = set_offloads,
                         .clear_announce = clear_announce});
  }

  void Offer(Request request) {
    const Bytes pairs = FromInts({4, 0, 3, 0});
    // Two unicast addresses and no multicast one.
    const Bytes macs = FromInts(
        {1, 0, 2, 0, 0, 0, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0});
    asks_pairs_ = request != Request::kMacTable;
    switch (request) {
      case Request::kInPieces:
        return rig_.OfferRequest(
            0, {.readable = {1, 1, 0, 1, 1}, .writable = {0, 1}}, pairs);
      case Request::kTable:
        return rig_.OfferRequest(
            0, {.readable = {2, 2}, .writable = {1}, .before_table = 0}, pairs);
      case Request::kUnaligned:
        return OfferUnaligned(pairs);
      case Request::kBoth:
        return rig_.OfferRequest(
            0, {.readable = {2, 2}, .writable = {1}, .before_table = 1}, pairs);
      case Request::kMacTable:
        return rig_.OfferRequest(0, {.readable = {2, 20}, .writable = {1}},
                                 macs);
      case Request::kTwo:
        OfferAnother();
        [[fallthrough]];
      case Request::kDirect:
        break;
    }
    rig_.OfferRequest(rig_.packed() ? 5 : 8,
                      {.readable = {2, 2}, .writable = {1}}, pairs);
  }
  // {PROMISC, on} in the table's memory, which OfferRequest leaves alone.
  void OfferAnother() {
    offered_ = 2;
    const Bytes request = FromInts({0, 0, 1});
    std::memcpy(rig_.table().data(), request.data(), request.size());
    const uint64_t at = rig_.arena().Addr(rig_.table().data()).value;
    if (rig_.packed()) {
      rig_.OfferList(0, {{at, 3, 0, 0}, {at + 3, 1, 0, kDescFlagWrite}});
      return;
    }
    rig_.bare().SetDesc(0, {at, 3, kDescFlagNext, 1});
    rig_.bare().SetDesc(1, {at + 3, 1, kDescFlagWrite, 0});
    rig_.Offer(0);
  }
  void OfferUnaligned(const Bytes& request) {
    std::memcpy(rig_.buffers().data(), request.data(), request.size());
    const uint64_t at = rig_.arena().Addr(rig_.buffers().data()).value;
    const uint64_t table = rig_.arena().Addr(rig_.table().data()).value + 3;
    VirtqDesc descs[] = {{at, 4, kDescFlagNext, 1},
                         {at + 4, 1, kDescFlagWrite, 0}};
    if (rig_.packed()) {  // {id, flags}.
      for (VirtqDesc& desc : descs) desc.next = std::exchange(desc.flags, 0);
    }
    std::memcpy(rig_.table().data() + 3, descs, sizeof(descs));
    if (rig_.packed()) {
      rig_.OfferList(0, {{table, sizeof(descs), 0, kDescFlagIndirect}});
      return;
    }
    rig_.bare().SetDesc(0, {table, sizeof(descs), kDescFlagIndirect, 0});
    rig_.Offer(0);
  }

  ControlRig rig_;
  ControlQueue queue_;
  ControlState state_;
  std::optional<Result<size_t>> served_;
  size_t offered_ = 1;
  uint16_t pairs_ = 1;
  uint32_t calls_ = 0;
  bool asks_pairs_ = true;
  bool interrupt_ = false;
};

}  // namespace

std::vector<NamedScenario> ControlScenarios() {
  std::vector<NamedScenario> scenarios;
  for (const auto format : {RingFormat::kSplit, RingFormat::kPacked}) {
    for (const auto event : {EventIndex::kOff, EventIndex::kOn}) {
      for (const auto& [request, name] : kRequests) {
        const bool split = format == RingFormat::kSplit;
        if (request == Request::kBoth && !split) continue;
        scenarios.push_back(
            {std::string("control ") + (split ? "split " : "packed ") +
                 (event == EventIndex::kOn ? "event index " : "") + name,
             [=] {
               return std::make_unique<ControlScenario>(format, event, request);
             }});
      }
    }
  }
  return scenarios;
}

}  // namespace virtio_user
