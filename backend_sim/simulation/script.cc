// SPDX-License-Identifier: BSD-3-Clause

#include "backend_sim/simulation/script.h"

#include <algorithm>
#include <optional>

namespace backend_sim {
namespace {

std::string_view Trimmed(std::string_view line) {
  line = line.substr(0, line.find('#'));
  const size_t begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  const size_t end = line.find_last_not_of(" \t\r");
  return line.substr(begin, end - begin + 1);
}

// So much of a line is shown; no name and no value is longer.
constexpr size_t kMostShown = 60;

std::string Quoted(std::string_view text) {
  const bool whole = text.size() <= kMostShown;
  return "\"" + std::string(text.substr(0, kMostShown)) +
         (whole ? "\"" : "...\"");
}

// Why it is none.
std::string WrongOperation(std::string_view line) {
  const std::string_view name = line.substr(0, line.find_first_of(" \t"));
  std::string names;
  for (const OpInfo& info : AllOps()) {
    if (info.name == name) {
      return Quoted(line) +
             ": behind an operation stand a=, b= and salt= with whole numbers "
             "below 2^32, or nothing";
    }
    names += (names.empty() ? "" : ", ") + std::string(info.name);
  }
  return "no such operation: " + Quoted(name) + "; there is " + names;
}

// What is wrong with a line that is not empty.
std::optional<std::string> TakeLine(std::string_view line, Script& script) {
  if (!line.starts_with("set ")) {
    const auto operation = OperationFromText(line);
    if (!operation) return WrongOperation(line);
    script.operations.push_back(*operation);
    return std::nullopt;
  }
  if (!script.operations.empty()) {
    return "\"set\" stands before the first operation";
  }
  std::string_view rest = Trimmed(line.substr(4));
  const size_t space = rest.find_first_of(" \t");
  if (space == std::string_view::npos) return "\"set\" takes name and value";
  const std::string_view name = rest.substr(0, space);
  const std::string_view value = Trimmed(rest.substr(space));
  if (std::max(name.size(), value.size()) > kMostShown) {
    return Quoted(line) + ": no name and no value is so long";
  }
  return SetFromText(name, value, script.scenario);
}

}  // namespace

std::string ToText(const Script& script) {
  std::string text = "# vuser replay script\n" + ToText(script.scenario);
  for (const Operation& operation : script.operations) {
    text += ToText(operation);
    text += '\n';
  }
  return text;
}

std::expected<Script, std::string> ScriptFromText(std::string_view text) {
  Script script;
  size_t number = 0;
  size_t lines = 0;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = Trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number;
    if (line.empty() || line.starts_with("verdict: ")) continue;
    ++lines;
    if (auto wrong = TakeLine(line, script)) {
      return std::unexpected("line " + std::to_string(number) + ": " + *wrong);
    }
  }
  if (lines == 0) {
    return std::unexpected(
        "there is no script in it: no line \"set NAME VALUE\", no operation");
  }
  if (auto wrong = CheckScenario(script.scenario)) {
    return std::unexpected(*wrong);
  }
  return script;
}

std::string ToGoogleTest(const Script& script, std::string_view name) {
  std::string text = "TEST(Replay, " + std::string(name) +
                     ") {\n  const auto script = ScriptFromText(R\"(\n" +
                     ToText(script) +
                     ")\");\n"
                     "  ASSERT_TRUE(script.has_value()) << script.error();\n"
                     "\n"
                     "  EXPECT_EQ(RunScript(*script).FirstText(), \"\");\n"
                     "}\n";
  return text;
}

}  // namespace backend_sim
