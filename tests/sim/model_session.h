// SPDX-License-Identifier: BSD-3-Clause
//
// A session with the model, message by message, and what must come of a
// message that breaks a rule.

#ifndef TESTS_SIM_MODEL_SESSION_H_
#define TESTS_SIM_MODEL_SESSION_H_

#include <optional>
#include <utility>
#include <vector>

#include "backend_sim/sim_world.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sim/raw_client.h"

namespace sim_test {

inline constexpr uint64_t kBit30 = 1ull << 30;
inline constexpr uint64_t kModern = 1ull << 32 | kBit30;
inline constexpr uint64_t kMultiqueue = kModern | 1ull << 22;
inline constexpr uint64_t kReplyAck = 1 << 3;
// MQ, REPLY_ACK, MTU, BACKEND_REQ, CONFIG, RESET_DEVICE, MEM_SLOTS, STATUS.
inline constexpr uint64_t kAllProtocol = 0x1a239;

inline std::vector<backend_sim::Rule> RulesOf(
    const std::vector<backend_sim::Violation>& violations) {
  std::vector<backend_sim::Rule> rules;
  for (const backend_sim::Violation& violation : violations) {
    rules.push_back(violation.rule);
  }
  return rules;
}

class ModelSession : public testing::Test {
 protected:
  ModelSession() : ModelSession(backend_sim::SimWorldOptions{}) {}
  explicit ModelSession(backend_sim::SimWorldOptions options)
      : world_(std::move(options)), client_(world_) {}

  // Everything up to the rings.
  void Negotiate(uint64_t features = kModern,
                 uint64_t protocol = kReplyAck | 1) {
    client_.Negotiate(features, protocol);
    client_.Send(client_.MemTable());
    ASSERT_THAT(world_.violations(), testing::IsEmpty());
  }

  // The message must break this rule and be answered with NACK.
  void ExpectNack(RawMessage message, backend_sim::Rule rule) {
    message.flags = kNeedReply;
    const std::optional<RawAnswer> answer = client_.Ask(message);
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->flags, 0x5u);
    EXPECT_EQ(answer->value(), 1u);
    EXPECT_THAT(RulesOf(world_.violations()), testing::ElementsAre(rule));
    EXPECT_FALSE(client_.closed());
    world_.model().ClearViolations();
  }

  // The message must break this rule and end the connection.
  void ExpectClose(const RawMessage& message, backend_sim::Rule rule) {
    client_.Send(message);
    EXPECT_TRUE(client_.closed());
    EXPECT_THAT(RulesOf(world_.violations()), testing::ElementsAre(rule));
  }

  uint64_t AckOf(RawMessage message) {
    message.flags = kNeedReply;
    const std::optional<RawAnswer> answer = client_.Ask(message);
    return answer ? answer->value() : ~uint64_t{0};
  }

  backend_sim::SimWorld world_;
  RawClient client_;
};

class LegacySession : public ModelSession {
 protected:
  static backend_sim::SimWorldOptions Options() {
    backend_sim::SimWorldOptions options;
    options.personality = backend_sim::Personality::Legacy();
    return options;
  }
  LegacySession() : ModelSession(Options()) {}
};

class LenientSession : public ModelSession {
 protected:
  static backend_sim::SimWorldOptions Options() {
    backend_sim::SimWorldOptions options;
    options.personality.strictness = backend_sim::Strictness::kNote;
    return options;
  }
  LenientSession() : ModelSession(Options()) {}
};

}  // namespace sim_test

#endif  // TESTS_SIM_MODEL_SESSION_H_
