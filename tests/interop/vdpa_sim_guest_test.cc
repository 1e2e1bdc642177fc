// SPDX-License-Identifier: BSD-3-Clause
//
// The kernel's own vDPA network device, vdpa_sim_net of Linux 6.12, in a guest.
// Expectations are drivers/vdpa/vdpa_sim's and drivers/vhost/vdpa.c's rules.

#include <string>
#include <vector>

#include "tests/interop/guest_legs.h"

namespace interop {
namespace {

constexpr char kRun[] = "vuser run --backend /dev/vhost-vdpa-0 ";
// Where the packets of a run's first pair go. The device sends back what is for
// its own address.
constexpr char kToItself[] = "--mac 02:76:75:00:00:00 ";
constexpr char kToNobody[] = "--mac 02:00:00:00:00:07 ";
constexpr char kUnlimited[] = "ulimit -l unlimited; ";

// What the device has counted of its control queue; an error while no driver
// has negotiated.
constexpr char kCounts[] = "vdpa dev vstats show sim0 qidx 2 ";

// `command` beside a run that goes on until it is killed, once the device's
// counts have `sign`, or after ten seconds.
std::string Beside(const std::string& options, const std::string& sign,
                   const std::string& command) {
  return std::string(kUnlimited) + kRun + options +
         "--packets 1000000000 >/dev/null 2>&1 & tries=0; until " + kCounts +
         "2>/dev/null | grep -q '" + sign +
         "' || [ $tries = 100 ]; do tries=$((tries + 1)); usleep 100000; "
         "done; " +
         command + "; code=$?; kill -TERM $!; wait; exit $code";
}

// Every command finds the device as those before it left it.
struct VdpaSim {
  static GuestOptions Options() { return {.name = "debian13"}; }
  static std::vector<GuestLeg> Legs() {
    std::vector<GuestLeg> legs = WithVirtualAddresses();
    for (const GuestLeg& leg : WithTheControlQueue()) legs.push_back(leg);
    for (const GuestLeg& leg : WithPinnedMemory()) legs.push_back(leg);
    // The last one: what the kernel had to say of all of them. It names each
    // ring that a device wanted and that was not mapped.
    legs.push_back({.name = "TheKernelHasNoComplaint",
                    .command = "dmesg",
                    .never = {"Failed to", "WARNING:", "BUG:", "Oops"}});
    return legs;
  }

  static std::vector<GuestLeg> WithVirtualAddresses() {
    const std::string run = kRun;
    return {
        {.name = "TheKernelHasTheDevice",
         .command = "sim_device && readlink /sys/bus/vdpa/devices/sim0/driver",
         .says = {"sim0: type network mgmtdev vdpasim_net", "vhost_vdpa"}},
        {.name = "Probe",
         .command = "vuser probe /dev/vhost-vdpa-0",
         .says = {"VIRTIO_NET_F_MTU", "VIRTIO_NET_F_MAC", "VIRTIO_NET_F_STATUS",
                  "VIRTIO_NET_F_CTRL_VQ", "VIRTIO_NET_F_CTRL_MAC_ADDR",
                  "VIRTIO_F_VERSION_1", "02:76:75:00:00:00", "1500"},
         .never = {"VIRTIO_F_ACCESS_PLATFORM", "VIRTIO_NET_F_MQ",
                   "VIRTIO_NET_F_MRG_RXBUF", "VIRTIO_F_RING_PACKED"}},
        {.name = "RunWithoutLockedMemory",
         .command = "ulimit -l 64; " + run + "--packets 2000",
         .says = {"data path: split-nomrg", "verdict: pass"}},
        // A page holds the frame and the header of 12 bytes.
        {.name = "TenRestartsWithTheLargestFrames",
         .command = run + "--packets 2000 --restarts 10 --size 60-4084",
         .says = {"start again (10)", "verdict: pass"}},
        {.name = "AFrameThatIsLongerComesBackCut",
         .command = run + "--packets 20 --size 4085-4085 --timeout 1",
         .exit_code = 1,
         .says = {"came back with 4084 bytes, 4085 were sent"}},
        {.name = "ARingOfMoreThan256IsRefused",
         .command = run + "--queue-size 512",
         .exit_code = 2,
         .says = {"256", "queue_size"}},
        {.name = "PackedRingsAreNotOffered",
         .command = run + "--packed",
         .exit_code = 2,
         .says = {"--packed", "VIRTIO_F_RING_PACKED"}},
        {.name = "ASecondUserIsRefused",
         .command = Beside("", "requests", run + "--packets 100"),
         .exit_code = 3,
         .says = {"/dev/vhost-vdpa-0", "EBUSY"}},
    };
  }

