// SPDX-License-Identifier: BSD-3-Clause
//
// The tun driver of the simulated kernel (Linux: drivers/net/tun.c).

#ifndef BACKEND_SIM_TAP_FILE_H_
#define BACKEND_SIM_TAP_FILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backend_sim/kernel_file.h"
#include "backend_sim/kernel_server.h"

namespace backend_sim {

class TapFile;

// A network interface with a descriptor as its other end.
struct TapInterface {
  unsigned flags = 0;       // IFF_TAP or IFF_TUN, and how it was opened.
  bool persistent = false;  // Stays when its last queue is closed.
  int header_bytes = 10;
  unsigned offloads = 0;  // TUN_F_*.
  int send_buffer = 0;    // 0: as it was made.
  std::array<uint8_t, 6> mac{};
  // Those that frames are spread over, in the order of attaching, and those
  // that were taken off for a while.
  std::vector<TapFile*> queues = {};
  std::vector<TapFile*> disabled = {};
};

// /dev/net/tun. Outlives the files that it opens.
class TapDriver {
 public:
  static constexpr size_t kMaxQueues = 256;

  OpenedFile Open();
  // The file behind a descriptor; null if it is none of this driver's.
  std::shared_ptr<TapFile> Find(const std::shared_ptr<SimFile>& file) const;

  // What the tests of a program set up and look at.
  TapInterface& AddInterface(const std::string& name, unsigned flags);
  const TapInterface* Interface(const std::string& name) const;
  // As `ip link del` does: open files of it are as before TUNSETIFF.
  void RemoveInterface(const std::string& name);
  // What /sys/class/net has of a queue that frames are spread over.
  std::string ReadText(const std::string& path) const;
  size_t interface_count() const { return interfaces_.size(); }
  // Whether this process has CAP_NET_ADMIN.
  void SetAdmin(bool admin) { admin_ = admin; }

 private:
  friend class TapFile;

  std::optional<std::string> Expand(const std::string& pattern) const;

  std::map<std::string, TapInterface> interfaces_;
  std::vector<std::weak_ptr<TapFile>> files_;  // As they were opened.
  bool admin_ = true;
};

// One queue of an interface, once TUNSETIFF has said of which. Frames come and
// go through vhost-net alone.
class TapFile final : public KernelFile {
 public:
  explicit TapFile(TapDriver& driver) : driver_(driver) {}
  ~TapFile() override;

  int Ioctl(unsigned long request, void* argument) override;
  int IoctlNumber(unsigned long request, unsigned long number) override;
  int Read(std::span<std::byte> into) override;
  int Write(std::span<const std::byte> from) override;
  // tun_chr_poll: a file of no interface has failed.
  bool IsReady(virtio_user::KernelEvent event) override;

  // Null before TUNSETIFF.
  const TapInterface* interface() const;

 private:
  friend class TapDriver;

  int SetInterface(void* argument);
  int Attach(const std::string& name, unsigned flags);
  int SetQueue(const void* argument);
  int SetMac(const void* argument);
  TapInterface& mine() { return driver_.interfaces_.at(name_); }

  TapDriver& driver_;
  std::string name_;  // Empty before TUNSETIFF.
};

}  // namespace backend_sim

#endif  // BACKEND_SIM_TAP_FILE_H_
