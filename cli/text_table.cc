// SPDX-License-Identifier: BSD-3-Clause

#include "cli/text_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace virtio_user::cli {

std::vector<size_t> TextTable::Widths() const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  return widths;
}

std::string TextTable::Text() const {
  const std::vector<size_t> widths = Widths();
  std::string text;
  for (const auto& row : rows_) {
    std::string line = "  " + fmt::format("{:<{}}", row[0], widths[0]);
    for (size_t i = 1; i < row.size(); ++i) {
      line += "  ";
      line += others_ == Others::kRight
                  ? fmt::format("{:>{}}", row[i], widths[i])
                  : fmt::format("{:<{}}", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  }
  return text;
}

}  // namespace virtio_user::cli
