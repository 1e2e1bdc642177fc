// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_TEXT_TABLE_H_
#define CLI_TEXT_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace virtio_user::cli {

// Rows under a head line, each column as wide as its widest cell. The first
// column stands to the left.
class TextTable {
 public:
  enum class Others : uint8_t { kLeft, kRight };

  TextTable(std::vector<std::string> head, Others others)
      : rows_{std::move(head)}, others_(others) {}

  // Requires: as many cells as the head has.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  // Lines with their ends, indented by two.
  std::string Text() const;

 private:
  std::vector<size_t> Widths() const;

  std::vector<std::vector<std::string>> rows_;
  Others others_;
};

}  // namespace virtio_user::cli

#endif  // CLI_TEXT_TABLE_H_
