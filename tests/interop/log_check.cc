// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/log_check.h"

#include <algorithm>
#include <array>
#include <sstream>

namespace interop {
namespace {

constexpr std::array<std::string_view, 3> kTrouble = {"error", "fail",
                                                      "invalid"};

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char letter) {
    return static_cast<char>(std::tolower(letter));
  });
  return text;
}

std::string WithoutExcused(std::string line,
                           const std::vector<Excused>& excused) {
  for (const Excused& each : excused) {
    const size_t at = line.find(each.fragment);
    if (at != std::string::npos) line.erase(at, each.fragment.size());
  }
  return line;
}

}  // namespace

std::vector<std::string> TroubleIn(std::string_view log,
                                   const std::vector<Excused>& excused) {
  std::vector<std::string> found;
  std::istringstream lines{std::string(log)};
  for (std::string line; std::getline(lines, line);) {
    const std::string rest = Lower(WithoutExcused(line, excused));
    const bool trouble = std::ranges::any_of(kTrouble, [&](auto word) {
      return rest.find(word) != std::string::npos;
    });
    if (trouble) found.push_back(line);
  }
  return found;
}

size_t CountOf(std::string_view log, std::string_view fragment) {
  size_t count = 0;
  for (size_t at = log.find(fragment); at != std::string_view::npos;
       at = log.find(fragment, at + fragment.size())) {
    ++count;
  }
  return count;
}

std::string TailOf(std::string_view log, size_t lines) {
  size_t begin = log.size();
  while (begin > 0) {
    if (log[begin - 1] == '\n' && begin < log.size() && lines-- <= 1) break;
    --begin;
  }
  return std::string(log.substr(begin));
}

}  // namespace interop
