// SPDX-License-Identifier: BSD-3-Clause
//
// net_vuser: how DPDK finds this driver, and how a port comes and goes.

#include <ethdev_driver.h>
#include <ethdev_vdev.h>
#include <rte_ether.h>
#include <rte_log.h>
#include <rte_malloc.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "virtio_user/base/log.h"
#include "virtio_user/dpdk/pmd_args.h"
#include "virtio_user/dpdk/pmd_ops.h"

RTE_LOG_REGISTER(vuser_logtype, pmd.net.vuser, NOTICE);

namespace virtio_user {
namespace {

void ToDpdkLog(LogLevel level, std::string_view text) {
  constexpr std::pair<LogLevel, uint32_t> kLevels[] = {
      {LogLevel::kInfo, RTE_LOG_INFO},
      {LogLevel::kWarning, RTE_LOG_WARNING},
      {LogLevel::kError, RTE_LOG_ERR},
  };
  for (const auto& [ours, theirs] : kLevels) {
    if (ours != level) continue;
    rte_log(theirs, static_cast<uint32_t>(vuser_logtype), "net_vuser: %.*s\n",
            static_cast<int>(text.size()), text.data());
  }
}

// ethdev frees it with the port.
rte_ether_addr* MacFor(const Device& device) {
  auto* const mac = static_cast<rte_ether_addr*>(
      rte_zmalloc("net_vuser", sizeof(rte_ether_addr), 0));
  if (mac == nullptr) return nullptr;
  if (const auto own = device.mac()) {
    std::ranges::copy(own->bytes, mac->addr_bytes);
  } else {
    rte_eth_random_addr(mac->addr_bytes);
  }
  return mac;
}

int AddPort(rte_vdev_device* vdev, std::unique_ptr<PmdPort> port) {
  rte_eth_dev* const dev = rte_eth_vdev_allocate(vdev, sizeof(PmdPrivate));
  if (dev == nullptr) return -ENOMEM;
  dev->data->mac_addrs = MacFor(port->device());
  if (dev->data->mac_addrs == nullptr) {
    rte_eth_dev_release_port(dev);
    return -ENOMEM;
  }
  auto& own = *static_cast<PmdPrivate*>(dev->data->dev_private);
  own.port = port.release();
  own.stats_base = std::make_unique<PmdStatsBase>().release();
  dev->dev_ops = &kPmdOps;
  dev->data->dev_flags |= RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
  rte_eth_dev_probing_finish(dev);
  return 0;
}

int Fails(const char* name, const Error& error) {
  Log(LogLevel::kError, "%s: %s", name, error.text().data());
  return ErrnoOf(error);
}

// The peer did not behave as a vhost-user back-end does. Says which it was.
bool IsPeersFault(const Error& error) {
  return error.sys_errno() == 0 && (error.code() == ErrorCode::kProtocol ||
                                    error.code() == ErrorCode::kDeadline ||
                                    error.code() == ErrorCode::kDisconnected);
}

int FailsToConnect(const char* name, const PmdArgs& args, const Error& error) {
  if (!IsPeersFault(error)) return Fails(name, error);
  const auto seconds =
      std::chrono::ceil<std::chrono::seconds>(args.device.call_budget);
  Log(LogLevel::kError,
      "%s: path=%s, timeout=%d: %s; is that a vhost-user back-end, and has it "
      "no other front-end?",
      name, args.backend.path.c_str(), static_cast<int>(seconds.count()),
      error.text().data());
  return ErrnoOf(error);
}

int Probe(rte_vdev_device* vdev) {
  SetLogSink(&ToDpdkLog);
  const char* const name = rte_vdev_device_name(vdev);
  if (rte_eal_process_type() != RTE_PROC_PRIMARY) {
    return Fails(name, Error::Make(ErrorCode::kUnsupported,
                                   "only a primary process can use it"));
  }
  const auto args = ParsePmdArgs(rte_vdev_device_args(vdev));
  if (!args) return Fails(name, args.error());
  auto port = PmdPort::Create(*args);
  if (!port) return FailsToConnect(name, *args, port.error());
  return AddPort(vdev, *std::move(port));
}

int Remove(rte_vdev_device* vdev) {
  rte_eth_dev* const dev = rte_eth_dev_allocated(rte_vdev_device_name(vdev));
  // Closed already: nothing is left.
  if (dev == nullptr) return 0;
  return rte_eth_dev_close(dev->data->port_id);
}

constexpr rte_vdev_driver MakeDriver() {
  rte_vdev_driver driver = {};
  driver.probe = &Probe;
  driver.remove = &Remove;
  return driver;
}

// Constant, as constructors that register it run before others.
constinit rte_vdev_driver driver = MakeDriver();

RTE_PMD_REGISTER_VDEV(net_vuser, driver);
RTE_PMD_REGISTER_PARAM_STRING(net_vuser, VIRTIO_USER_PMD_KEYS);

}  // namespace
}  // namespace virtio_user
