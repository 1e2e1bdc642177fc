// SPDX-License-Identifier: BSD-3-Clause
//
// Commands of the control virtqueue: every one of kControlTable, whose numbers
// control_table_test holds to the specification, and all that are not in it.

#include "virtio_user/device/control_command.h"

#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "tests/fakes/wire_bytes.h"
#include "virtio_user/device/control_table.h"

namespace virtio_user {
namespace {

constexpr uint8_t kOk = 0;
constexpr uint8_t kErr = 1;
constexpr uint16_t kMaxPairs = 4;

// A device with four pairs, whose back-end may refuse.
class ControlCommandTest : public ::testing::Test {
 protected:
  uint8_t Send(const Bytes& request) {
    const auto set_pairs = [this](uint16_t pairs) -> Result<void> {
      asked_.push_back(pairs);
      if (refuse_) return Fail(ErrorCode::kRefused, "the back-end says no");
      if (pairs > kMaxPairs) {
        return Fail(ErrorCode::kInvalidArgument, "there are four");
      }
      pairs_ = pairs;
      return {};
    };
    const auto set_offloads = [this](FeatureSet offloads) -> Result<void> {
      if (refuse_) return Fail(ErrorCode::kRefused, "the back-end says no");
      offloads_ = offloads;
      return {};
    };
    const auto clear_announce = [this] { announce_ = false; };
    return ExecuteControl(request, {.accepted = accepted_,
                                    .state = state_,
                                    .set_queue_pairs = set_pairs,
                                    .set_guest_offloads = set_offloads,
                                    .clear_announce = clear_announce});
  }
  uint8_t Send(uint8_t ctrl_class, uint8_t command, const Bytes& data) {
    Bytes request = FromInts({ctrl_class, command});
    request.insert(request.end(), data.begin(), data.end());
    return Send(request);
  }

