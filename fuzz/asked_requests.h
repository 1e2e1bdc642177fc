// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_ASKED_REQUESTS_H_
#define FUZZ_ASKED_REQUESTS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "fuzz/answer_rules.h"

namespace fuzz {

// What a front-end does with the requests of its back-end: takes the bytes that
// it reads and those that it answers, and reports an answer that the
// specification does not have.
class AskedRequests {
 public:
  // What its user has to be told.
  struct News {
    bool config_changed = false;
    bool trouble = false;
  };

  // The front-end has a new end, from which nothing can be read yet.
  void Replace();
  // It can, from now on; `config`: CONFIG was agreed to.
  void Begin(bool config);
  // There is another back-end.
  void Forget();

  void Read(std::span<const std::byte> bytes);
  // `whole`: there is room for it.
  void Answer(std::span<const std::byte> answer, bool whole);
  void Break() { news_.trouble = true; }

  // Since it was asked last. `told`: what the front-end says.
  void CompareNews(const News& told);

 private:
  static constexpr uint32_t kMostPayload = 256;

  struct Owed {
    uint32_t request = 0;
    bool done = false;
  };

  void ReadHead();
  void ReadWhole();

  bool config_ = false;
  bool known_ = true;  // What the front-end has told its user already.
  bool over_ = false;  // That was no request.
  News news_;
  std::optional<Owed> owed_;
  // Of the request that is being read.
  std::array<std::byte, kHeaderBytes> head_;
  size_t have_ = 0;
  size_t need_ = kHeaderBytes;
};

}  // namespace fuzz

#endif  // FUZZ_ASKED_REQUESTS_H_
