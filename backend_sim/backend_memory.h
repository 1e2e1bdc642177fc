// SPDX-License-Identifier: BSD-3-Clause
//
// The front-end's memory as the back-end has it mapped.

#ifndef BACKEND_SIM_BACKEND_MEMORY_H_
#define BACKEND_SIM_BACKEND_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "backend_sim/violation.h"
#include "virtio_user/base/file_descriptor.h"

namespace backend_sim {

// A region as a message describes it.
struct RegionDescription {
  uint64_t guest = 0;  // Descriptors in rings use these addresses,
  uint64_t size = 0;
  uint64_t user = 0;  // SET_VRING_ADDR uses these.
  uint64_t offset = 0;

  friend bool operator==(const RegionDescription&,
                         const RegionDescription&) = default;
};

// The regions of a SET_MEM_TABLE payload, whose size fits.
std::vector<RegionDescription> ParseTable(std::span<const std::byte> payload);
// The region of an ADD_MEM_REG or REM_MEM_REG payload.
RegionDescription ParseSingleRegion(std::span<const std::byte> payload);

// Whether each region has a size, none wraps, and none meets another.
Check CheckRegions(std::span<const RegionDescription> regions);
// Whether [user, user + bytes) lies inside one of them.
bool CoversUser(std::span<const RegionDescription> regions, uint64_t user,
                uint64_t bytes);

// Owns its mappings. `fds` outlives it.
class BackendMemory {
 public:
  explicit BackendMemory(virtio_user::FdOps& fds) : fds_(&fds) {}
  BackendMemory(BackendMemory&& other) noexcept;
  BackendMemory& operator=(BackendMemory&& other) noexcept;
  ~BackendMemory() { Clear(); }

  // Maps the file from its start, as lib/vhost does, so that any offset will
  // do. A breach without rule: this side could not map it.
  Check Add(const RegionDescription& region, int fd);
  // Without a file: `user` is a pointer of this process, as it is to a kernel.
  void AddHost(const RegionDescription& region);
  // Memory that this side has already, as the kernel has a process's.
  void AddHost(const RegionDescription& region, std::span<std::byte> host);
  // False where there is no such region.
  bool Remove(const RegionDescription& region);
  void Clear();

  bool empty() const { return regions_.empty(); }
  std::vector<RegionDescription> Descriptions() const;
  // Whether a table names these regions, wherever they lie in their files.
  bool Is(std::span<const RegionDescription> table) const;
  // Nothing where the range is not wholly inside one region.
  std::optional<std::span<std::byte>> FromUser(uint64_t user,
                                               uint64_t bytes) const;
  std::optional<std::span<std::byte>> FromGuest(uint64_t guest,
                                                uint64_t bytes) const;

 private:
  struct Region {
    RegionDescription description;
    std::span<std::byte> mapping;  // From offset 0 of the file.
    bool owned = true;             // Of AddHost: not.

    std::byte* host() const { return mapping.data() + description.offset; }
  };

  virtio_user::FdOps* fds_;
  std::vector<Region> regions_;
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_BACKEND_MEMORY_H_