  FeatureSet accepted_ = ~FeatureSet();
  ControlState state_;
  uint16_t pairs_ = 1;
  bool refuse_ = false;
  std::vector<uint16_t> asked_;
  std::optional<FeatureSet> offloads_;
  bool announce_ = true;
};

// --- Every class and command -------------------------------------------------

// Data of the shortest length whose values are legal.
Bytes LegalData(const ControlRow& row) {
  Bytes data(row.data.at_least, std::byte{0});
  // No address and no number of pairs is 0.
  if (row.gate == Feature::kNetCtrlMacAddr) data[0] = std::byte{2};
  if (row.gate == Feature::kNetMq) data[0] = std::byte{3};
  return data;
}

// Each gate alone, all features but each, all, none.
std::vector<FeatureSet> GateSets() {
  std::vector<FeatureSet> sets = {{}, ~FeatureSet()};
  FeatureSet seen;
  for (const ControlRow& row : kControlTable) {
    if (seen.Has(row.gate)) continue;
    seen.Add(row.gate);
    sets.push_back({row.gate});
    FeatureSet others = ~FeatureSet();
    others.Remove(row.gate);
    sets.push_back(others);
  }
  return sets;
}

TEST_F(ControlCommandTest, EveryClassCommandGateAndLength_S67_S69_F30_H15) {
  size_t cases = 0;
  size_t ok = 0;
  Bytes request;
  for (const FeatureSet gates : GateSets()) {
    accepted_ = gates;
    for (int ctrl_class = 0; ctrl_class < 256; ++ctrl_class) {
      for (int command = 0; command < 256; ++command) {
        const ControlRow* const row = FindControlRow(
            static_cast<uint8_t>(ctrl_class), static_cast<uint8_t>(command));
        const Bytes data = row != nullptr ? LegalData(*row) : Bytes(1);
        for (size_t length = 0; length <= data.size() + 2; ++length) {
          request = FromInts({ctrl_class, command});
          request.insert(request.end(), data.begin(), data.end());
          request.resize(2 + length, std::byte{0});
          state_ = {};
          asked_.clear();
          offloads_.reset();
          announce_ = true;
          const bool legal = row != nullptr && gates.Has(row->gate) &&
                             row->carrier != ControlCarrier::kOwnControlQueue &&
                             length == data.size();
          ASSERT_EQ(Send(request), legal ? kOk : kErr)
              << ctrl_class << " " << command << " " << length;
          if (!legal) {
            ASSERT_EQ(state_, ControlState());
            ASSERT_TRUE(asked_.empty() && !offloads_ && announce_);
          }
          ++cases;
          ok += legal ? 1 : 0;
        }
      }
    }
  }
  // 14 gates make 30 sets; 65536 commands, of which 26 have lengths of their
  // own: 156 bytes in all.
  EXPECT_EQ(cases, 30u * ((65536u - 26u) * 4u + 156u + 26u * 3u));
  // Each that is carried out, with all, with its own gate, and without each of
  // the 13 others.
  EXPECT_EQ(ok, 15u * 13u);
}

TEST_F(ControlCommandTest, ARequestShorterThanItsHeaderIsAnError_S67) {
  EXPECT_EQ(Send({}), kErr);
  EXPECT_EQ(Send(FromInts({0})), kErr);
  EXPECT_EQ(state_, ControlState());
}

// Offered or not, what only another kind of device does is answered, and with
// 1, not 255.
TEST_F(ControlCommandTest, CommandsOfAControlQueueOfItsOwnAreErrors_S69) {
  const std::vector<Bytes> requests = {
      FromInts({4, 1, 0}),                       // MQ, RSS_CONFIG
      FromInts({4, 2, 0}),                       // MQ, HASH_CONFIG
      FromInts({6, 0, 0, 0, 0, 0, 0, 0, 0, 0}),  // NOTF_COAL, TX_SET
      FromInts({7, 0, 0, 0, 0, 0}),              // HASH_TUNNEL, SET
      FromInts({8, 0}),                          // STATS, QUERY
      FromInts({9, 0}),                          // RSS_CTX, CAP_GET
      FromInts({255, 255}),
  };
  for (const Bytes& request : requests) EXPECT_EQ(Send(request), kErr);
  EXPECT_EQ(state_, ControlState());
  EXPECT_TRUE(asked_.empty());
}

// --- Switches ----------------------------------------------------------------

TEST_F(ControlCommandTest, EachSwitchIsSwitchedByItself_S69) {
  // RX, command i.
  const std::vector<bool ControlState::*> switches = {
      &ControlState::promiscuous, &ControlState::all_multicast,
      &ControlState::all_unicast, &ControlState::no_multicast,
      &ControlState::no_unicast,  &ControlState::no_broadcast};
  for (size_t i = 0; i < switches.size(); ++i) {
    ControlState expected;
    expected.*switches[i] = true;
    const auto command = static_cast<uint8_t>(i);
    EXPECT_EQ(Send(0, command, FromInts({1})), kOk);
    EXPECT_EQ(state_, expected) << i;
    EXPECT_EQ(Send(0, command, FromInts({0})), kOk);
    EXPECT_EQ(state_, ControlState()) << i;
  }
}

TEST_F(ControlCommandTest, ASwitchIs0Or1) {
  state_.promiscuous = true;
  const ControlState before = state_;
  for (int value = 2; value < 256; ++value) {
    for (uint8_t command = 0; command < 6; ++command) {
      EXPECT_EQ(Send(0, command, FromInts({value})), kErr) << value;
    }
  }
  EXPECT_EQ(state_, before);
}

// --- Queue pairs -------------------------------------------------------------

TEST_F(ControlCommandTest, PairsFrom1ToTheMaximumAreSet_S60_S67) {
  for (int pairs = 1; pairs <= kMaxPairs; ++pairs) {
    EXPECT_EQ(Send(4, 0, FromInts({pairs, 0})), kOk);
    EXPECT_EQ(pairs_, pairs);
  }
}

TEST_F(ControlCommandTest, NoPairsIsAnErrorAndNobodyIsAsked_S60_H15) {
  pairs_ = 2;
  EXPECT_EQ(Send(4, 0, FromInts({0, 0})), kErr);
  EXPECT_EQ(pairs_, 2);
  EXPECT_TRUE(asked_.empty());
}

TEST_F(ControlCommandTest, EveryOther16BitCountIsAnError_S60) {
  for (int pairs = kMaxPairs + 1; pairs < 65536; ++pairs) {
    ASSERT_EQ(Send(4, 0, FromInts({pairs & 0xff, pairs >> 8})), kErr) << pairs;
    ASSERT_EQ(asked_.back(), pairs);
  }
  EXPECT_EQ(pairs_, 1);
  EXPECT_EQ(asked_.size(), 65531u);
}

TEST_F(ControlCommandTest, AFailedSwitchOfPairsIsAnErrorOfValue1_S61) {
  pairs_ = 2;
  refuse_ = true;
  EXPECT_EQ(Send(4, 0, FromInts({3, 0})), kErr);
  EXPECT_EQ(pairs_, 2);
  EXPECT_EQ(state_, ControlState());
}

// --- Announcement ------------------------------------------------------------

// Twice too: what the command asks for, a bit that is off, is then so.
TEST_F(ControlCommandTest, AnAckTurnsTheAnnouncementOff) {
  EXPECT_EQ(Send(3, 0, {}), kOk);
  EXPECT_FALSE(announce_);
  EXPECT_EQ(Send(3, 0, {}), kOk);
  EXPECT_FALSE(announce_);
  EXPECT_EQ(state_, ControlState());
}

TEST_F(ControlCommandTest, AnAckOfWhatWasNotNegotiatedIsAnError) {
  accepted_.Remove(Feature::kNetGuestAnnounce);
  EXPECT_EQ(Send(3, 0, {}), kErr);
  EXPECT_TRUE(announce_);
}

// --- Offloads ----------------------------------------------------------------

// The mask is le64: GUEST_CSUM is 1, GUEST_TSO4 7, GUEST_USO6 55.
TEST_F(ControlCommandTest, OffloadsAreSwitchedAndRemembered) {
  const FeatureSet some = {Feature::kNetGuestCsum, Feature::kNetGuestTso4,
                           Feature::kNetGuestUso6};
  EXPECT_EQ(Send(5, 0, FromInts({0x82, 0, 0, 0, 0, 0, 0x80, 0})), kOk);
  EXPECT_EQ(offloads_, some);
  EXPECT_EQ(state_.guest_offloads, some);
  EXPECT_EQ(Send(5, 0, Bytes(8)), kOk);
  EXPECT_EQ(offloads_, FeatureSet());
  EXPECT_EQ(state_.guest_offloads, FeatureSet());
}

TEST_F(ControlCommandTest, AnOffloadThatWasNotNegotiatedIsAnError) {
  accepted_ = {Feature::kNetCtrlGuestOffloads, Feature::kNetGuestCsum};
  EXPECT_EQ(Send(5, 0, FromInts({0x82, 0, 0, 0, 0, 0, 0, 0})), kErr);
  EXPECT_EQ(Send(5, 0, FromInts({3, 0, 0, 0, 0, 0, 0, 0})), kErr);
  EXPECT_EQ(offloads_, std::nullopt);
  EXPECT_EQ(state_, ControlState());
  EXPECT_EQ(Send(5, 0, FromInts({2, 0, 0, 0, 0, 0, 0, 0})), kOk);
}

TEST_F(ControlCommandTest, OffloadsThatTheBackEndRefusesStayAsTheyWere) {
  state_.guest_offloads = FeatureSet{Feature::kNetGuestCsum};
  const ControlState before = state_;
  refuse_ = true;
  EXPECT_EQ(Send(5, 0, Bytes(8)), kErr);
  EXPECT_EQ(state_, before);
}

// --- Address -----------------------------------------------------------------

TEST_F(ControlCommandTest, AnAddressIsSet_S69) {
  EXPECT_EQ(Send(1, 1, FromInts({0x02, 0x11, 0x22, 0x33, 0x44, 0x55})), kOk);
  ASSERT_TRUE(state_.mac.has_value());
  EXPECT_EQ(*state_.mac, (MacAddress{{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}}));
}

TEST_F(ControlCommandTest, ZeroAndMulticastAddressesAreErrors_S36) {
  state_.mac = MacAddress{{2, 2, 2, 2, 2, 2}};
  EXPECT_EQ(Send(1, 1, FromInts({0, 0, 0, 0, 0, 0})), kErr);
  for (int first = 1; first < 256; first += 2) {
    EXPECT_EQ(Send(1, 1, FromInts({first, 1, 2, 3, 4, 5})), kErr) << first;
  }
  EXPECT_EQ(*state_.mac, (MacAddress{{2, 2, 2, 2, 2, 2}}));
}

// --- VLANs -------------------------------------------------------------------

TEST_F(ControlCommandTest, EveryVlanIsAddedAndDeletedByItself_S69) {
  for (int vlan = 0; vlan < 4096; ++vlan) {
    const Bytes data = FromInts({vlan & 0xff, vlan >> 8});
    ASSERT_EQ(Send(2, 0, data), kOk) << vlan;
    ASSERT_EQ(state_.vlans.count(), 1u);
    ASSERT_TRUE(state_.vlans.test(static_cast<size_t>(vlan)));
    ASSERT_EQ(Send(2, 1, data), kOk) << vlan;
    ASSERT_TRUE(state_.vlans.none());
  }
}

TEST_F(ControlCommandTest, AVlanOfMoreThan12BitsIsAnError) {
  state_.vlans.set(0);
  for (int vlan = 4096; vlan < 65536; ++vlan) {
    const Bytes data = FromInts({vlan & 0xff, vlan >> 8});
    ASSERT_EQ(Send(2, 0, data), kErr) << vlan;
    ASSERT_EQ(Send(2, 1, data), kErr) << vlan;
  }
  EXPECT_EQ(state_.vlans.count(), 1u);
}

// --- Address tables ----------------------------------------------------------

Bytes MacTable(uint32_t unicast, uint32_t multicast, size_t addresses) {
  Bytes data;
  Put(data, unicast, 4);
  for (size_t i = 0; i < unicast && i < addresses; ++i) {
    Put(data, 0x0200 + (i << 40), 6);
  }
  Put(data, multicast, 4);
  for (size_t i = 0; i < multicast && i < addresses; ++i) {
    Put(data, 0x0100 + (i << 40), 6);
  }
  return data;
}

TEST_F(ControlCommandTest, TheAddressTablesAreReplacedAsAWhole_F61) {
  EXPECT_EQ(Send(1, 0, FromInts({2, 0, 0,    0,        //
                                 2, 0, 0,    0, 0, 1,  //
                                 2, 0, 0,    0, 0, 2,  //
                                 1, 0, 0,    0,        //
                                 1, 0, 0x5e, 0, 0, 9})),
            kOk);
  EXPECT_EQ(
      state_.unicast_table,
      (std::vector<MacAddress>{{{2, 0, 0, 0, 0, 1}}, {{2, 0, 0, 0, 0, 2}}}));
  EXPECT_EQ(state_.multicast_table,
            (std::vector<MacAddress>{{{1, 0, 0x5e, 0, 0, 9}}}));
  EXPECT_EQ(Send(1, 0, Bytes(8)), kOk);
  EXPECT_EQ(state_, ControlState());
}

TEST_F(ControlCommandTest, EveryTableOfUpTo40By40AddressesIsTaken) {
  for (uint32_t unicast = 0; unicast <= 40; ++unicast) {
    for (uint32_t multicast = 0; multicast <= 40; ++multicast) {
      ASSERT_EQ(Send(1, 0, MacTable(unicast, multicast, SIZE_MAX)), kOk);
      ASSERT_EQ(state_.unicast_table.size(), unicast);
      ASSERT_EQ(state_.multicast_table.size(), multicast);
    }
  }
}

TEST_F(ControlCommandTest, ATableCutAtAnyByteIsAnErrorAndChangesNothing_S67) {
  const Bytes whole = MacTable(3, 2, SIZE_MAX);
  state_.unicast_table = {MacAddress{{2, 9, 9, 9, 9, 9}}};
  const ControlState before = state_;
  for (size_t length = 0; length < whole.size(); ++length) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(length));
    ASSERT_EQ(Send(1, 0, cut), kErr) << length;
    ASSERT_EQ(state_, before) << length;
  }
  // Two counts of 0.
  for (size_t length = 0; length < 2 * sizeof(uint32_t); ++length) {
    ASSERT_EQ(Send(1, 0, Bytes(length)), kErr) << length;
    ASSERT_EQ(state_, before) << length;
  }
  Bytes more = whole;
  more.push_back(std::byte{0});
  EXPECT_EQ(Send(1, 0, more), kErr);
  EXPECT_EQ(state_, before);
}

