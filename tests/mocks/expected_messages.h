// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_MOCKS_EXPECTED_MESSAGES_H_
#define TESTS_MOCKS_EXPECTED_MESSAGES_H_

#include <gmock/gmock.h>

#include <cstdint>
#include <vector>

#include "tests/mocks/mock_vhost_backend.h"

namespace testing_support {

// The calls that a back-end must see, exactly these and in this order: those
// that are named while this lives.
class ExpectedMessages {
 public:
  explicit ExpectedMessages(MockVhostBackend& backend) : backend_(backend) {}

  void BeginBatch() { EXPECT_CALL(backend_, BeginBatch()); }
  void Commit() { EXPECT_CALL(backend_, Commit()); }
  void Discard() { EXPECT_CALL(backend_, Discard()); }
  // SET_VRING_CALL of rings 0 to `rings` - 1, each with a descriptor.
  void Calls(uint16_t rings) {
    for (uint16_t i = 0; i < rings; ++i) {
      EXPECT_CALL(backend_, SetVringCall(i, testing::Ge(0)));
    }
  }
  void Features(virtio_user::FeatureSet features) {
    EXPECT_CALL(backend_, SetFeatures(features));
  }
  void Status(uint8_t status) { EXPECT_CALL(backend_, SetStatus(status)); }
  void GetStatus(uint8_t answer) {
    EXPECT_CALL(backend_, GetStatus()).WillOnce(testing::Return(answer));
  }
  void MemTable() { EXPECT_CALL(backend_, SetMemTable(testing::_)); }
  // NUM, BASE, ADDR, KICK of rings 0 to bases.size() - 1.
  void Rings(uint16_t num, const std::vector<uint16_t>& bases) {
    for (uint16_t i = 0; i < bases.size(); ++i) {
      EXPECT_CALL(backend_, SetVringNum(i, num));
      EXPECT_CALL(backend_,
                  SetVringBase(i, testing::Field(&virtio_user::VringBase::avail,
                                                 bases[i])));
      EXPECT_CALL(backend_, SetVringAddr(i, testing::_));
      EXPECT_CALL(backend_, SetVringKick(i, testing::Ge(0)));
    }
  }
  // Of both rings of pairs `begin` to `end` - 1.
  void Enable(uint16_t begin, uint16_t end) {
    Switch(begin, end, virtio_user::VringEnable::kEnabled);
  }
  void Disable(uint16_t begin, uint16_t end) {
    Switch(begin, end, virtio_user::VringEnable::kDisabled);
  }
  void GetBases(const std::vector<uint16_t>& bases) {
    EXPECT_CALL(backend_, GetVringBases(testing::_))
        .WillOnce(AnswerBases(bases));
  }

  // A whole start on a back-end with status under VERSION_1, fresh rings.
  void Start(virtio_user::FeatureSet features, uint16_t num, uint16_t pairs) {
    const std::vector<uint16_t> bases(2 * size_t{pairs}, 0);
    BeginBatch();
    Calls(static_cast<uint16_t>(2 * pairs));
    Features(features);
    Status(0x0b);
    Commit();
    GetStatus(0x0b);
    BeginBatch();
    MemTable();
    Rings(num, bases);
    Enable(0, 1);
    Commit();
    Status(0x0f);
  }
  void Stop(uint16_t active, const std::vector<uint16_t>& bases) {
    BeginBatch();
    Disable(0, active);
    Commit();
    GetBases(bases);
    Status(0);
  }

 private:
  void Switch(uint16_t begin, uint16_t end, virtio_user::VringEnable enable) {
    for (uint16_t i = 2 * begin; i < 2 * end; ++i) {
      EXPECT_CALL(backend_, SetVringEnable(i, enable));
    }
  }

  MockVhostBackend& backend_;
  testing::InSequence in_sequence_;
};

}  // namespace testing_support

#endif  // TESTS_MOCKS_EXPECTED_MESSAGES_H_
