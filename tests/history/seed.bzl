"""What was wrong in the seed, planted again (docs/history.md)."""

load(":history.bzl", "history_bug")

# By id: the program of //tests, and the test of it that has to notice.
_BUGS = {
    # Messages and errors.
    "S01": ("device_start_failure_test", "S01_S02_S03_H4_FailsTheStartWithItsOwnError"),
    "S02": ("device_start_failure_test", "S01_S02_S03_H4_FailsTheStartWithItsOwnError"),
    "S03": ("device_start_failure_test", "S01_S02_S03_H4_FailsTheStartWithItsOwnError"),
    "S04": ("device_start_failure_test", "S04_IsFollowedByTheUndoOfAllThatWasSentAndNoMore"),
    "S05": ("device_restart_test", "S05_H6_ARingGoesOnWhereTheBackendStood"),
    "S06": ("device_messages_test", "S06_Bit30IsAcknowledgedWhereItWasOffered"),
    "S07": ("device_options_test", "S07_H8_SeveralQueuesWithoutProtocolMqAreRefused"),
    "S08": ("start_sequence_test", "S08_OnlyConfiguredRingsGetACallDescriptor"),
    "S09": ("device_order_test", "S09_RingsThatWereNotConfiguredAreNeverMentioned"),
    "S10": ("device_messages_test", "S10_EveryMessageFromFeaturesOnAsksForItsAck"),
    "S11": ("device_start_failure_test", "S11_StartWithoutAPeerIsAnErrorThatSaysSo"),
    "S12": ("device_order_test", "S12_ASecondStartSendsNothing"),
    "S13": ("device_lifecycle_test", "S13_StopVisitsEveryRingAfterTheFirstGetVringBaseFails"),
    "S14": ("device_order_test", "S14_StopDisablesThePairsThatAreActiveAndNoOthers"),
    "S15": ("device_messages_test", "S15_H17_GetVringBaseCarriesAnIndexAndZeros"),
    "S16": ("device_lifecycle_test", "S16_H5_AMemoryEventAfterARestartTouchesPairZeroAlone"),
    "S17": ("device_lifecycle_test", "S17_AStopThatFindsThePeerGoneEndsInNeedsReset"),

    # Beginning, end and what is owned.
    "S20": ("device_test", "S20_S22_AnEventfdThatFailsAtAnyStepLeavesNoDescriptor"),
    "S21": ("unix_socket_listener_test", "S21_AFailureAtAnyStepLeavesNothingBehind"),
    "S22": ("device_test", "S20_S22_AnEventfdThatFailsAtAnyStepLeavesNoDescriptor"),
    "S23": ("device_test", "S21_S23_AnOperationThatFailsInCreateLeavesNothing"),
    "S24": ("open_backend_test", "S24_ATapNameDoesNotGoWithASocket"),
    "S25": ("device_test", "S25_AnySubscribeErrorButUnsupportedFailsCreate"),
    "S26": ("file_descriptor_test", "S26_ResetClosesAndForgets"),
    "S27": ("device_order_test", "S27_TheDestructorStopsThenDetachesThenClosesDescriptors"),
    "S29": ("device_test", "S29_VectorIIsTheCallDescriptorOfRxRingI"),
    "S31": ("device_options_test", "S31_QueuesOutOfRangeAreRefusedWithTheirValue"),
    "S32": ("device_options_test", "S32_QueueSizesThatNoSplitRingHasAreRefused"),
    "S33": ("unix_socket_address_test", "S33_OneByteMoreIsRefusedWithLengthAndLimit"),
    "S34": ("open_backend_test", "S34_F41_APathThatCannotBeExaminedIsNotGuessedAt"),
    "S35": ("device_link_test", "S35_ServerModeLearnsFromThePeerAndInventsNothing"),
    "S36": ("mac_address_test", "S36_IsRefusedAndNotRepaired"),
    "S37": ("device_options_test", "S37_LinkStatusIsOfferedByWhatTheBackendCanTell"),
    "S38": ("device_options_test", "S38_WhatTheDeviceHasAndWhatWeAddAreKeptApart"),
    "S39": ("unix_socket_listener_test", "S39_AFileThatTookTheNameIsNotRemoved"),
    "S40": ("device_test", "S25_S40_H11_NoEventReachesADeviceThatIsGone"),

    # Memory events.
    "S50": ("device_order_test", "S50_H14_EventsAboutMemoryThatNobodyKnowsChangeNothing"),
    "S51": ("device_order_test", "S51_PairsStayDisabledWhereTheBackendRefusedTheTable"),
    "S52": ("device_order_test", "S52_ARangeThatIsBeingFreedIsNotInTheTableThatIsSent"),
    "S54": ("device_memory_test", "S54_PollersKeepTheirRingsDuringAnEvent"),

    # Control queue.
    "S60": ("control_command_test", "NoPairsIsAnErrorAndNobodyIsAsked_S60_H15"),
    "S61": ("device_multiqueue_test", "S61_EveryRefusedOperationRestoresThePairs"),
    "S62": ("device_multiqueue_test", "S62_WithoutMqThereIsNoSuchCommand"),
    "S63": ("descriptor_chain_test", "NextIsLookedAtOnlyWithItsFlag_S63"),
    "S64": ("descriptor_chain_test", "ALoopEndsWithAnError_S64_H15_B39"),
    "S65": ("control_queue_framing_test", "EveryFramingOfAVlan_S65_S67"),
    "S66": ("control_queue_hostile_test", "WithoutAWritableByteNothingIsCarriedOut_S66"),
    "S67": ("control_command_test", "ARequestShorterThanItsHeaderIsAnError_S67"),
    "S68": ("control_queue_test", "AddressesAreTranslatedNotCast_S68_F47"),
    "S69": ("control_command_test", "EveryClassCommandGateAndLength_S67_S69_F30_H15"),
    "S71": ("control_queue_hostile_test", "AnIndexThatJumpsBreaksTheQueue_S71"),
    "S72": ("control_queue_hostile_test", "AHeadBeyondTheRingBreaksTheQueue_S72"),
    "S73": ("control_queue_test", "TheUsedElementIsTheHeadAndOneByte_S73_S74_F26"),
    "S74": ("control_queue_test", "TheUsedElementIsTheHeadAndOneByte_S73_S74_F26"),
    "S75": ("device_test", "S75_ARingWithoutMemoryOrAlignmentIsRefused"),
    "S76": ("device_messages_test", "S76_F07_OnlyWhatIsImplementedIsEverAccepted"),

    # Still open upstream.
    "H1": ("socket_send_test", "H1_APeerThatIsGoneIsAnErrorAndNoSignal"),
}

# Quick to build, and one of each kind.
_FAST = ["H1", "S33", "S36", "S66"]

# They hang, and are known to.
_LIMITS = {"S64": 5}

# Their tests want what the sandbox takes away.
_LOCAL = ["open_backend_test"]

def seed_bugs():
    for name, (test, case) in _BUGS.items():
        history_bug(
            name = name,
            fast = name in _FAST,
            filter = "*.%s*" % case,
            limit_seconds = _LIMITS.get(name, 60),
            tags = ["local"] if test in _LOCAL else [],
            test = "//tests:" + test,
        )