// Counts whose product with 6 is small again in 32 bits, and others that lie.
TEST_F(ControlCommandTest, CountsThatOverflowAreErrors_S67) {
  state_.multicast_table = {MacAddress{{1, 9, 9, 9, 9, 9}}};
  const ControlState before = state_;
  for (const uint32_t count :
       {0x2aaaaaabu, 0x2aaaaaaau, 0x55555556u, 0x80000000u, 0xffffffffu,
        0xaaaaaaabu, 0xfffffffau, 1365u, 3u}) {
    for (const size_t present : {0, 1, 2}) {
      ASSERT_EQ(Send(1, 0, MacTable(count, 0, present)), kErr) << count;
      ASSERT_EQ(Send(1, 0, MacTable(0, count, present)), kErr) << count;
      ASSERT_EQ(Send(1, 0, MacTable(count, count, present)), kErr) << count;
      ASSERT_EQ(state_, before) << count;
    }
  }
}

TEST_F(ControlCommandTest, TheLargestTableOfALegalRequestIsTaken) {
  // 8192 bytes: header 2, counts 8, and 1363 addresses.
  const Bytes data = MacTable(1363, 0, SIZE_MAX);
  ASSERT_EQ(data.size() + 2, kMaxControlRequestBytes - 4);
  EXPECT_EQ(Send(1, 0, data), kOk);
  EXPECT_EQ(state_.unicast_table.size(), 1363u);
}

}  // namespace
}  // namespace virtio_user
