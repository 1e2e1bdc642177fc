// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/kernel_answers.h"

#include <linux/if_tun.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "fuzz/finding.h"
#include "fuzz/reader.h"
#include "virtio_user/os/vdpa_requests.h"
#include "virtio_user/spec/net.h"

namespace fuzz {

using namespace virtio_user;  // The requests.

namespace {

constexpr size_t kConfigHeadBytes = 8;

// Where what fails leaves the call as good as before.
bool IsTolerated(unsigned long request, int why) {
  // Older kernels do not know these; the back-end goes by what was true then.
  const bool is_new = request == kVhostGetBackendFeatures.number ||
                      request == kVdpaGetIovaRange.number ||
                      request == kVdpaGetConfigSize.number;
  return is_new && (why == ENOTTY || why == EOPNOTSUPP);
}

}  // namespace

void KernelAnswers::BeginCall() {
  failure_.reset();
  written_.reset();
  unseen_ = false;
  status_.reset();
  features_.reset();
  base_count_ = 0;
  config_bytes_ = 0;
}

void KernelAnswers::Ioctl(unsigned long request, const void* argument,
                          int answer) {
  if (answer < 0) return Fails(request, -answer);
  // An interface for one queue may be one for several, which is asked for then.
  if (request == TUNSETIFF && failure_ && failure_->request == TUNSETIFF &&
      failure_->why == EINVAL) {
    failure_.reset();
  }
  if (argument == nullptr) return;
  const auto* const bytes = static_cast<const std::byte*>(argument);
  size_t size = _IOC_SIZE(request);
  if (request == kVdpaGetConfig.number) {
    size += ValueAt<uint32_t>({bytes, size}, 4);
  }
  Answers(request, {bytes, size});
}

void KernelAnswers::Other(bool failed) {
  if (failed) Fails(0, 0);
}

void KernelAnswers::Fails(unsigned long request, int why) {
  if (failure_ || IsTolerated(request, why)) return;
  failure_ = {.request = request, .why = why};
}

void KernelAnswers::Answers(unsigned long request,
                            std::span<const std::byte> argument) {
  if (request == kVhostGetFeatures.number) {
    features_ = ValueAt<uint64_t>(argument, 0);
  } else if (request == kVdpaSetStatus.number) {
    WritesStatus(ValueAt<uint8_t>(argument, 0));
  } else if (request == kVdpaGetStatus.number) {
    ReadsStatus(ValueAt<uint8_t>(argument, 0));
  } else if (request == kVhostGetVringBase.number) {
    if (base_count_ == kMostBases) return;
    bases_[base_count_++] = ValueAt<uint32_t>(argument, 4);
  } else if (request == kVdpaGetConfig.number) {
    const auto config = argument.subspan(kConfigHeadBytes);
    config_bytes_ = std::min(config.size(), config_.size());
    std::memcpy(config_.data(), config.data(), config_bytes_);
  }
}

void KernelAnswers::WritesStatus(uint8_t status) {
  // A reset ends whatever was wrong before.
  if (written_ && status != kStatusReset) unseen_ = true;
  written_ = status;
}

// "The driver SHOULD consider a driver-initiated reset complete when it reads
// device status as 0"; else a device shows what it was told, and that it works.
void KernelAnswers::ReadsStatus(uint8_t status) {
  status_ = status;
  if (!written_) return;
  const bool accepted = *written_ == kStatusReset
                            ? status == kStatusReset
                            : (status & *written_) == *written_ &&
                                  (status & kStatusNeedsReset) == 0;
  if (accepted) written_.reset();
}

void KernelAnswers::Judge(const Result<void>& done) const {
  if (!done) return;
  if (failure_) {
    char text[80];
    std::snprintf(text, sizeof(text), "request 0x%lx failed, errno %d",
                  failure_->request, failure_->why);
    Expect(false, "failure", text);
  }
  Expect(!written_ && !unseen_, "status", "it was not read back as written");
}

// A tap adds what vhost is not asked for: CSUM, GUEST_CSUM, GUEST_TSO4,
// GUEST_TSO6, HOST_TSO4, HOST_TSO6, MQ.
void KernelAnswers::JudgeFeatures(FeatureSet offered) const {
  constexpr uint64_t kOfTaps =
      1 << 0 | 1 << 1 | 1 << 7 | 1 << 8 | 1 << 11 | 1 << 12 | 1 << 22;
  Expect(features_.has_value(), "features", "nobody was asked");
  Expect((offered.low() & ~(*features_ | kOfTaps)) == 0 && offered.high() == 0,
         "features", "more than the kernel's");
}

void KernelAnswers::JudgeStatus(uint8_t status) const {
  Expect(status_ == status, "status", "another one");
}

void KernelAnswers::JudgeConfig(std::span<const std::byte> bytes) const {
  Expect(std::ranges::equal(std::span(config_).first(config_bytes_), bytes),
         "config", "other bytes");
}

bool KernelAnswers::JudgeBases(std::span<const VringBaseQuery> queries) const {
  if (base_count_ == 0) return false;
  Expect(base_count_ == queries.size(), "bases", "as many answers");
  for (size_t i = 0; i < queries.size(); ++i) {
    Expect(queries[i].answered && queries[i].base.avail == bases_[i], "bases",
           "another index");
  }
  return true;
}

}  // namespace fuzz
