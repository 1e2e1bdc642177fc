// SPDX-License-Identifier: BSD-3-Clause

#include "tests/tidy/rules.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "tests/tidy/code_text.h"
#include "tests/tidy/layers.h"

namespace tidy {
namespace {

constexpr std::string_view kLicense =
    "// SPDX-License-Identifier: BSD-3-Clause";

bool IsCpp(std::string_view path) {
  return path.ends_with(".cc") || path.ends_with(".h");
}

bool IsProduction(std::string_view path) {
  return path.starts_with("virtio_user/");
}

// One file on its way through the rules.
class File {
 public:
  File(std::string_view path, std::string_view text)
      : path_(path),
        text_(text),
        code_text_(BlankCommentsAndLiterals(text)),
        lines_(SplitLines(text_)),
        code_(SplitLines(code_text_)) {}

  void CheckText();
  void CheckCpp();
  void CheckProduction();

  std::vector<Violation> Take() { return std::move(violations_); }

 private:
  void CheckSize();
  void CheckFunctions();
  void CheckGuard();
  void CheckIncludes();

  void Report(size_t line, std::string what) {
    violations_.push_back({.path = std::string(path_),
                           .line = static_cast<int>(line),
                           .what = std::move(what)});
  }

  std::string_view path_;
  std::string_view text_;
  std::string code_text_;
  std::vector<std::string_view> lines_;
  std::vector<std::string_view> code_;
  std::vector<Violation> violations_;
};

// Characters, not bytes.
size_t Columns(std::string_view line) {
  return static_cast<size_t>(std::ranges::count_if(line, [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

// Put together from pieces, so that this file may hold them.
const std::vector<std::string>& UnfinishedWords() {
  static const auto* const words = new std::vector<std::string>{
      std::string("TO") + "DO", std::string("FIX") + "ME",
      std::string("XX") + "X"};
  return *words;
}

// Names of one machine or one network, which no file may know.
const std::vector<std::string>& PlaceNames() {
  static const auto* const names = new std::vector<std::string>{
      std::string("/wo") + "rk/",          std::string("/ho") + "me/",
      std::string("/ro") + "ot/",          std::string("deb.deb") + "ian",
      std::string("security.deb") + "ian", std::string("snapshot.deb") + "ian",
      std::string("archive.ubu") + "ntu",  std::string("deb http") + ":",
      std::string("registry.np") + "mjs",  std::string("pypi.o") + "rg",
  };
  return *names;
}

void File::CheckText() {
  if (!text_.empty() && !text_.ends_with('\n')) {
    Report(lines_.size(), "no line end at the end of the file");
  }
  for (size_t i = 0; i < lines_.size(); ++i) {
    for (const std::string& name : PlaceNames()) {
      if (lines_[i].find(name) != std::string_view::npos) {
        Report(i + 1, "names a place outside the project: " + name);
      }
    }
    if (path_.ends_with(".md")) continue;
    // In a patch it is an empty line that stays.
    const bool stays = path_.ends_with(".patch") && lines_[i] == " ";
    if (lines_[i].ends_with(' ') && !stays) {
      Report(i + 1, "space at the end of the line");
    }
    for (const std::string& word : UnfinishedWords()) {
      if (std::ranges::count(Words(lines_[i]), std::string_view(word)) > 0) {
        Report(i + 1, "unfinished work: " + word);
      }
    }
  }
}

void File::CheckSize() {
  if (lines_.size() > kMaxFileLines) {
    Report(0, std::to_string(lines_.size()) + " lines, at most " +
                  std::to_string(kMaxFileLines));
  }
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].find('\t') != std::string_view::npos) Report(i + 1, "a tab");
    const bool is_include = lines_[i].starts_with("#include");
    if (Columns(lines_[i]) > kMaxColumns && !is_include) {
      Report(i + 1, std::to_string(Columns(lines_[i])) + " columns, at most " +
                        std::to_string(kMaxColumns));
    }
  }
}

void File::CheckFunctions() {
  for (const Function& function : FindFunctions(text_)) {
    const int lines = function.last_line - function.first_line + 1;
    if (lines <= kMaxFunctionLines) continue;
    Report(static_cast<size_t>(function.first_line),
           "a function of " + std::to_string(lines) + " lines, at most " +
               std::to_string(kMaxFunctionLines));
  }
}

// VIRTIO_USER_BASE_CHECK_H_ for virtio_user/base/check.h.
std::string GuardOf(std::string_view path) {
  std::string guard;
  for (const char c : path) {
    const bool letter = c >= 'a' && c <= 'z';
    const bool other = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    guard += letter ? static_cast<char>(c - 'a' + 'A') : other ? c : '_';
  }
  return guard + "_";
}

void File::CheckGuard() {
  const std::string guard = GuardOf(path_);
  const auto has = [this](const std::string& line) {
    return std::ranges::count(lines_, std::string_view(line)) == 1;
  };
  if (!has("#ifndef " + guard) || !has("#define " + guard) ||
      !has("#endif  // " + guard)) {
    Report(0, "no include guard " + guard);
  }
}

void File::CheckCpp() {
  if (lines_.empty() || lines_[0] != kLicense) {
    Report(1, "the first line is not " + std::string(kLicense));
  }
  CheckSize();
  CheckFunctions();
  if (path_.ends_with(".h")) CheckGuard();
}

// What stands after #include, without the quotes of our own headers.
std::string_view Included(std::string_view line) {
  constexpr std::string_view kInclude = "#include ";
  if (!line.starts_with(kInclude)) return "";
  line.remove_prefix(kInclude.size());
  if (!line.starts_with('"')) return line.substr(0, line.find('>') + 1);
  return line.substr(1, line.find('"', 1) - 1);
}

void File::CheckIncludes() {
  for (size_t i = 0; i < lines_.size(); ++i) {
    const std::string_view header = Included(lines_[i]);
    if (!header.empty() && !MayInclude(path_, header)) {
      Report(i + 1, "this layer must not include " + std::string(header));
    }
  }
}

void File::CheckProduction() {
  CheckIncludes();
  for (size_t i = 0; i < code_.size(); ++i) {
    for (const std::string_view word : Words(code_[i])) {
      if (word == "throw" || word == "dynamic_cast" || word == "typeid") {
        Report(i + 1, "production code has no " + std::string(word));
      }
      if (word == "FRIEND_TEST") Report(i + 1, "a door for tests");
    }
  }
}

std::string_view WithoutEnding(std::string_view path) {
  return path.substr(0, path.rfind('.'));
}

std::string TestOf(std::string_view unit) {
  return std::string(unit.substr(unit.rfind('/') + 1)) + "_test.cc";
}

// The names of the test sources, wherever they lie below tests/.
std::set<std::string_view> TestNames(const std::vector<std::string>& paths) {
  std::set<std::string_view> names;
  for (const std::string_view path : paths) {
    if (path.starts_with("tests/")) {
      names.insert(path.substr(path.rfind('/') + 1));
    }
  }
  return names;
}

}  // namespace

std::string Render(const std::vector<Violation>& violations) {
  std::string text;
  for (const Violation& v : violations) {
    text += v.path;
    text += ":" + std::to_string(v.line) + ": " + v.what + "\n";
  }
  return text;
}

std::vector<Violation> CheckFile(std::string_view path, std::string_view text) {
  File file(path, text);
  file.CheckText();
  if (IsCpp(path)) {
    file.CheckCpp();
    if (IsProduction(path)) file.CheckProduction();
  }
  return file.Take();
}

std::vector<Violation> CheckUnitsHaveTests(
    const std::vector<std::string>& paths,
    const std::vector<Untested>& exceptions) {
  const std::set<std::string_view> tests = TestNames(paths);
  std::set<std::string_view> units;
  for (const std::string& path : paths) {
    if (IsProduction(path) && IsCpp(path)) units.insert(WithoutEnding(path));
  }
  std::vector<Violation> violations;
  for (const std::string_view unit : units) {
    const bool tested = tests.contains(TestOf(unit));
    const bool excused = std::ranges::any_of(
        exceptions, [unit](const Untested& e) { return e.unit == unit; });
    if (tested == excused) {
      violations.push_back({.path = std::string(unit),
                            .what = tested ? "is excused but has a test"
                                           : "has no tests/" + TestOf(unit)});
    }
  }
  for (const Untested& e : exceptions) {
    if (!units.contains(e.unit)) {
      violations.push_back({.path = std::string(e.unit),
                            .what = "is excused but does not exist"});
    }
  }
  return violations;
}

}  // namespace tidy
