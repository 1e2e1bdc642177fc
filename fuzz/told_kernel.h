// SPDX-License-Identifier: BSD-3-Clause

#ifndef FUZZ_TOLD_KERNEL_H_
#define FUZZ_TOLD_KERNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "fuzz/told_state.h"

namespace fuzz {

// What a kernel was told and has taken, from the opening of its files on. What
// comes before something that it needs is reported as a finding, by the rules
// of Linux's drivers (drivers/vhost/net.c, vdpa.c, vhost.c, drivers/net/tun.c).
class ToldKernel {
 public:
  void Opened(std::string_view path, int fd);
  // An ioctl with an argument in memory, as it was before the kernel wrote
  // into it; with a number, or without any.
  void Ioctl(int fd, unsigned long request,
             std::span<const std::byte> argument);
  void IoctlNumber(int fd, unsigned long request, unsigned long number);
  void Wrote(int fd, std::span<const std::byte> message);
  // All of its files.
  void Closed();

  const ToldState& state() const { return state_; }
  // Of queue `queue` of the tap; -1: there is none.
  int TapFd(uint32_t queue) const;

 private:
  enum class Kind : uint8_t { kVhostNet, kTap, kVdpa };
  struct File {
    int fd = -1;
    Kind kind = Kind::kVhostNet;
    uint32_t number = 0;  // Among those of its kind.
  };
  // An ioctl's, after the descriptor.
  struct Call {
    unsigned long request = 0;
    std::span<const std::byte> argument;
  };

  const File* FileOf(int fd) const;
  bool Has(Told what, uint32_t of) const {
    return state_.Has({.what = what, .of = of});
  }
  uint64_t Number(Told what, uint32_t of = 0) const {
    return state_.Number({.what = what, .of = of});
  }
  void Set(Told what, uint32_t of, const ToldValue& value) {
    state_.Set({.what = what, .of = of}, value);
  }

  void OfVhostNet(const File& file, const Call& call);
  void OfTap(const File& file, const Call& call);
  void OfVdpa(const Call& call);
  // Requests that both have; false: it is none of them.
  bool OfVhost(const File& file, const Call& call);
  // `first`: its ring 0, among those of all files.
  bool OfRing(uint32_t first, const Call& call);
  void SetTable(uint32_t pair, std::span<const std::byte> argument);
  void SetBackend(uint32_t pair, std::span<const std::byte> argument);
  void SetStatus(uint8_t status);
  void MayRun() const;
  void RingMayRun(uint32_t ring) const;
  void Map(std::span<const std::byte> message);
  void Unmap(const ToldKey& key, uint64_t size);

  std::vector<File> files_;
  ToldState state_;
};

}  // namespace fuzz

#endif  // FUZZ_TOLD_KERNEL_H_
