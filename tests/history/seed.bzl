"""What was wrong in the seed, planted again (docs/history.md)."""

load(":history.bzl", "history_bug")

def seed_bugs():
    history_bug(
        name = "H1",
        filter = "*.H1_APeerThatIsGoneIsAnErrorAndNoSignal",
        test = "//tests:socket_send_test",
    )
    history_bug(
        name = "S66",
        filter = "*.WithoutAWritableByteNothingIsCarriedOut_S66",
        test = "//tests:control_queue_hostile_test",
    )
    history_bug(
        name = "S01",
        filter = "*S01_S02_S03_H4_FailsTheStartWithItsOwnError*",
        test = "//tests:device_start_failure_test",
    )
