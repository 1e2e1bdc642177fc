// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_KERNEL_ANSWERS_H_
#define FUZZ_KERNEL_ANSWERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/error.h"
#include "virtio_user/vhost/vhost_backend.h"

namespace fuzz {

// What a kernel answered during a call of a back-end, and what that call may
// say therefore. Each check reports what does not fit.
class KernelAnswers {
 public:
  void BeginCall();

  // An ioctl with an argument in memory, once it is done; anything else.
  void Ioctl(unsigned long request, const void* argument, int answer);
  void Other(bool failed);

  // How the call ended: with a success if nothing failed that it needs.
  void Judge(const virtio_user::Result<void>& done) const;
  // What it returned, where it did.
  void JudgeFeatures(virtio_user::FeatureSet offered) const;
  void JudgeStatus(uint8_t status) const;
  void JudgeConfig(std::span<const std::byte> bytes) const;
  // Of split rings. False: they were not asked of the kernel.
  bool JudgeBases(std::span<const virtio_user::VringBaseQuery> queries) const;

 private:
  static constexpr size_t kMostBases = 4;
  static constexpr size_t kMostConfigBytes = 64;

  void Fails(unsigned long request, int why);
  void Answers(unsigned long request, std::span<const std::byte> argument);
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
  std::optional<uint64_t> features_;
  std::array<uint32_t, kMostBases> bases_;
  size_t base_count_ = 0;
  std::array<std::byte, kMostConfigBytes> config_;
  size_t config_bytes_ = 0;
};

}  // namespace fuzz

#endif  // FUZZ_KERNEL_ANSWERS_H_
