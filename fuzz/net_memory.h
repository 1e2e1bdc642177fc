// SPDX-License-Identifier: BSD-3-Clause
//
// What one ring of the data path stands on.

#ifndef FUZZ_NET_MEMORY_H_
#define FUZZ_NET_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <vector>

#include "fuzz/offer_rules.h"
#include "fuzz/unlaned_pool.h"
#include "tests/counting_fd_ops.h"
#include "virtio_user/net/packet.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/vhost/vring_state.h"

namespace fuzz {

// Ring, buffers and scratch, each an allocation of its own, so that
// AddressSanitizer stands around each; an input uses what another has used, and
// the pool's own memory too.
class NetMemory {
 public:
  static constexpr uint32_t kBuffers = 24;
  static constexpr uint32_t kBufferBytes = 128;

  NetMemory(virtio_user::RingFormat format, uint16_t num);

  // The one for this format and size, as good as new: split rings of 2 to 16,
  // packed ones of 2 to 17.
  static NetMemory& Wiped(virtio_user::RingFormat format, uint8_t size_choice);

  // Device addresses are no pointers, and behind the buffers there is nothing.
  SharedRing shared() const;
  virtio_user::VringState& vring() { return vring_; }
  UnlanedPool& pool() { return pool_; }
  std::vector<virtio_user::Packet>& held() { return held_; }
  virtio_user::CountingFdOps& fd_ops() { return fd_ops_; }

  // All that is in it, but for packets that are held.
  class Image {
   public:
    Image(const NetMemory& memory);
    void Restore(NetMemory& memory) const;

   private:
    std::vector<std::byte> bytes_;
    UnlanedPool pool_;
    virtio_user::RingPosition published_;
  };

 private:
  class Block {
   public:
    explicit Block(size_t bytes);
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;
    ~Block() { ::operator delete(memory_.data(), kAlign); }
    std::span<std::byte> bytes() const { return memory_; }

   private:
    static constexpr std::align_val_t kAlign{64};
    std::span<std::byte> memory_;
  };

  Block ring_;
  Block buffers_;
  Block scratch_;
  // Copied, a pool allocates nothing.
  const UnlanedPool fresh_pool_;
  UnlanedPool pool_;
  std::vector<virtio_user::Packet> held_;
  virtio_user::RingLayout layout_;
  virtio_user::CountingFdOps fd_ops_;
  virtio_user::VringState vring_;
};

}  // namespace fuzz

#endif  // FUZZ_NET_MEMORY_H_
