// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/explore/fault_choice.h"

#include <algorithm>
#include <charconv>

namespace backend_sim {
namespace {

std::optional<FaultChoice> ParseOne(std::string_view text) {
  const size_t at = text.find('@');
  if (at == std::string_view::npos) return std::nullopt;
  const auto way =
      std::ranges::find(kFaultWays, text.substr(0, at), &FaultWay::name);
  if (way == kFaultWays.end()) return std::nullopt;
  FaultChoice choice;
  choice.way = static_cast<size_t>(way - kFaultWays.begin());
  const char* const end = text.data() + text.size();
  const auto [stop, error] =
      std::from_chars(text.data() + at + 1, end, choice.call);
  if (error != std::errc() || stop != end) return std::nullopt;
  return choice;
}

}  // namespace

std::string TextOf(const FaultChoices& choices) {
  std::string text;
  for (const FaultChoice& choice : choices) {
    if (!text.empty()) text += ",";
    text += std::string(kFaultWays[choice.way].name) + "@" +
            std::to_string(choice.call);
  }
  return text.empty() ? "none" : text;
}

std::optional<FaultChoices> ParseFaultChoices(std::string_view text) {
  FaultChoices choices;
  if (text == "none") return choices;
  while (true) {
    const size_t comma = text.find(',');
    const auto choice = ParseOne(text.substr(0, comma));
    if (!choice) return std::nullopt;
    choices.push_back(*choice);
    if (comma == std::string_view::npos) return choices;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace backend_sim
