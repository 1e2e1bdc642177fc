// SPDX-License-Identifier: BSD-3-Clause
//
// The kernel's own vhost-net, in a guest: Debian 12's kernel.

#include <string>
#include <vector>

#include "tests/interop/guest_legs.h"

namespace interop {
namespace {

constexpr char kRun[] = "vuser run --backend /dev/vhost-net --packets 2000 ";
// As nobody, who may open both devices and change no network.
constexpr char kAsNobody[] = "setpriv --reuid 65534 --clear-groups ";

// Every command finds what the first one loaded; the last one takes it away.
struct VhostNet {
  static GuestOptions Options() { return {.name = "debian12"}; }
  static std::vector<GuestLeg> Legs() {
    std::vector<GuestLeg> legs = Passing();
    for (const GuestLeg& leg : Refused()) legs.push_back(leg);
    return legs;
  }
  static std::vector<GuestLeg> Passing() {
    const std::string run = kRun;
    return {
        {.name = "TheKernelHasTheDevices",
         .command = "modprobe -a vhost_net tun && ls /dev/vhost-net "
                    "/dev/net/tun",
         .says = {"/dev/vhost-net", "/dev/net/tun"}},
        {.name = "OnePair", .command = run, .says = {"verdict: pass"}},
        {.name = "FourPairs",
         .command = run + "--queues 4",
         .says = {"verdict: pass"}},
        {.name = "TenRestarts",
         .command = run + "--queues 2 --restarts 10",
         .says = {"start again (10)", "verdict: pass"}},
        {.name = "TheLargestFrames",
         .command = run + "--size 9000-9000",
         .says = {"verdict: pass"}},
        {.name = "OneBufferAFrame",
         .command = run + "--path split-nomrg",
         .says = {"data path: split-nomrg", "verdict: pass"}},
        {.name = "ANamedTapIsGoneAtTheEnd",
         .command = run + "--ifname lab0 && ! ip link show lab0",
         .says = {"verdict: pass", "does not exist"}},
        {.name = "ATapThatExistsIsUsedAndStays",
         .command = "ip tuntap add dev kept0 mode tap vnet_hdr && " + run +
                    "--ifname kept0 && ip link show kept0",
         .says = {"verdict: pass", "kept0:"}},
        {.name = "ATapThatExistsIsAsItWasAtTheEnd",
         .command = "ip tuntap add dev kept1 mode tap vnet_hdr && "
                    "ip link set kept1 mtu 1400 txqueuelen 77 && "
                    "ip link set kept1 up && ip link set kept1 down && "
                    "ip -o link show kept1 >/tmp/before && " +
                    run +
                    "--ifname kept1 --size 9000-9000 && "
                    "ip -o link show kept1 >/tmp/after && "
                    "cmp /tmp/before /tmp/after && cat /tmp/after",
         .says = {"verdict: pass", "mtu 1400", "qlen 77"}},
        {.name = "Probe",
         .command = "vuser probe /dev/vhost-net",
         .says = {"VIRTIO_F_VERSION_1", "VIRTIO_NET_F_MRG_RXBUF"}},
    };
  }
  static std::vector<GuestLeg> Refused() {
    const std::string run = kRun;
    return {
        {.name = "PackedRingsAreNotOffered",
         .command = run + "--packed",
         .exit_code = 2,
         .says = {"--packed", "VIRTIO_F_RING_PACKED"}},
        {.name = "ANameOfSixteenLettersIsTooLong",
         .command = run + "--ifname abcdefghijklmnop",
         .exit_code = 2,
         .says = {"abcdefghijklmnop", "15"}},
        {.name = "AnInterfaceThatIsNoTapIsNamed",
         .command = "modprobe dummy && ip link add taken0 type dummy && " +
                    run + "--ifname taken0",
         .exit_code = 2,
         .says = {"taken0", "TUNSETIFF"}},
        {.name = "ATapThatIsInUseIsNamed",
         .command = "vuser run --backend /dev/vhost-net --ifname busy0 "
                    "--packets 1000000000 >/dev/null 2>&1 & sleep 4; " +
                    run +
                    "--ifname busy0; code=$?; kill -TERM $!; wait; exit $code",
         .exit_code = 3,
         .says = {"busy0", "EBUSY"}},
        {.name = "AMultiQueueTapThatIsInUseIsNamed",
         .command = "vuser run --backend /dev/vhost-net --ifname busy1 "
                    "--queues 2 --packets 1000000000 >/dev/null 2>&1 & "
                    "sleep 4; " +
                    run +
                    "--ifname busy1 --queues 2; code=$?; kill -TERM $!; wait; "
                    "exit $code",
         .exit_code = 3,
         .says = {"busy1", "EBUSY"}},
        {.name = "WhoMayNotOpenTheDeviceIsTold",
         .command = kAsNobody + run,
         .exit_code = 3,
         .says = {"/dev/vhost-net", "EACCES"}},
        {.name = "WhoMayNotMakeATapIsToldTheCapability",
         .command =
             "chmod 666 /dev/vhost-net /dev/net/tun; " + (kAsNobody + run),
         .exit_code = 3,
         .says = {"CAP_NET_ADMIN", "EPERM"}},
        {.name = "WithoutTheModuleTheDeviceIsMissing",
         .command = "rmmod vhost_net && " + run,
         .exit_code = 3,
         .says = {"/dev/vhost-net", "vhost_net"}},
    };
  }
};

using VhostNetGuestTest = GuestLegTest<VhostNet>;

TEST_P(VhostNetGuestTest, Passes) { Check(); }

INSTANTIATE_TEST_SUITE_P(Legs, VhostNetGuestTest,
                         testing::ValuesIn(VhostNet::Legs()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace interop
