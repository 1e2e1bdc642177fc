// SPDX-License-Identifier: BSD-3-Clause
//
// Writes seed inputs of a fuzz target, the same ones each time.
//
//   make_corpus TARGET FOLDER
//
// They are a beginning: `./vuser fuzz` adds what it finds, and distils.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz/seeds.h"

namespace {

bool Write(const std::filesystem::path& path, const fuzz::Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return file.good();
}

int WriteAll(const fuzz::SeededTarget& target,
             const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  size_t count = 0;
  for (const fuzz::Seed& seed : target.seeds()) {
    if (!Write(folder / seed.name, seed.bytes)) {
      std::fprintf(stderr, "%s: cannot be written\n",
                   (folder / seed.name).c_str());
      return 1;
    }
    ++count;
  }
  std::printf("%zu seeds in %s\n", count, folder.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (const fuzz::SeededTarget& target : fuzz::SeededTargets()) {
    if (argc == 3 && target.name == argv[1]) return WriteAll(target, argv[2]);
  }
  std::fprintf(stderr, "make_corpus TARGET FOLDER; targets:");
  for (const fuzz::SeededTarget& target : fuzz::SeededTargets()) {
    std::fprintf(stderr, " %s", std::string(target.name).c_str());
  }
  std::fprintf(stderr, "\n");
  return 2;
}
