// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/pmd_testpmd.h"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

namespace interop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr std::string_view kPrompt = "testpmd> ";
// Both of one port's outputs end with this line.
constexpr std::string_view kStatsEnd = "Tx-bps:";

// The n-th core that this process may use, or the last one.
int Core(int n) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof(allowed), &allowed);
  int found = 0;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed)) continue;
    found = core;
    if (n-- == 0) break;
  }
  return found;
}

std::vector<std::string> Arguments(const PmdTestpmdOptions& options) {
  const std::string core = std::to_string(Core(options.driver.empty() ? 0 : 1));
  const std::string queues = std::to_string(options.queues);
  std::vector<std::string> arguments = {
      // Else what it says reaches a file late.
      FindProgram("stdbuf"), "-oL", FindProgram("dpdk-testpmd"), "--lcores",
      "0@" + core + ",1@" + core, "--no-pci", "--no-telemetry", "--file-prefix",
      "vu" + std::to_string(::getpid()) + options.name,
      // Neither hugepages nor root.
      "--no-huge", "--no-shconf", "-m", "256", "--vdev", options.device};
  if (!options.driver.empty()) {
    arguments.insert(arguments.end(),
                     {"-d", options.driver, "--log-level=pmd.net.vuser:info"});
  }
  arguments.insert(
      arguments.end(),
      {"--", "-i", "--no-mlockall", "--forward-mode=io", "--rxq=" + queues,
       "--txq=" + queues, "--total-num-mbufs=16384"});
  if (options.auto_start) arguments.push_back("--auto-start");
  return arguments;
}

// The number behind the last "NAME:" in `text`.
std::optional<uint64_t> LastNumber(std::string_view text,
                                   const std::string& name) {
  const size_t at = text.rfind(name + ":");
  if (at == std::string_view::npos) return std::nullopt;
  return std::strtoull(text.data() + at + name.size() + 1, nullptr, 10);
}

}  // namespace

std::unique_ptr<PmdTestpmd> PmdTestpmd::Start(const PmdTestpmdOptions& options,
                                              seconds patience,
                                              std::string& log) {
  ::setenv("RUNTIME_DIRECTORY", options.folder.c_str(), 1);
  const std::string log_path = options.folder + "/" + options.name + ".log";
  auto child = ChildProcess::Start(
      {.arguments = Arguments(options), .output_path = log_path});
  if (child == nullptr) return nullptr;
  std::unique_ptr<PmdTestpmd> made(new PmdTestpmd(std::move(child), log_path));
  const auto deadline = steady_clock::now() + patience;
  while (steady_clock::now() < deadline) {
    if (made->Log().find(kPrompt) != std::string::npos) return made;
    if (made->child_->Wait(milliseconds(50))) break;
  }
  log = made->Log();
  return nullptr;
}

std::optional<PortCounters> PmdTestpmd::Counters() {
  const size_t before = Log().size();
  Type("show port stats 0");
  for (int i = 0; i < 200; ++i) {
    std::this_thread::sleep_for(milliseconds(20));
    const std::string said = Log().substr(before);
    if (said.find(kStatsEnd) == std::string::npos) continue;
    const auto rx = LastNumber(said, "RX-packets");
    const auto tx = LastNumber(said, "TX-packets");
    const auto rx_errors = LastNumber(said, "RX-errors");
    const auto tx_errors = LastNumber(said, "TX-errors");
    if (!rx || !tx || !rx_errors || !tx_errors) continue;
    return PortCounters{*rx, *tx, *rx_errors, *tx_errors};
  }
  return std::nullopt;
}

PortCounters PmdTestpmd::WaitForPackets(uint64_t packets, seconds patience) {
  const auto deadline = steady_clock::now() + patience;
  PortCounters last;
  while (steady_clock::now() < deadline && last.rx_packets < packets) {
    std::this_thread::sleep_for(milliseconds(200));
    last = Counters().value_or(last);
  }
  return last;
}

bool PmdTestpmd::WaitForText(std::string_view text, seconds patience) const {
  const auto deadline = steady_clock::now() + patience;
  while (Log().find(text) == std::string::npos) {
    if (steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(50));
  }
  return true;
}

std::optional<int> PmdTestpmd::Quit(seconds patience) {
  Type("quit");
  return child_->Wait(patience);
}

}  // namespace interop
