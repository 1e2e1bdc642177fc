// SPDX-License-Identifier: BSD-3-Clause
//
// A back-end on DPDK's lib/vhost that takes notes of what it has in flight, by
// lib/vhost's own functions, as a block device's would. What the driver sends
// is taken and given back, but for the oldest few chains, which it keeps.
//
//   noting_server SOCKET CHAINS-KEPT [EAL arguments]

#include <rte_eal.h>
#include <rte_vhost.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "virtio_user/ring/split_device_queue.h"

namespace {

constexpr uint16_t kTx = 1;
constexpr uint64_t kInflightShmfd = uint64_t{1}
                                    << VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD;

std::mutex mutex;
int device = -1;  // None.
std::optional<virtio_user::SplitDeviceQueue> queue;
std::deque<uint16_t> taken;  // The oldest first.

// lib/vhost has counted what is resubmitted as taken.
int Begin(int vid) {
  const std::scoped_lock lock(mutex);
  rte_vhost_vring ring{};
  rte_vhost_ring_inflight notes{};
  uint16_t next_avail = 0;
  uint16_t next_used = 0;
  if (rte_vhost_get_vhost_vring(vid, kTx, &ring) != 0 ||
      rte_vhost_get_vring_base(vid, kTx, &next_avail, &next_used) != 0 ||
      rte_vhost_get_vhost_ring_inflight(vid, kTx, &notes) != 0) {
    std::puts("no ring");
    return -1;
  }
  const auto at = [](void* area) { return static_cast<std::byte*>(area); };
  const virtio_user::RingLayout layout{
      .format = virtio_user::RingFormat::kSplit,
      .num = ring.size,
      .desc = at(ring.desc),
      .driver = at(ring.avail),
      .device = at(ring.used)};
  queue.emplace(layout, next_avail, next_used);
  taken.clear();
  // The latest one comes first in the list.
  const rte_vhost_resubmit_info* const again = notes.resubmit_inflight;
  for (int i = again == nullptr ? 0 : again->resubmit_num; i > 0; --i) {
    taken.push_back(again->resubmit_list[i - 1].index);
  }
  std::printf("ready, %zu resubmitted\n", taken.size());
  device = vid;
  return 0;
}

// lib/vhost, which tells the front-end how far the ring has come, knows it from
// here alone.
void End(int vid) {
  const std::scoped_lock lock(mutex);
  if (device < 0) return;
  device = -1;
  rte_vhost_set_vring_base(vid, kTx, queue->next_avail(), queue->next_used());
}

const rte_vhost_device_ops& Ops() {
  static const rte_vhost_device_ops ops = [] {
    rte_vhost_device_ops made{};
    made.new_device = Begin;
    made.destroy_device = End;
    return made;
  }();
  return ops;
}

void GiveBack(uint16_t head) {
  rte_vhost_set_last_inflight_io_split(device, kTx, head);
  queue->Push(head, 0);
  rte_vhost_clr_inflight_desc_split(device, kTx, queue->next_used(), head);
  rte_vhost_vring_call(device, kTx);
}

void Serve(size_t kept) {
  const std::scoped_lock lock(mutex);
  if (device < 0) return;
  for (auto head = queue->PopHead(); head && *head; head = queue->PopHead()) {
    rte_vhost_set_inflight_desc_split(device, kTx, **head);
    taken.push_back(**head);
  }
  while (taken.size() > kept) {
    GiveBack(taken.back());
    taken.pop_back();
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const char* const socket = argv[1];
  const auto kept = static_cast<size_t>(std::atoi(argv[2]));
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  std::vector<char*> eal = {argv[0]};
  eal.insert(eal.end(), argv + 3, argv + argc);
  if (rte_eal_init(static_cast<int>(eal.size()), eal.data()) < 0) return 1;
  uint64_t protocol = 0;
  if (rte_vhost_driver_register(socket, 0) != 0 ||
      rte_vhost_driver_get_protocol_features(socket, &protocol) != 0 ||
      rte_vhost_driver_set_protocol_features(socket,
                                             protocol | kInflightShmfd) != 0 ||
      rte_vhost_driver_callback_register(socket, &Ops()) != 0 ||
      rte_vhost_driver_start(socket) != 0) {
    return 1;
  }
  std::puts("listening");
  for (;;) {
    Serve(kept);
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
}
