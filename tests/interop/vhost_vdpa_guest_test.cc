// SPDX-License-Identifier: BSD-3-Clause
//
// The kernel's vhost-vdpa, in a guest: Debian 13's kernel, and its testpmd is
// the device.

#include <string>
#include <vector>

#include "tests/interop/guest_legs.h"

namespace interop {
namespace {

constexpr char kRun[] = "vuser run --backend /dev/vhost-vdpa-0 --packets 2000 ";

// The kernel counts what a device may reach as locked.
constexpr char kUnlimited[] = "ulimit -l unlimited; ";

// Every command finds the device that the first one made.
struct VhostVdpa {
  static GuestOptions Options() {
    return {.name = "debian13", .megabytes = 1024};
  }
  static std::vector<GuestLeg> Legs() {
    const std::string run = std::string(kUnlimited) + kRun;
    return {
        {.name = "TestpmdIsADevice",
         .command = "vduse_device && readlink "
                    "/sys/bus/vdpa/devices/vduse0/driver",
         .says = {"vduse0: type network mgmtdev vduse", "vhost_vdpa"}},
        {.name = "Run", .command = run, .says = {"verdict: pass"}},
        {.name = "TenRestarts",
         .command = run + "--restarts 10",
         .says = {"start again (10)", "verdict: pass"}},
        {.name = "OneBufferAFrame",
         .command = run + "--path split-nomrg",
         .says = {"data path: split-nomrg", "verdict: pass"}},
        {.name = "Probe",
         .command = "vuser probe /dev/vhost-vdpa-0",
         .says = {"VIRTIO_F_VERSION_1", "VIRTIO_F_IN_ORDER"},
         // The transport's own, like vhost-user's bits.
         .never = {"VIRTIO_F_ACCESS_PLATFORM"}},
        {.name = "ASecondUserIsRefused",
         .command =
             std::string(kUnlimited) +
             "vuser run --backend /dev/vhost-vdpa-0 --packets 1000000000 "
             ">/dev/null 2>&1 & sleep 4; " +
             run + "; code=$?; kill -TERM $!; wait; exit $code",
         .exit_code = 3,
         .says = {"/dev/vhost-vdpa-0", "EBUSY"}},
        {.name = "TheDeviceIsFreeAfterwards",
         .command = run + "--restarts 0",
         .says = {"verdict: pass"}},
        // A device in software translates by itself: no page is locked.
        {.name = "VduseNeedsNoLockedMemory",
         .command = std::string("ulimit -l 64; ") + kRun,
         .says = {"verdict: pass"}},
        {.name = "ATapIsRefused",
         .command = run + "--ifname tap0",
         .exit_code = 2,
         .says = {"ifname"}},
        {.name = "TestpmdHasNoComplaint",
         .command = "cat /tmp/testpmd.log",
         .never = {"invalid", "rror"}},
    };
  }
};

using VhostVdpaGuestTest = GuestLegTest<VhostVdpa>;

TEST_P(VhostVdpaGuestTest, Passes) { Check(); }

INSTANTIATE_TEST_SUITE_P(Legs, VhostVdpaGuestTest,
                         testing::ValuesIn(VhostVdpa::Legs()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace interop
