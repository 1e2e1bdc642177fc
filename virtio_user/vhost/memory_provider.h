// SPDX-License-Identifier: BSD-3-Clause
//
// The seam behind which memory and its hot-plug events lie.

#ifndef VIRTIO_USER_VHOST_MEMORY_PROVIDER_H_
#define VIRTIO_USER_VHOST_MEMORY_PROVIDER_H_

#include <cstddef>
#include <cstdint>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/base/function_ref.h"
#include "virtio_user/vhost/memory_table.h"

namespace virtio_user {

struct MemoryEvent {
  enum class Kind : uint8_t {
    kAdded,     // Already in the table.
    kRemoving,  // About to go: still mapped, and maybe still in the table.
  };
  enum class Owner : uint8_t {
    kProvider,  // Allocated by the provider, so that it has a descriptor.
    kExternal,  // Registered by somebody else; no back-end can map it.
  };
  Kind kind = Kind::kAdded;
  Owner owner = Owner::kProvider;
  std::span<const std::byte> range;
};

class MemoryListener {
 public:
  // Called in the thread that allocates or frees, with the provider's lock
  // held, so `table` is live during the call. Must not call the provider.
  virtual void OnMemoryEvent(const MemoryEvent& event,
                             const MemoryTable& table) = 0;

 protected:
  ~MemoryListener() = default;
};

class MemoryProvider {
 public:
  virtual ~MemoryProvider() = default;

  // Runs `use` with the provider's lock held: the table cannot change
  // meanwhile. Never nested, and never called by a thread that holds a
  // device's mutex: provider before device is the only order there is.
  virtual void WithTable(FunctionRef<void(const MemoryTable&)> use) = 0;

  // Zeroed memory inside the table, aligned to `align` (a power of two, at
  // most 4096). May add a region, and then notifies the listeners.
  virtual Result<std::span<std::byte>> Allocate(size_t bytes, size_t align) = 0;
  // Gives back exactly one span that Allocate gave.
  virtual void Free(std::span<std::byte> memory) = 0;

  // `listener` hears of every change from now on; after Unsubscribe no event
  // runs any more. kUnsupported: this provider's memory never changes, which
  // callers tolerate. Never called with a device's mutex held.
  virtual Result<void> Subscribe(MemoryListener& listener) = 0;
  virtual void Unsubscribe(MemoryListener& listener) = 0;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_VHOST_MEMORY_PROVIDER_H_
