// SPDX-License-Identifier: BSD-3-Clause

#include "tests/tidy/code_text.h"

#include <cctype>
#include <cstddef>

namespace tidy {
namespace {

bool IsWordCharacter(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

// Blanks [from, to), keeping line ends.
void Blank(std::string& text, size_t from, size_t to) {
  for (size_t i = from; i < to && i < text.size(); ++i) {
    if (text[i] != '\n') text[i] = ' ';
  }
}

// The position after `end`, searched from `from`; the text's size if absent.
size_t After(std::string_view text, std::string_view end, size_t from) {
  const size_t at = text.find(end, from);
  return at == std::string_view::npos ? text.size() : at + end.size();
}

// The position after the literal that opens at `from` with `quote`.
size_t AfterLiteral(std::string_view text, char quote, size_t from) {
  size_t i = from + 1;
  while (i < text.size() && text[i] != quote && text[i] != '\n') {
    i += text[i] == '\\' ? 2 : 1;
  }
  return i + 1;
}

// The position after the raw string whose R is at `from`.
size_t AfterRawString(std::string_view text, size_t from) {
  const size_t paren = text.find('(', from);
  if (paren == std::string_view::npos) return text.size();
  const std::string end =
      ")" + std::string(text.substr(from + 2, paren - from - 2)) + "\"";
  return After(text, end, paren);
}

// What kind of thing a brace opens.
enum class Scope { kNamespace, kType, kFunction, kOther };

// A statement up to the brace that it opens.
struct Head {
  std::string text;
  int first_line = 0;

  void Clear() { *this = Head(); }

  bool IsAccessLabel() const {
    return text == "public" || text == "private" || text == "protected";
  }

  void Add(char c, int line) {
    if (text.empty()) {
      if (std::isspace(static_cast<unsigned char>(c)) != 0) return;
      first_line = line;
    }
    text += c;
  }
};

bool IsTypeWord(std::string_view word) {
  return word == "class" || word == "struct" || word == "union" ||
         word == "enum";
}

// What follows `template <...>`, or all of it.
std::string_view AfterTemplate(std::string_view head) {
  if (!head.starts_with("template")) return head;
  const size_t close = head.find('>');
  return close == std::string_view::npos ? head : head.substr(close);
}

// `x = f(...)` or a table, but not a lambda with a name.
bool IsValue(std::string_view head) {
  const size_t equals = head.find(" = ");
  return equals < head.find('(') &&
         head.find('[', equals) == std::string_view::npos;
}

Scope Classify(std::string_view head) {
  // clang-format puts a space before every brace that opens a body.
  if (!head.ends_with(' ')) return Scope::kOther;
  const std::string_view rest = AfterTemplate(head);
  const std::vector<std::string_view> words = Words(rest);
  if (words.empty()) return Scope::kOther;
  const bool has_parameters = rest.find('(') != std::string_view::npos;
  const std::string_view first =
      words[0] == "inline" && words.size() > 1 ? words[1] : words[0];
  if (first == "namespace") return Scope::kNamespace;
  if (first == "extern" && !has_parameters) return Scope::kNamespace;
  if (IsTypeWord(first)) return Scope::kType;
  return has_parameters && !IsValue(rest) ? Scope::kFunction : Scope::kOther;
}

// Without preprocessor lines, whose braces need not balance.
std::string BlankDirectives(std::string text) {
  bool continued = false;
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find('\n', at);
    if (end == std::string::npos) end = text.size();
    const size_t first = text.find_first_not_of(' ', at);
    const bool directive =
        continued ||
        (first < end && first != std::string::npos && text[first] == '#');
    continued = directive && end > at && text[end - 1] == '\\';
    if (directive) Blank(text, at, end);
    at = end + 1;
  }
  return text;
}

class FunctionFinder {
 public:
  void Feed(char c, int line) {
    if (c == '(') ++parens_;
    if (c == ')') --parens_;
    if (c == '{') return Open(line);
    if (c == '}') return Close(line);
    if (c == ';' && parens_ == 0) return head_.Clear();
    if (c == ':' && head_.IsAccessLabel()) return head_.Clear();
    head_.Add(c == '\n' ? ' ' : c, line);
  }

  std::vector<Function> Take() { return std::move(functions_); }

 private:
  void Open(int line) {
    const bool nested = !scopes_.empty() &&
                        scopes_.back() != Scope::kNamespace &&
                        scopes_.back() != Scope::kType;
    scopes_.push_back(nested || parens_ > 0 ? Scope::kOther
                                            : Classify(head_.text));
    if (scopes_.back() == Scope::kFunction) {
      functions_.push_back({.first_line = head_.first_line, .last_line = line});
      open_function_ = scopes_.size();
    }
    // A member initialiser in braces belongs to the signature that goes on.
    if (scopes_.back() != Scope::kOther) head_.Clear();
  }

  void Close(int line) {
    if (scopes_.empty()) return;
    if (open_function_ == scopes_.size()) {
      functions_.back().last_line = line;
      open_function_ = 0;
    }
    if (scopes_.back() != Scope::kOther) head_.Clear();
    scopes_.pop_back();
  }

  std::vector<Scope> scopes_;
  std::vector<Function> functions_;
  size_t open_function_ = 0;  // Depth of the function that is open; 0: none.
  int parens_ = 0;
  Head head_;
};

}  // namespace

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::string BlankCommentsAndLiterals(std::string_view text) {
  std::string code(text);
  for (size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    const bool in_word = i > 0 && IsWordCharacter(text[i - 1]);
    size_t next = i + 1;
    if (rest.starts_with("//")) {
      next = text.find('\n', i);
      if (next == std::string_view::npos) next = text.size();
      Blank(code, i, next);
    } else if (rest.starts_with("/*")) {
      next = After(text, "*/", i + 2);
      Blank(code, i, next);
    } else if (rest.starts_with("R\"") && !in_word) {
      next = AfterRawString(text, i);
      Blank(code, i + 2, next - 1);
    } else if (rest[0] == '"' || (rest[0] == '\'' && !in_word)) {
      next = AfterLiteral(text, rest[0], i);
      Blank(code, i + 1, next - 1);
    }
    i = next;
  }
  return code;
}

std::vector<Function> FindFunctions(std::string_view text) {
  const std::string code = BlankDirectives(BlankCommentsAndLiterals(text));
  FunctionFinder finder;
  int line = 1;
  for (const char c : code) {
    finder.Feed(c, line);
    if (c == '\n') ++line;
  }
  return finder.Take();
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  size_t i = 0;
  while (i < line.size()) {
    const size_t from = i;
    while (i < line.size() && IsWordCharacter(line[i])) ++i;
    if (i > from) {
      words.push_back(line.substr(from, i - from));
    } else {
      ++i;
    }
  }
  return words;
}

}  // namespace tidy
