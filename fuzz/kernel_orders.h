// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_KERNEL_ORDERS_H_
#define FUZZ_KERNEL_ORDERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "fuzz/kernel_answers.h"
#include "fuzz/told_kernel.h"
#include "fuzz/told_state.h"
#include "virtio_user/base/error.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/spec/feature.h"
#include "virtio_user/vhost/memory_table.h"

namespace fuzz {

// What each call of a kernel's back-end has to tell the kernel: a table of its
// own. Each method comes before its call, or before each of a batch; Judge
// holds what was told by then to it.
class KernelOrders {
 public:
  // Both of the same kernel; they outlive it. `pairs`: of vhost-net, 0: vDPA.
  KernelOrders(const KernelAnswers& answers, ToldKernel& told, uint32_t pairs)
      : answers_(answers), told_(told), pairs_(pairs) {}

  bool is_vdpa() const { return pairs_ == 0; }
  // Of a vDPA device: it was told so; it was, and has maybe not taken it.
  bool Runs() const;
  bool MayRun() const { return may_run_; }
  bool HasBase(uint32_t ring) const {
    return told_.state().Has({.what = Told::kBase, .of = ring});
  }

  void Attach();
  void SetOwner();
  void GetFeatures();
  void SetFeatures(virtio_user::FeatureSet features);
  void SetStatus(uint8_t status);
  void SetConfig(std::span<const std::byte> bytes);
  void SetMemTable(const virtio_user::MemoryTable& table);
  void SetGuestOffloads(virtio_user::FeatureSet offloads);
  void SetVringNum(uint32_t ring, uint16_t num);
  // As struct vhost_vring_state has it.
  void SetVringBase(uint32_t ring, uint32_t base);
  void SetVringAddr(uint32_t ring, const virtio_user::RingLayout& layout);
  void SetVringCall(uint32_t ring, int fd);
  void SetVringKick(uint32_t ring, int fd);
  void EnableVring(uint32_t ring);
  void DisableVring(uint32_t ring);
  // Of `rings`, from 0 on.
  void GetVringBases(uint32_t rings);
  void Detach();

  // How the call, or its batch, ended: by a success with all of it told, else
  // with nothing told beside it.
  void Judge(const virtio_user::Result<void>& done);
  // Nothing is told before the batch is committed.
  void JudgeQueued() const;
  // The files are not open any more.
  void Closed();

 private:
  struct Region {
    std::span<const std::byte> host;
    uint64_t published = 0;
    uint64_t iova = 0;
  };

  void Want(Told what, uint32_t of, const ToldValue& value) {
    wanted_.Set({.what = what, .of = of}, value);
  }
  void Reset();
  uint64_t AddrOf(const std::byte* at) const;
  void JudgeFailure() const;
  // What only the kernel's answers tell.
  void FinishAttach();
  void FinishFeatures();
  void FinishControl();
  void FinishStop();
  void JudgeControlRing(uint32_t ring, const ToldState::Entry& memory) const;
  bool IsControlSeparate() const;

  const KernelAnswers& answers_;
  ToldKernel& told_;
  const uint32_t pairs_;
  std::vector<Region> regions_;
  uint32_t control_ring_ = 2;
  uint32_t device_pairs_ = 1;  // As the vDPA device says.
  std::array<uint64_t, 2> iova_range_{};
  uint64_t offered_ = 0;
  uint64_t config_call_ = 0;
  bool starts_control_ = false;
  bool may_run_ = false;  // DRIVER_OK was said, and no reset since.
  void (KernelOrders::*finish_)() = nullptr;
  ToldState before_;
  ToldState wanted_;
};

}  // namespace fuzz

#endif  // FUZZ_KERNEL_ORDERS_H_
