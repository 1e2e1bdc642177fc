// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/vuser.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <system_error>

namespace interop {
namespace {

// Bazel puts it among the test's files.
std::string Program() {
  const char* const files = std::getenv("TEST_SRCDIR");
  const char* const workspace = std::getenv("TEST_WORKSPACE");
  if (files == nullptr || workspace == nullptr) return "vuser";
  return std::string(files) + "/" + workspace + "/cli/vuser";
}

}  // namespace

std::unique_ptr<Vuser> Vuser::Start(const std::string& folder,
                                    std::vector<std::string> arguments) {
  std::unique_ptr<Vuser> made(new Vuser());
  made->output_path_ = folder + "/vuser.out";
  made->error_path_ = folder + "/vuser.err";
  arguments.insert(arguments.begin(), Program());
  made->child_ = ChildProcess::Start({.arguments = std::move(arguments),
                                      .output_path = made->output_path_,
                                      .error_path = made->error_path_});
  if (made->child_ == nullptr) return nullptr;
  return made;
}

size_t Vuser::DescriptorCount() const {
  const std::filesystem::path folder("/proc/" + std::to_string(child_->pid()) +
                                     "/fd");
  std::error_code gone;
  size_t count = 0;
  for (const auto& each : std::filesystem::directory_iterator(folder, gone)) {
    (void)each;
    ++count;
  }
  return count;
}

std::string Vuser::LastLine() const {
  std::istringstream lines(Output());
  std::string last;
  for (std::string line; std::getline(lines, line);) last = line;
  return last;
}

}  // namespace interop
