// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_HEARD_ANSWERS_H_
#define FUZZ_HEARD_ANSWERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuzz/answer_rules.h"

namespace fuzz {

// What a front-end was answered: takes the messages that its peer reads and the
// bytes that it has taken itself, and judges each answer once it is whole.
// Allocates nothing.
class HeardAnswers {
 public:
  struct Base {
    uint32_t ring = 0;
    uint32_t num = 0;
  };
  // What answers said last, as they said it.
  struct Values {
    uint64_t features = 0;
    uint64_t protocol = 0;
    uint64_t pairs = 0;
    uint64_t slots = 0;
    uint64_t status = 0;
    std::array<std::byte, kMostConfigBytes> config;
    uint32_t config_offset = 0;
    size_t config_bytes = 0;
    uint64_t notes_bytes = 0;
    uint64_t notes_offset = 0;
  };
  static constexpr size_t kMostBases = 4;

  void BeginCall();
  // Another stream: what was asked on the last one is answered by nobody.
  void BeginStream();
  // Rings are packed from now on, or split.
  void set_packed(bool packed) { packed_ = packed; }

  // A whole message, in the order of sending.
  void Ask(uint32_t request, uint32_t flags,
           std::span<const std::byte> payload);
  // Descriptors, before the bytes that they came with.
  void Bring(const Brought& brought);
  void Take(std::span<const std::byte> bytes);

  // Whether all that was asked is answered, as far as anybody can tell.
  bool complete() const { return waiting_ == 0; }
  // Whether bytes came that answer nothing that the peer has read. Once it
  // reads on they are the front of the next answer.
  bool surplus() const { return surplus_ != 0; }
  // Why what was taken in this call is no answer; null: it is one.
  const char* fault() const { return fault_; }
  // Whether GET_QUEUE_NUM was answered with 0 in this call, which is no answer
  // but may wait until the other limits are there.
  bool no_pairs() const { return no_pairs_; }
  // Whether one of this call's answers was no, before any fault.
  bool refused() const { return refused_; }
  // Questions of this call.
  size_t asked() const { return asked_; }
  const Values& values() const { return values_; }
  // Of this call, in the order of asking.
  std::span<const Base> bases() const {
    return std::span(bases_).first(base_count_);
  }
  // What SET_PROTOCOL_FEATURES said last on this stream.
  uint64_t agreed() const { return agreed_; }
  // What a GET_CONFIG that was sent with the limits was answered, as long as
  // nothing was said since.
  enum class Ahead : uint8_t { kNothing, kBytes, kRefusal };
  // Answers a call, once.
  Ahead TakeAhead();

 private:
  // More than a front-end may have outstanding.
  static constexpr size_t kMostWaiting = 256;
  static constexpr size_t kMostAnswerBytes =
      kHeaderBytes + kConfigHeadBytes + kMostConfigBytes;

  void Hold(std::span<const std::byte> bytes);
  void TakeHeld();
  void JudgeFirst();
  void Note(const Asked& asked, std::span<const std::byte> payload);
  void NoteConfig(const Asked& asked, std::span<const std::byte> payload,
                  bool refused);
  void Pop();

  std::array<Asked, kMostWaiting> asks_;  // A ring.
  size_t first_ = 0;
  size_t waiting_ = 0;
  // Of the answer that is being taken.
  std::array<std::byte, kMostAnswerBytes> answer_;
  size_t have_ = 0;
  size_t need_ = kHeaderBytes;
  Brought brought_;
  std::array<std::byte, kMostAnswerBytes> held_;
  size_t surplus_ = 0;

  const char* fault_ = nullptr;
  bool no_pairs_ = false;
  bool refused_ = false;
  size_t asked_ = 0;
  Values values_;
  std::array<Base, kMostBases> bases_;
  size_t base_count_ = 0;
  bool packed_ = false;
  uint64_t agreed_ = 0;
  uint32_t last_request_ = 0;
  Ahead ahead_ = Ahead::kNothing;
};

}  // namespace fuzz

#endif  // FUZZ_HEARD_ANSWERS_H_
