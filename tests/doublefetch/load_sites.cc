// SPDX-License-Identifier: BSD-3-Clause

#include "tests/doublefetch/load_sites.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace virtio_user {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTree = "virtio_user/";

// Files of words, which others load with.
bool IsOfWords(std::string_view line) {
  constexpr std::array<std::string_view, 5> kFiles = {
      "ring/shared_memory.h", "ring/split_word.h", "ring/packed_word.h",
      "ring/four_words.h", "net/net_header.h"};
  return std::ranges::any_of(
      kFiles, [line](std::string_view f) { return line.starts_with(f); });
}

// The frames of one instruction, the innermost first.
SourceLine LineOf(const std::vector<std::string>& frames) {
  SourceLine line{.load = "?", .from = "?"};
  for (const std::string& frame : frames) {
    const size_t at = frame.rfind(kTree);
    if (at == std::string::npos) continue;
    std::string place = frame.substr(at + kTree.size());
    place.resize(place.rfind(':'));  // The column.
    if (place.starts_with("ring/shared_memory.h")) continue;
    if (line.load == "?") line.load = place;
    if (IsOfWords(place)) continue;
    line.from = place;
    break;
  }
  return line;
}

std::string Symbolizer() {
  const char* const path = std::getenv("ASAN_SYMBOLIZER_PATH");
  return path != nullptr ? path : "llvm-symbolizer-19";
}

}  // namespace

std::vector<SourceLine> SourceLinesOf(const std::vector<uintptr_t>& sites) {
  const fs::path input = fs::path(std::getenv("TEST_TMPDIR")) / "sites";
  {
    std::ofstream out(input);
    for (const uintptr_t site : sites) out << "0x" << std::hex << site << '\n';
  }
  const std::string command =
      Symbolizer() + " --functions=none --inlines --obj=" +
      fs::read_symlink("/proc/self/exe").string() + " < " + input.string();
  std::vector<SourceLine> lines;
  std::vector<std::string> frames;
  std::FILE* const pipe = popen(command.c_str(), "r");
  std::array<char, 4096> text{};
  while (pipe != nullptr && std::fgets(text.data(), text.size(), pipe)) {
    std::string line(text.data());
    line.resize(line.find_last_not_of('\n') + 1);
    if (!line.empty()) {
      frames.push_back(line);
      continue;
    }
    lines.push_back(LineOf(frames));
    frames.clear();
  }
  if (pipe != nullptr) pclose(pipe);
  lines.resize(sites.size(), SourceLine{.load = "?", .from = "?"});
  return lines;
}

std::string SiteTable(
    const std::map<uintptr_t, backend_sim::SiteCounts>& sites) {
  std::vector<uintptr_t> places;
  for (const auto& [site, counts] : sites) places.push_back(site);
  const std::vector<SourceLine> lines = SourceLinesOf(places);
  struct Row {
    size_t instructions = 0;
    backend_sim::SiteCounts counts;
  };
  std::map<SourceLine, Row> rows;
  for (size_t i = 0; i < places.size(); ++i) {
    const backend_sim::SiteCounts& counts = sites.at(places[i]);
    Row& row = rows[lines[i]];
    ++row.instructions;
    row.counts.unchanged += counts.unchanged;
    row.counts.changed_before += counts.changed_before;
    row.counts.changed_after += counts.changed_after;
  }
  std::string table =
      "| load | from | instructions | unchanged | changed before | "
      "changed after |\n|---|---|---|---|---|---|\n";
  for (const auto& [line, row] : rows) {
    table += "| " + line.load + " | " + line.from + " | " +
             std::to_string(row.instructions) + " | " +
             std::to_string(row.counts.unchanged) + " | " +
             std::to_string(row.counts.changed_before) + " | " +
             std::to_string(row.counts.changed_after) + " |\n";
  }
  return table;
}

}  // namespace virtio_user
