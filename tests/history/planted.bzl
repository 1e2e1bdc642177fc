"""What only the simulator's checkers notice, planted (docs/history.md)."""

load("//tests:defs.bzl", "vu_test")
load(":history.bzl", "history_bug", "tests_of")

_TEST = "//tests/history:simulation_planted_test"

_BUGS = {
    "P01": _TEST,
    "P02": _TEST,
    "P03": _TEST,
    "P04": _TEST,
    "P05": _TEST,
    "P06": _TEST,
    "P07": _TEST,
    "P08": _TEST,
    "P09": _TEST,
    "P10": _TEST,
    "P11": _TEST,
    "P12": _TEST,
    "P13": _TEST,
    "P14": _TEST,
    "P15": _TEST,
    "P16": _TEST,
    "P17": _TEST,
    "P18": _TEST,
    "P19": _TEST,
    "P20": _TEST,
}

def planted_bugs():
    vu_test(
        name = "simulation_planted_test",
        size = "medium",
        deps = ["//backend_sim/simulation"],
    )
    for name, test in _BUGS.items():
        history_bug(
            name = name,
            filter = tests_of(name),
            test = test,
        )
