"""What was wrong in the seed, planted again (docs/history.md)."""

load(":history.bzl", "history_bug", "tests_of")

# By id: the program of //tests that has the test which has to notice.
_BUGS = {
    # Messages and errors.
    "S01": "device_start_failure_test",
    "S02": "device_start_failure_test",
    "S03": "device_start_failure_test",
    "S04": "device_start_failure_test",
    "S05": "device_restart_test",
    "S06": "device_messages_test",
    "S07": "device_options_test",
    "S08": "start_sequence_test",
    "S09": "device_order_test",
    "S10": "device_messages_test",
    "S11": "device_start_failure_test",
    "S12": "device_order_test",
    "S13": "device_lifecycle_test",
    "S14": "device_order_test",
    "S15": "device_messages_test",
    "S16": "device_lifecycle_test",
    "S17": "device_lifecycle_test",

    # Beginning, end and what is owned.
    "S20": "device_test",
    "S21": "unix_socket_listener_test",
    "S22": "device_test",
    "S23": "device_test",
    "S24": "open_backend_test",
    "S25": "device_test",
    "S26": "file_descriptor_test",
    "S27": "device_order_test",
    "S29": "device_test",
    "S31": "device_options_test",
    "S32": "device_options_test",
    "S33": "unix_socket_address_test",
    "S34": "open_backend_test",
    "S35": "device_link_test",
    "S36": "mac_address_test",
    "S37": "device_options_test",
    "S38": "device_options_test",
    "S39": "unix_socket_listener_test",
    "S40": "device_test",

    # Memory events.
    "S50": "device_order_test",
    "S51": "device_order_test",
    "S52": "device_order_test",
    "S54": "device_memory_test",

    # Control queue.
    "S60": "control_command_test",
    "S61": "device_multiqueue_test",
    "S62": "device_multiqueue_test",
    "S63": "descriptor_chain_test",
    "S64": "descriptor_chain_test",
    "S65": "control_queue_framing_test",
    "S66": "control_queue_hostile_test",
    "S67": "control_command_test",
    "S68": "control_queue_test",
    "S69": "control_command_test",
    "S71": "control_queue_hostile_test",
    "S72": "control_queue_hostile_test",
    "S73": "control_queue_test",
    "S74": "control_queue_test",
    "S75": "device_test",
    "S76": "device_messages_test",

    # Still open upstream.
    "H1": "socket_send_test",
    "H2": "message_window_test",
    "H3": "socket_receive_test",
    "H4": "device_start_failure_test",
    "H5": "device_lifecycle_test",
    "H6": "device_restart_test",
    "H7": "start_sequence_test",
    "H8": "device_options_test",
    "H9": "vhost_user_backend_test",
    "H10": "device_order_test",
    "H11": "device_test",
    "H12": "device_link_test",
    "H13": "device_link_test",
    "H14": "device_order_test",
    "H15": "descriptor_chain_test",
    "H16": "unix_socket_listener_test",
    "H17": "device_messages_test",
    "H18": "rx_queue_hostile_test",
    "H19": "tx_queue_test",
}

# The same mistake under two ids has one patch.
_SAME = {
    "H4": "S01",
    "H5": "S16",
    "H6": "S05",
    "H8": "S07",
    "H11": "S40",
    "H14": "S50",
    "H15": "S64",
    "H17": "S15",
}

# Quick to build, and of several kinds.
_FAST = ["H1", "S33", "S36", "S66"]

# They hang, and are known to.
_LIMITS = {"H2": 5, "H10": 5, "H15": 5, "S64": 5}

# Their tests want what the sandbox takes away.
_LOCAL = ["open_backend_test"]

def seed_bugs():
    for name, test in _BUGS.items():
        history_bug(
            name = name,
            fast = name in _FAST,
            filter = tests_of(name),
            limit_seconds = _LIMITS.get(name, 60),
            patch = "patches/%s.patch" % _SAME.get(name, name),
            tags = ["local"] if test in _LOCAL else [],
            test = "//tests:" + test,
        )
