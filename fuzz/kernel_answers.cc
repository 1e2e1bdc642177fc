// SPDX-License-Identifier: BSD-3-Clause

#include "fuzz/kernel_answers.h"

#include <linux/if.h>
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
  said_ = {};
  base_count_ = 0;
  config_bytes_ = 0;
}

void KernelAnswers::Ioctl(unsigned long request,
                          std::span<const std::byte> told, const void* argument,
                          int answer) {
  if (answer == -EINVAL && request == TUNSETIFF) said_.plain_tap_refused = true;
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
  // A size in a request's number that is not that of its argument.
  if (request == TUNSETIFF) size = sizeof(ifreq);
  Says(request, told, {bytes, size});
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
  if (request == kVdpaSetStatus.number) {
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

void KernelAnswers::Says(unsigned long request, std::span<const std::byte> told,
                         std::span<const std::byte> argument) {
  // Where max_virtqueue_pairs is in struct virtio_net_config.
  constexpr uint32_t kPairsOffset = 8;
  if (request == kVhostGetFeatures.number) {
    said_.features = ValueAt<uint64_t>(argument, 0);
  } else if (request == kVhostGetBackendFeatures.number) {
    said_.backend_features = ValueAt<uint64_t>(argument, 0);
  } else if (request == kVdpaGetIovaRange.number) {
    said_.iova_range = ValueAt<std::array<uint64_t, 2>>(argument, 0);
  } else if (request == kVdpaGetAsNum.number) {
    said_.spaces = ValueAt<uint32_t>(argument, 0);
  } else if (request == kVdpaGetVringGroup.number) {
    if (said_.group_count == KernelSaid::kMostGroups) return;
    said_.groups[said_.group_count++] = {
        .ring = ValueAt<uint32_t>(told, 0),
        .group = ValueAt<uint32_t>(argument, 4)};
  } else if (request == kVdpaGetConfig.number &&
             ValueAt<uint32_t>(argument, 0) == kPairsOffset) {
    said_.pairs = ValueAt<uint16_t>(argument, kConfigHeadBytes);
  } else if (request == TUNSETIFF && !said_.tap_named) {
    said_.tap_named = true;
    std::memcpy(said_.tap_name.data(), argument.data(), said_.tap_name.size());
    // What is behind its end is not part of it.
    const auto end = std::ranges::find(said_.tap_name, 0);
    std::fill(end, said_.tap_name.end(), 0);
  }
}

std::optional<uint32_t> KernelSaid::GroupOf(uint32_t ring) const {
  for (size_t i = 0; i < group_count; ++i) {
    if (groups[i].ring == ring) return groups[i].group;
  }
  return std::nullopt;
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

// Without LOG_ALL and ACCESS_PLATFORM, which are between us and the kernel, as
// is vhost-net's VHOST_NET_F_VIRTIO_NET_HDR. A tap adds what vhost is not asked
// for: CSUM, GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, HOST_TSO4, HOST_TSO6, and for
// several pairs MQ.
void KernelAnswers::JudgeFeatures(FeatureSet offered, uint32_t pairs) const {
  constexpr auto kBit = [](unsigned bit) { return uint64_t{1} << bit; };
  constexpr uint64_t kOfTaps =
      kBit(0) | kBit(1) | kBit(7) | kBit(8) | kBit(11) | kBit(12);
  uint64_t ours = kBit(26) | kBit(33);
  uint64_t added = 0;
  if (pairs != 0) {
    ours |= kBit(27);
    added = kOfTaps | (pairs > 1 ? kBit(22) : 0);
  }
  Expect(said_.features.has_value(), "features", "nobody was asked");
  Expect(offered.low() == ((*said_.features & ~ours) | added) &&
             offered.high() == 0,
         "features", "others than the kernel's");
}

void KernelAnswers::JudgeStatus(uint8_t status) const {
  Expect(status_ == status, "status", "another one");
}

void KernelAnswers::JudgeConfig(std::span<const std::byte> bytes) const {
  Expect(std::ranges::equal(std::span(config_).first(config_bytes_), bytes),
         "config", "other bytes");
}

// struct vhost_vring_state: of a packed ring two times 15 bits and a wrap
// counter, of what is available and what is used.
bool KernelAnswers::JudgeBases(std::span<const VringBaseQuery> queries,
                               RingFormat format) const {
  if (base_count_ == 0) return false;
  Expect(base_count_ == queries.size(), "bases", "as many answers");
  for (size_t i = 0; i < queries.size(); ++i) {
    const VringBase& base = queries[i].base;
    const bool packed = format == RingFormat::kPacked;
    const uint32_t said = bases_[i];
    const bool same = packed ? base.avail == (said & 0x7fff) &&
                                   base.avail_wrap == ((said >> 15 & 1) != 0) &&
                                   base.used == (said >> 16 & 0x7fff) &&
                                   base.used_wrap == ((said >> 31 & 1) != 0)
                             : base.avail == said;
    Expect(queries[i].answered && same, "bases", "another index");
  }
  return true;
}

}  // namespace fuzz
