"""Mistakes F01 to F31 of front-ends, planted again (docs/history.md)."""

load("@dpdk//:dpdk.bzl", "HAVE_DPDK")
load("//tests:defs.bzl", "vu_test")
load(":history.bzl", "history_bug")

# The test that has to notice: its program and which of its tests.
_BUGS = {
    "F01": ("//tests/history:front_end_start_test", "*F01_*"),
    "F02": ("//tests/history:front_end_start_test", "*F02_*"),
    "F03": ("//tests:device_test", "*F03_*"),
    "F04": ("//tests/history:front_end_start_test", "*F04_*"),
    "F05": ("//tests:device_test", "*F05_*"),
    "F06": ("//tests:device_options_test", "*F06_*"),
    "F07": ("//tests:device_messages_test", "*F07_*"),
    "F08": ("//tests:vhost_user_vrings_test", "*_F08"),
    "F09": ("//tests/history:front_end_kernel_test", "*F09_*"),
    "F10": ("//tests:negotiation_test", "*_F10"),
    "F11": ("//tests:message_test", "*_F11"),
    "F12": ("//tests:unix_socket_channel_test", "*F12_*"),
    "F13": ("//tests:device_test", "*F13_*"),
    "F14": ("//tests:device_messages_test", "*F14_*"),
    "F16": ("//tests:device_memory_test", "*F16_*"),
    "F17": ("//tests:device_link_test", "*F17_*"),
    "F18": ("//tests/history:front_end_start_test", "*F18_*"),
    "F19": ("//tests:device_test", "*F19_*"),
    "F20": ("//tests/history:front_end_memory_test", "*F20_*"),
    "F21": ("//tests/history:front_end_kernel_test", "*F21_*"),
    "F22": ("//tests:unix_socket_listener_test", "*F22_*"),
    "F23": ("//tests:device_order_test", "*F23_*"),
    "F24": ("//tests:device_vhost_net_test", "*F24_*"),
    "F25": ("//tests:negotiation_test", "*_F25*"),
    "F26": ("//tests:control_queue_test", "*_F26"),
    "F27": ("//tests/history:front_end_control_queue_test", "*F27_*"),
    "F28": ("//tests:tap_test", "*F28_*"),
    "F30": ("//tests:control_command_test", "*_F30_*"),
    "F31": ("//tests/history:front_end_kernel_test", "*F31_*"),
}

def front_end_first():
    for name in [
        "front_end_control_queue_test",
        "front_end_kernel_test",
        "front_end_memory_test",
        "front_end_start_test",
    ]:
        vu_test(
            name = name,
            deps = [
                "//backend_sim",
                "//tests:ring_support",
                "//tests/fakes",
                "//virtio_user/device",
                "//virtio_user/ring",
                "//virtio_user/vhost",
            ],
        )
    for name, (test, filter) in _BUGS.items():
        history_bug(
            name = name,
            filter = filter,
            test = test,
        )
    # A program under a real EAL.
    if HAVE_DPDK:
        history_bug(
            name = "F15",
            filter = "*F15_*",
            tags = [
                "external",
                "interop",
                "local",
                "no-sandbox",
            ],
            test = "//tests/dpdk:dpdk_memory_test",
        )
