// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_SPOILED_KERNEL_H_
#define FUZZ_SPOILED_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "fuzz/kernel_answers.h"
#include "fuzz/reader.h"
#include "fuzz/told_kernel.h"
#include "virtio_user/os/kernel_calls.h"

namespace fuzz {

// A kernel whose answers a fuzzer's bytes change: most calls are the kernel's
// behind it, others fail, or are said to be done and are not, or answer
// something else. Never writes more than the real one does. Both outlive it.
class SpoiledKernel final : public virtio_user::KernelCalls {
 public:
  SpoiledKernel(virtio_user::KernelCalls& kernel, Reader& input)
      : kernel_(kernel), input_(input) {}

  // Since its BeginCall.
  KernelAnswers& answers() { return answers_; }
  // Since it was closed.
  ToldKernel& told() { return told_; }

  // What its user does next, as the input says; 0 once that has ended.
  uint8_t Choose() { return input_.Byte(); }

  virtio_user::FdOps& fds() override { return kernel_.fds(); }
  int Open(const std::string& path) override;
  int Ioctl(int fd, unsigned long request, void* argument) override;
  int IoctlNumber(int fd, unsigned long request, unsigned long number) override;
  int Read(int fd, std::span<std::byte> into) override;
  int Write(int fd, std::span<const std::byte> from) override;
  int Poll(int fd, virtio_user::KernelEvent event,
           virtio_user::Deadline deadline) override;
  void Sleep(virtio_user::Deadline deadline) override {
    kernel_.Sleep(deadline);
  }
  virtio_user::Deadline After(virtio_user::Duration budget) override {
    return kernel_.After(budget);
  }
  bool HasPassed(virtio_user::Deadline deadline) override {
    return kernel_.HasPassed(deadline);
  }
  std::string ReadText(const std::string& path) override;

 private:
  enum class Way : uint8_t {
    kAsItIs,
    kFails,
    kOnlySaysDone,
    kOtherBytes,  // Carried out; what it writes is another answer.
  };

  Way Draw();
  // -errno of any kind.
  int Errno();
  int AnswerTo(int fd, unsigned long request, void* argument);
  // What a call that is not carried out answers; nothing: carry it out.
  std::optional<int> InPlaceOf(Way way);
  void Overwrite(std::span<std::byte> answer);

  virtio_user::KernelCalls& kernel_;
  Reader& input_;
  KernelAnswers answers_;
  ToldKernel told_;
};

}  // namespace fuzz

#endif  // FUZZ_SPOILED_KERNEL_H_
