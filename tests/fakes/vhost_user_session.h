// SPDX-License-Identifier: BSD-3-Clause

#ifndef TESTS_FAKES_VHOST_USER_SESSION_H_
#define TESTS_FAKES_VHOST_USER_SESSION_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "virtio_user/base/check.h"
#include "virtio_user/vhost_user/vhost_user_backend.h"

namespace virtio_user {

// Two regions, of descriptors 31 and 32, which nothing opens.
class TwoRegions {
 public:
  TwoRegions() {
    Must(table_.Add({.host = std::span(memory_).first(0x1000),
                     .published = 0x10000,
                     .iova = 0x10000,
                     .fd = 31,
                     .offset = 0}));
    Must(table_.Add({.host = std::span(memory_).last(0x1000),
                     .published = 0x20000,
                     .iova = 0x20000,
                     .fd = 32,
                     .offset = 0x1000}));
  }
  TwoRegions(const TwoRegions&) = delete;
  TwoRegions& operator=(const TwoRegions&) = delete;

  const MemoryTable& table() const { return table_; }

 private:
  static void Must(const Result<void>& result) { VU_CHECK(result); }

  std::array<std::byte, 0x2000> memory_{};
  MemoryTable table_;
};

// What a front-end of one pair says, step by step; each ends with its first
// failure. `backend` and `table` outlive it.
class VhostUserSession {
 public:
  VhostUserSession(VhostUserBackend& to, const MemoryTable& table)
      : backend(to), table_(table) {}

  Result<void> Attach() {
    backend.BeginCall(std::chrono::seconds(2));
    return backend.link().Attach();
  }
  // Attach, SET_OWNER and everything that GetFeatures settles.
  Result<void> Open() {
    if (auto done = Attach(); !done) return done;
    if (auto done = backend.SetOwner(); !done) return done;
    const auto offered = backend.GetFeatures();
    return offered ? Result<void>() : Fail(offered);
  }
  // From the first message to the last.
  Result<void> Run() {
    if (auto done = Open(); !done) return done;
    if (auto done = Negotiate(); !done) return done;
    if (auto done = ReadAndWriteConfig(); !done) return done;
    if (auto done = SetUpRings(); !done) return done;
    return Stop();
  }

  // Of the first batch that failed.
  const std::optional<CommitError>& commit_error() const {
    return commit_error_;
  }
  std::array<VringBaseQuery, 2> bases = {VringBaseQuery{0, {}, false},
                                         VringBaseQuery{1, {}, false}};
  VhostUserBackend& backend;

 private:
  Result<void> Commit(Batch& batch) {
    const auto done = batch.Commit();
    if (done) return {};
    if (!commit_error_) commit_error_ = done.error();
    return std::unexpected(done.error().error);
  }

  Result<void> Negotiate() {
    Batch batch(backend);
    // 0 is a descriptor like any other.
    if (auto done = backend.SetVringCall(0, 0); !done) return done;
    if (auto done = backend.SetVringCall(1, 21); !done) return done;
    auto set = backend.SetFeatures({Feature::kVersion1});
    if (!set) return set;
    if (backend.caps().status) {
      if (auto done = backend.SetStatus(0x0b); !done) return done;
    }
    if (auto done = Commit(batch); !done) return done;
    if (!backend.caps().status) return {};
    const auto status = backend.GetStatus();
    return status ? Result<void>() : Fail(status);
  }

  Result<void> ReadAndWriteConfig() {
    if (!backend.caps().config) return {};
    std::array<std::byte, 10> config;
    if (auto got = backend.GetConfig(2, config); !got) return got;
    return backend.SetConfig(2, config);
  }

  Result<void> SetUpRings() {
    Batch batch(backend);
    if (auto done = backend.SetMemTable(table_); !done) return done;
    for (const uint16_t i : {uint16_t{0}, uint16_t{1}}) {
      const VringAddresses at = {
          .desc = {0x10000}, .avail = {0x10100}, .used = {0x10200}};
      if (auto done = backend.SetVringNum(i, 8); !done) return done;
      if (auto done = backend.SetVringBase(i, {}); !done) return done;
      if (auto done = backend.SetVringAddr(i, at); !done) return done;
      if (auto done = backend.SetVringKick(i, 25 + i); !done) return done;
    }
    if (auto done = Enable(VringEnable::kEnabled); !done) return done;
    if (auto done = Commit(batch); !done) return done;
    return backend.caps().status ? backend.SetStatus(0x0f) : Result<void>();
  }

  Result<void> Enable(VringEnable enable) {
    if (!backend.caps().ring_enable) return {};
    if (auto done = backend.SetVringEnable(0, enable); !done) return done;
    return backend.SetVringEnable(1, enable);
  }

  Result<void> Stop() {
    {
      Batch batch(backend);
      if (auto done = Enable(VringEnable::kDisabled); !done) return done;
      if (auto done = Commit(batch); !done) return done;
    }
    if (auto done = backend.GetVringBases(bases); !done) return done;
    return backend.caps().status ? backend.SetStatus(0) : Result<void>();
  }

  const MemoryTable& table_;
  std::optional<CommitError> commit_error_;
};

}  // namespace virtio_user

#endif  // TESTS_FAKES_VHOST_USER_SESSION_H_
