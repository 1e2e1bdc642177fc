// SPDX-License-Identifier: BSD-3-Clause

#ifndef VIRTIO_USER_DPDK_PMD_PORT_H_
#define VIRTIO_USER_DPDK_PMD_PORT_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "virtio_user/base/posix_fd_ops.h"
#include "virtio_user/device/device.h"
#include "virtio_user/dpdk/control_commands.h"
#include "virtio_user/dpdk/dpdk_memory.h"
#include "virtio_user/dpdk/mbuf_rx_queue.h"
#include "virtio_user/dpdk/mbuf_tx_queue.h"
#include "virtio_user/dpdk/pmd_args.h"
#include "virtio_user/os/membarrier_quiescer.h"
#include "virtio_user/vhost/shared_block.h"

namespace virtio_user {

// What is behind one port of DPDK: the device, the memory of its rings, its
// queues. Knows nothing of ethdev. Calls are serialised by the caller, as
// ethdev asks of an application; bursts run in threads of their own.
class PmdPort {
 public:
  // Connects; a server waits for its peer.
  static Result<std::unique_ptr<PmdPort>> Create(const PmdArgs& args);
  // Every mbuf goes back, then the peer is left.
  ~PmdPort();
  PmdPort(const PmdPort&) = delete;
  PmdPort& operator=(const PmdPort&) = delete;

  // Makes room for this many queues of each direction; the first time it also
  // chooses the features. Requires: stopped; queues from the new counts on were
  // removed. kInvalidArgument: more queues than the device has.
  Result<void> Configure(uint16_t rx_queues, uint16_t tx_queues);
  // Requires: Configure; stopped; the index is below the count; no queue of
  // that index is there. Returns the queue as its burst function takes it.
  Result<MbufRxQueue*> AddRx(uint16_t index, rte_mempool& pool, uint16_t port);
  Result<MbufTxQueue*> AddTx(uint16_t index);
  // Gives its mbufs back. Requires: stopped.
  void RemoveRx(uint16_t index);
  void RemoveTx(uint16_t index);

  // Requires: all queues were added. After the peer was lost this connects
  // anew. In each start all rings are fresh.
  Result<void> Start();
  // Every mbuf has gone back when this returns, unless a thread still polls.
  Result<void> Stop();

  Device& device() { return *device_; }
  // Null where CTRL_VQ was not accepted.
  ControlCommands* control() { return control_.get(); }
  uint16_t rx_count() const { return static_cast<uint16_t>(rx_.size()); }
  uint16_t tx_count() const { return static_cast<uint16_t>(tx_.size()); }
  // Null where the queue was not added.
  MbufRxQueue* rx(uint16_t index) { return rx_[index].get(); }
  MbufTxQueue* tx(uint16_t index) { return tx_[index].get(); }

 private:
  PmdPort() = default;

  Result<void> ConfigureRing(uint16_t vring);
  Result<void> CheckPoolIsShared(rte_mempool& pool);
  Result<void> PrepareRings();
  Result<void> SwitchPairsOn(uint16_t pairs);
  void ReclaimMbufs();
  uint16_t pairs() const;

  // In the order in which they depend on each other.
  PosixFdOps fds_;
  DpdkMemory memory_;
  std::unique_ptr<MembarrierQuiescer> quiescer_;
  // By vring; kept until the device is gone, which may still know of them.
  std::vector<SharedBlock> rings_;
  std::vector<SharedBlock> scratch_;  // By TX queue.
  std::unique_ptr<Device> device_;
  std::unique_ptr<ControlCommands> control_;
  std::vector<std::unique_ptr<MbufRxQueue>> rx_;
  std::vector<std::unique_ptr<MbufTxQueue>> tx_;
};

}  // namespace virtio_user

#endif  // VIRTIO_USER_DPDK_PMD_PORT_H_
