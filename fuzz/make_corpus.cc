// SPDX-License-Identifier: BSD-3-Clause
//
// Writes seed inputs of a fuzz target, the same ones each time.
//
//   make_corpus TARGET FOLDER [LEFT_OUT_FOLDER]
//
// They are a beginning: `./vuser fuzz` adds what it finds, and distils. Those
// that this has left out of the corpus (left_out.h) go into the other folder,
// if into any.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include "fuzz/left_out.h"
#include "fuzz/seeds.h"

namespace {

bool Write(const std::filesystem::path& path, const fuzz::Bytes& bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  return file.good();
}

// `left_out_folder` may be null.
int WriteAll(const fuzz::SeededTarget& target,
             const std::filesystem::path& corpus, const char* left_out_folder) {
  const auto left_out = fuzz::LeftOutSeeds(target.name);
  size_t count = 0;
  for (const fuzz::Seed& seed : target.seeds()) {
    const bool goes = left_out.contains(seed.name);
    if (goes && left_out_folder == nullptr) continue;
    const std::filesystem::path folder = goes ? left_out_folder : corpus;
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (!Write(folder / seed.name, seed.bytes)) {
      std::fprintf(stderr, "%s: cannot be written\n",
                   (folder / seed.name).c_str());
      return 1;
    }
    ++count;
  }
  std::printf("%zu seeds, %zu are left out of the corpus\n", count,
              left_out.size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  for (const fuzz::SeededTarget& target : fuzz::SeededTargets()) {
    const bool whole = argc == 3 || argc == 4;
    if (whole && target.name == argv[1]) {
      return WriteAll(target, argv[2], argc == 4 ? argv[3] : nullptr);
    }
  }
  std::fprintf(stderr, "make_corpus TARGET FOLDER [LEFT_OUT_FOLDER]; targets:");
  for (const fuzz::SeededTarget& target : fuzz::SeededTargets()) {
    std::fprintf(stderr, " %s", std::string(target.name).c_str());
  }
  std::fprintf(stderr, "\n");
  return 2;
}
