// SPDX-License-Identifier: BSD-3-Clause

#ifndef CLI_TAP_ECHO_H_
#define CLI_TAP_ECHO_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "virtio_user/base/error.h"
#include "virtio_user/base/file_descriptor.h"

namespace virtio_user::cli {

struct TapEchoOptions {
  std::string ifname;
  uint32_t max_frame_bytes = 1514;
  bool answers = true;  // False: frames are taken and nothing comes back.
  // False: somebody else has made the interface, and its settings are his.
  bool is_ours = true;
};

// The network behind a tap: a raw socket on the kernel's end of it that sends
// every frame back unchanged. It sees all of them, whomever they are for, and
// leaves those alone that this machine's kernel sends. Never waits. One thread.
class TapEcho {
 public:
  // Brings the interface up, with an MTU for the longest frame and a long
  // queue; one of ours, where that can be had, without IPv6 of its own. What
  // is not ours is as it was once this has gone, or could not be made. Takes
  // CAP_NET_ADMIN and CAP_NET_RAW. `fds` outlives it.
  static Result<std::unique_ptr<TapEcho>> Open(FdOps& fds,
                                               const TapEchoOptions& options);
  ~TapEcho();
  TapEcho(const TapEcho&) = delete;
  TapEcho& operator=(const TapEcho&) = delete;

  // Sends back what is there, a few bursts at most; how many frames came.
  size_t Step();

  // Frames that came, and those of them that could not be sent back.
  uint64_t seen_count() const { return seen_; }
  uint64_t lost_count() const { return lost_; }

 private:
  TapEcho(const TapEchoOptions& options, FileDescriptor socket)
      : options_(options), socket_(std::move(socket)), buffer_(kBufferBytes) {}

  // A VLAN tag that the kernel took out of the frame goes back in front.
  static constexpr size_t kTagBytes = 4;
  static constexpr size_t kBufferBytes = 65536 + kTagBytes;

  // An interface as it was.
  struct Found {
    unsigned index = 0;
    int mtu = 0;
    int queue_frames = 0;
    bool was_up = false;
  };

  Result<void> Prepare();
  Result<void> Configure(unsigned index);
  Result<void> Change(const Found& found) const;
  bool SwitchLink(bool up) const;
  void PutBack() const;
  // The next frame, empty if it is to be left alone; without data: none.
  std::span<const std::byte> Receive();
  bool Send(std::span<const std::byte> frame);

  const TapEchoOptions options_;
  FileDescriptor socket_;
  std::optional<Found> found_;  // What is to be put back.
  std::vector<std::byte> buffer_;
  std::span<const std::byte> pending_;  // In buffer_: to be sent again.
  uint64_t seen_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace virtio_user::cli

#endif  // CLI_TAP_ECHO_H_
