// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_HEAP_IMAGE_H_
#define FUZZ_HEAP_IMAGE_H_

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace fuzz {

// Memory of the heap as it was at one time, to be what it was once more: of
// what a call has allocated and not freed. Whatever lies in it must neither
// allocate nor free afterwards, and refer to what stays where it is.
class HeapImage {
 public:
  // Whether allocations can be seen: a sanitizer tells of them.
  static bool Possible();

  // Of what `make` allocates.
  template <typename Make>
  auto During(const Make& make) {
    Begin();
    auto made = make();
    End();
    return made;
  }
  // All of it is as it was at the end of During.
  void Restore() const;

 private:
  struct Block {
    std::span<std::byte> memory;
    std::vector<std::byte> copy;
  };
  static void Begin();
  void End();

  std::vector<Block> blocks_;
};

}  // namespace fuzz

#endif  // FUZZ_HEAP_IMAGE_H_
