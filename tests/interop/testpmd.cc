// SPDX-License-Identifier: BSD-3-Clause

#include "tests/interop/testpmd.h"

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "tests/support/hugepages.h"

namespace interop {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view kPrompt = "testpmd> ";
constexpr int kMegabytes = 256;

// The first core that this process may use. Testpmd's two threads share it, so
// that the front-end has the others.
int FirstCore() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof(allowed), &allowed);
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &allowed)) return core;
  }
  return 0;
}

std::vector<std::string> Arguments(const TestpmdOptions& options) {
  const std::string core = std::to_string(FirstCore());
  const std::string pairs = std::to_string(options.queues);
  const std::string served = std::to_string(
      options.served_queues > 0 ? options.served_queues : options.queues);
  std::string port = "net_vhost0,iface=" + options.socket + ",queues=" + pairs;
  if (options.role == TestpmdRole::kConnects) port += ",client=1";
  std::vector<std::string> arguments = {
      FindProgram("dpdk-testpmd"), "--lcores", "0@" + core + ",1@" + core,
      "--no-pci", "--no-telemetry",
      // Two at a time must not meet, whoever runs them.
      "--file-prefix", "vu" + std::to_string(::getpid()), "-m",
      std::to_string(kMegabytes), "--vdev", port};
  if (options.memory == TestpmdMemory::kHugepages) {
    arguments.push_back("--in-memory");
  } else {
    arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});
  }
  arguments.insert(
      arguments.end(),
      {"--", "-i", "--auto-start", "--no-mlockall", "--forward-mode=io",
       "--rxq=" + served, "--txq=" + served, "--total-num-mbufs=8192"});
  return arguments;
}

std::vector<Excused> ExcusedFor(TestpmdRole role) {
  std::vector<Excused> excused = {
      {"-FAILED: 0",
       "lib/vhost prints every bit of the device status, and "
       "this one is clear"}};
  if (role == TestpmdRole::kConnects) {
    excused.push_back({"failed to connect: No such file or directory",
                       "it tries once a second, and the front-end's socket "
                       "exists only while the front-end runs"});
    excused.push_back({"failed to connect: Connection refused",
                       "between the front-end's bind and its listen"});
  }
  return excused;
}

}  // namespace

std::optional<std::string> Testpmd::WhyNot(TestpmdMemory memory) {
  if (FindProgram("dpdk-testpmd").empty()) {
    return "dpdk-testpmd is not installed (Debian: dpdk-dev)";
  }
  if (memory == TestpmdMemory::kHugepages) {
    return testing_support::WhyNoHugepages(kMegabytes);
  }
  return std::nullopt;
}

std::unique_ptr<Testpmd> Testpmd::Start(const TestpmdOptions& options,
                                        std::chrono::seconds patience,
                                        std::string& log) {
  // EAL makes its runtime folder there and not in the system's.
  ::setenv("RUNTIME_DIRECTORY", options.folder.c_str(), 1);
  const std::string log_path = options.folder + "/testpmd.log";
  // The prompt in an earlier one's log is none of this one's.
  ::unlink(log_path.c_str());
  auto child = ChildProcess::Start(
      {.arguments = Arguments(options), .output_path = log_path});
  if (child == nullptr) return nullptr;
  std::unique_ptr<Testpmd> made(
      new Testpmd(std::move(child), log_path, options.role));
  const auto deadline = steady_clock::now() + patience;
  while (steady_clock::now() < deadline) {
    log = made->Log();
    if (log.find(kPrompt) != std::string::npos) return made;
    if (made->child_->Wait(milliseconds(50))) break;
  }
  log = made->Log();
  return nullptr;
}

std::vector<std::string> Testpmd::Trouble() const {
  return TroubleIn(Log(), ExcusedFor(role_));
}

size_t Testpmd::ReadyCount() const {
  return CountOf(Log(), "virtio is now ready for processing");
}

std::optional<int> Testpmd::Quit(std::chrono::seconds patience) {
  child_->Type("quit\n");
  return child_->Wait(patience);
}

}  // namespace interop
