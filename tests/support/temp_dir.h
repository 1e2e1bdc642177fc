// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_SUPPORT_TEMP_DIR_H_
#define TESTS_SUPPORT_TEMP_DIR_H_

#include <string>

namespace testing_support {

// A new folder with a path that is short enough for a socket's; removed with
// everything in it at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string Join(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = "/tmp/vu.XXXXXX";
};

}  // namespace testing_support

#endif  // TESTS_SUPPORT_TEMP_DIR_H_
