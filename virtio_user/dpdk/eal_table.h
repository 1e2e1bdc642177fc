// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_EAL_TABLE_H_
#define VIRTIO_USER_DPDK_EAL_TABLE_H_

#include <span>

#include "virtio_user/vhost/memory_table.h"

namespace virtio_user {

// All memory that EAL has allocated now and that has a file descriptor: one
// region for what is mapped in one piece of one file. External memory, which
// somebody else registered, is left out. Requires: EAL's memory hot-plug lock
// is held (rte_mcfg_mem_read_lock, or inside an EAL memory callback).
MemoryTable ReadEalTable();

// Whether `range` is memory that somebody else registered with EAL. The same
// lock.
bool IsExternalMemory(std::span<const std::byte> range);

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_EAL_TABLE_H_
