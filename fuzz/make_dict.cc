// SPDX-License-Identifier: BSD-3-Clause
//
// Writes TARGET.dict of each target that has words, the same ones each time.
//
//   make_dict FOLDER

#include <cstdio>
#include <fstream>
#include <string>

#include "fuzz/dictionaries.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "make_dict FOLDER\n");
    return 2;
  }
  for (const fuzz::Dictionary& dictionary : fuzz::Dictionaries()) {
    const std::string path =
        std::string(argv[1]) + "/" + std::string(dictionary.target) + ".dict";
    std::ofstream file(path);
    file << ToText(dictionary);
    if (!file.good()) {
      std::fprintf(stderr, "%s: cannot be written\n", path.c_str());
      return 1;
    }
    std::printf("%zu words in %s\n", dictionary.words.size(), path.c_str());
  }
  return 0;
}