  static std::vector<GuestLeg> WithTheControlQueue() {
    const std::string run = kRun;
    return {
        // The command's effect is seen from outside of the program.
        {.name = "AnAddressGoesToTheDeviceByItsControlQueue",
         .command = run + kToNobody +
                    "--packets 100 --timeout 1; code=$?; "
                    "vdpa dev config show; exit $code",
         .exit_code = 1,
         .says = {"none came back", "sim0: mac 02:00:00:00:00:07"}},
        // A reset leaves the address as it is, so that without the command
        // nothing would come back.
        {.name = "AndBringsItsPacketsBack",
         .command = run + kToItself + "--packets 2000",
         .says = {"verdict: pass"}},
        // Of this device: four starts, and one that goes on.
        {.name = "EachStartSaysItAgain",
         .command = "sim_device && " + run + kToItself + "--restarts 3 && (" +
                    Beside(kToItself, "requests 5", kCounts) + ")",
         .says = {"verdict: pass",
                  "cvq requests 5 cvq successes 5 cvq errors 0"}},
    };
  }

  // A chunk of physical memory is an entry of the device's table.
  static std::vector<GuestLeg> WithPinnedMemory() {
    const std::string run = std::string(kRun) + kToItself + "--packets 2000 ";
    return {
        {.name = "PinnedMemory",
         .command = "sim_device use_va=0 max_iotlb_entries=65536 && " +
                    std::string(kUnlimited) + run,
         .says = {"verdict: pass"}},
        {.name = "MemoryThatMayNotBePinned",
         .command = "ulimit -l 64; " + run,
         .exit_code = 1,
         .says = {"RLIMIT_MEMLOCK is 65536", "ulimit -l"}},
        // Memory that is added needs more of it.
        {.name = "TheLimitThatTheErrorNamesIsEnough",
         .command =
             "try() { " + run +
             "--restarts 1 >/tmp/out 2>&1; }; ulimit -l 64; times=0; "
             "until try || [ $times = 5 ]; do times=$((times + 1)); ulimit -l "
             "$(sed -n 's/.*ulimit -l \\([0-9]*\\).*/\\1/p' /tmp/out | tail -n "
             "1); done; echo raised $times times to $(ulimit -l); "
             "tail -n 2 /tmp/out",
         .says = {"verdict: pass"},
         .never = {"raised 0"}},
        {.name = "PinnedMemoryInMessagesOfTheirOwn",
         .command = "sim_device use_va=0 batch_mapping=0 "
                    "max_iotlb_entries=65536 && " +
                    std::string(kUnlimited) + run + "--restarts 10",
         .says = {"start again (10)", "verdict: pass"}},
        {.name = "ATableThatIsTooSmallForTheMemory",
         .command = "sim_device use_va=0 batch_mapping=0 max_iotlb_entries=2 "
                    "&& " +
                    std::string(kUnlimited) + run + "--restarts 0",
         .exit_code = 1,
         .says = {"cannot be mapped", "EFAULT"},
         .never = {"RLIMIT_MEMLOCK"}},
    };
  }
};

using VdpaSimGuestTest = GuestLegTest<VdpaSim>;

TEST_P(VdpaSimGuestTest, Passes) { Check(); }

INSTANTIATE_TEST_SUITE_P(Legs, VdpaSimGuestTest,
                         testing::ValuesIn(VdpaSim::Legs()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace interop
