// SPDX-License-Identifier: BSD-3-Clause
//
// Words that a fuzzer would hardly guess, by target, from the tables of names.

#ifndef FUZZ_DICTIONARIES_H_
#define FUZZ_DICTIONARIES_H_

#include <string>
#include <string_view>
#include <vector>

#include "fuzz/seeds.h"

namespace fuzz {

struct Dictionary {
  std::string_view target;
  std::vector<Seed> words;  // Each with its name.
};

// By target.
std::vector<Dictionary> Dictionaries();

// A line `name="bytes"` a word, as libFuzzer and AFL read it.
std::string ToText(const Dictionary& dictionary);

}  // namespace fuzz

#endif  // FUZZ_DICTIONARIES_H_
