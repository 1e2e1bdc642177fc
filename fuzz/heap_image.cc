// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/heap_image.h"

#include <array>
#include <cstring>

#include "virtio_user/base/check.h"

// Of a sanitizer's runtime, if there is one.
extern "C" [[gnu::weak]] int __sanitizer_install_malloc_and_free_hooks(
    void (*malloc_hook)(const volatile void*, size_t),
    void (*free_hook)(const volatile void*));

namespace fuzz {
namespace {

// A hook must not allocate.
constexpr size_t kMost = 32;
struct Seen {
  const volatile void* at = nullptr;
  size_t bytes = 0;
};
std::array<Seen, kMost> seen;
size_t seen_count = 0;
bool watching = false;

void OnMalloc(const volatile void* at, size_t bytes) {
  if (!watching) return;
  VU_CHECK(seen_count < kMost);
  seen[seen_count++] = {at, bytes};
}

void OnFree(const volatile void* at) {
  if (!watching) return;
  for (size_t i = 0; i < seen_count; ++i) {
    if (seen[i].at == at) seen[i--] = seen[--seen_count];
  }
}

}  // namespace

bool HeapImage::Possible() {
  static const bool installed =
      &__sanitizer_install_malloc_and_free_hooks != nullptr &&
      __sanitizer_install_malloc_and_free_hooks(&OnMalloc, &OnFree) != 0;
  return installed;
}

void HeapImage::Begin() {
  VU_CHECK(Possible());
  seen_count = 0;
  watching = true;
}

void HeapImage::End() {
  watching = false;
  for (size_t i = 0; i < seen_count; ++i) {
    auto* const at = static_cast<std::byte*>(const_cast<void*>(seen[i].at));
    blocks_.push_back(
        {.memory = {at, seen[i].bytes}, .copy = {at, at + seen[i].bytes}});
  }
}

void HeapImage::Restore() const {
  for (const Block& block : blocks_) {
    std::memcpy(block.memory.data(), block.copy.data(), block.copy.size());
  }
}

}  // namespace fuzz
