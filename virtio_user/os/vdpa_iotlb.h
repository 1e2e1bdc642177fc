// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_OS_VDPA_IOTLB_H_
#define VIRTIO_USER_OS_VDPA_IOTLB_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/os/vdpa_node.h"

namespace virtio_user {

// One stretch of this process's memory as the device sees it.
struct VdpaMapping {
  uint64_t iova = 0;
  std::span<std::byte> host;

  friend bool operator==(const VdpaMapping& a, const VdpaMapping& b) {
    return a.iova == b.iova && a.host.data() == b.host.data() &&
           a.host.size() == b.host.size();
  }
};

// Which messages the kernel takes.
struct VdpaIotlbDialect {
  bool version_2 = false;
  bool batch = false;  // BATCH_BEGIN and BATCH_END.
  bool asid = false;   // Messages name an address space.
};

// What is mapped in one address space of the device, changed by messages. The
// kernel unmaps what one message has mapped as a whole: a wanted stretch may
// therefore be several mappings, and a mapping part of a stretch.
class VdpaIotlb {
 public:
  // `node` outlives it.
  explicit VdpaIotlb(const VdpaNode& node, uint32_t asid = 0)
      : node_(node), asid_(asid) {}

  void Speak(const VdpaIotlbDialect& dialect) { dialect_ = dialect; }

  // A mapping that Change would take away although a part of it is wanted.
  std::optional<VdpaMapping> FindCut(std::span<const VdpaMapping> wanted) const;
  // Unmaps what is not in `wanted`, then maps what is missing; what is mapped
  // and wanted stays, but for mappings that FindCut finds. On failure all is as
  // it was, unless that fails too: see intact(). Requires: no two stretches of
  // `wanted` overlap.
  Result<void> Change(std::span<const VdpaMapping> wanted);
  // False: a change and its undoing have failed, and nobody knows what is
  // mapped. Close the device then.
  bool intact() const { return intact_; }
  // The device was closed, and all of it is gone.
  void Forget();

  std::span<const VdpaMapping> mapped() const { return mapped_; }
  // Whether any byte of [iova, iova + bytes) is mapped. Requires: bytes > 0.
  bool Meets(uint64_t iova, size_t bytes) const;
  // Where [iova, iova + bytes) lies in this process, if it is mapped and in one
  // piece here too. Requires: bytes > 0.
  std::optional<std::span<std::byte>> ToHost(uint64_t iova, size_t bytes) const;

 private:
  Result<void> Run(std::span<const VdpaMapping> gone,
                   std::span<const VdpaMapping> come);
  Result<void> Send(uint8_t kind, const VdpaMapping& mapping);
  void Undo(std::vector<VdpaMapping> before);
  Error CannotMap(int why, const VdpaMapping& mapping) const;

  const VdpaNode& node_;
  const uint32_t asid_;
  VdpaIotlbDialect dialect_;
  std::vector<VdpaMapping> mapped_;
  bool intact_ = true;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_OS_VDPA_IOTLB_H_
