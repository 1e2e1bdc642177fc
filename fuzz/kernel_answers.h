// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_KERNEL_ANSWERS_H_
#define FUZZ_KERNEL_ANSWERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/ring/ring_layout.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace fuzz {

// What a kernel said during a call of a back-end, of what decides what it has
// to be told.
struct KernelSaid {
  static constexpr size_t kMostGroups = 2;
  struct Group {
    uint32_t ring = 0;
    uint32_t group = 0;
  };
  std::optional<uint32_t> GroupOf(uint32_t ring) const;

  std::optional<uint64_t> features = {};
  // Of the vDPA device.
  uint64_t backend_features = 0;
  uint16_t pairs = 1;
  std::array<uint64_t, 2> iova_range = {0, UINT64_MAX};
  uint32_t spaces = 1;
  std::array<Group, kMostGroups> groups = {};
  size_t group_count = 0;
  // Of the tap.
  std::array<char, 16> tap_name = {};  // As queue 0 has it.
  bool tap_named = false;
  bool plain_tap_refused = false;  // One of a single queue.
};

// What a kernel answered during a call of a back-end, and what that call may
// say therefore. Each check reports what does not fit.
class KernelAnswers {
 public:
  void BeginCall();

  // An ioctl with an argument in memory, once it is done; anything else.
  // `told` is what was in that memory before.
  void Ioctl(unsigned long request, std::span<const std::byte> told,
             const void* argument, int answer);
  void Other(bool failed);

  const KernelSaid& said() const { return said_; }
  // Nothing failed that the call needs.
  bool AllIsWell() const { return !failure_ && !written_ && !unseen_; }

  // How the call ended: with a success if nothing failed that it needs.
  void Judge(const virtio_user::Result<void>& done) const;
  // What it returned, where it did; `pairs`: of vhost-net, 0: vDPA.
  void JudgeFeatures(virtio_user::FeatureSet offered, uint32_t pairs) const;
  void JudgeStatus(uint8_t status) const;
  void JudgeConfig(std::span<const std::byte> bytes) const;
  // False: they were not asked of the kernel.
  bool JudgeBases(std::span<const virtio_user::VringBaseQuery> queries,
                  virtio_user::RingFormat format) const;

 private:
  static constexpr size_t kMostBases = 8;
  static constexpr size_t kMostConfigBytes = 64;

  void Fails(unsigned long request, int why);
  void Answers(unsigned long request, std::span<const std::byte> argument);
  void Says(unsigned long request, std::span<const std::byte> told,
            std::span<const std::byte> argument);
  void WritesStatus(uint8_t status);
  void ReadsStatus(uint8_t status);

  struct Failure {
    unsigned long request = 0;
    int why = 0;
  };
  std::optional<Failure> failure_;  // The first that the call needs.
  std::optional<uint8_t> written_;  // A status that nobody has seen accepted.
  bool unseen_ = false;             // Another one was written then.
  std::optional<uint8_t> status_;
  KernelSaid said_;
  std::array<uint32_t, kMostBases> bases_;
  size_t base_count_ = 0;
  std::array<std::byte, kMostConfigBytes> config_;
  size_t config_bytes_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_KERNEL_ANSWERS_H_
