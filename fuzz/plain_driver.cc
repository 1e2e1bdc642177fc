// SPDX-License-Identifier: BSD-3-Clause
//
// main() of a fuzz target without an engine: runs it on files, and on those of
// folders, each once. It takes the arguments of libFuzzer that begin with '-'
// and does nothing with them.
//
//   TARGET_bin FILE|FOLDER...
//
// The last line says how many inputs ran; none is a failure. A crash is
// preceded by "input: PATH".

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" [[gnu::weak]] int LLVMFuzzerInitialize(int* argc, char*** argv);
extern "C" [[gnu::weak]] void __sanitizer_set_death_callback(
    void (*callback)());

namespace {

namespace fs = std::filesystem;

const std::string* running = nullptr;

// Called from signal handlers.
void TellInput() {
  if (running == nullptr) return;
  constexpr char kLead[] = "input: ";
  (void)!write(STDERR_FILENO, kLead, sizeof(kLead) - 1);
  (void)!write(STDERR_FILENO, running->data(), running->size());
  (void)!write(STDERR_FILENO, "\n", 1);
}

void OnSignal(int number) {
  TellInput();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

bool ReadFile(const std::string& path, std::vector<uint8_t>& bytes) {
  std::ifstream file(path, std::ios::binary);
  bytes.assign(std::istreambuf_iterator<char>(file), {});
  return !file.bad() && (file.is_open());
}

// As engines do: in an allocation of its own that ends where the input does, so
// that AddressSanitizer sees what reads behind it.
void RunOn(const std::vector<uint8_t>& bytes) {
  const auto exact = std::make_unique<uint8_t[]>(bytes.size());
  std::ranges::copy(bytes, exact.get());
  LLVMFuzzerTestOneInput(exact.get(), bytes.size());
}

bool AddFiles(const std::string& argument, std::vector<std::string>& paths) {
  std::error_code error;
  if (!fs::is_directory(argument, error)) {
    paths.push_back(argument);
    return true;
  }
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(argument, error)) {
    if (entry.is_regular_file(error)) paths.push_back(entry.path().string());
  }
  if (!error) return true;
  std::fprintf(stderr, "%s: %s\n", argument.c_str(), error.message().c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (LLVMFuzzerInitialize != nullptr) LLVMFuzzerInitialize(&argc, &argv);
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(&TellInput);
  }
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTERM}) {
    std::signal(number, &OnSignal);
  }
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] != '-' && !AddFiles(argv[i], paths)) return 1;
  }
  std::ranges::sort(paths);
  std::vector<uint8_t> bytes;
  for (const std::string& path : paths) {
    if (!ReadFile(path, bytes)) {
      std::fprintf(stderr, "%s: cannot be read\n", path.c_str());
      return 1;
    }
    running = &path;
    RunOn(bytes);
  }
  running = nullptr;
  std::printf("%zu inputs\n", paths.size());
  return paths.empty() ? 1 : 0;
}
