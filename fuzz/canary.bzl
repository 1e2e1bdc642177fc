"""Bugs that fuzz targets have to find from nothing."""

load("//tests/history:history.bzl", "patched_binary")
load(":with_engine.bzl", "with_engine")

def fuzz_canary(target, runs, finding, patch = None):
    """A test that a target finds its planted bug, and nothing without it.

    It builds with clang 19 and libFuzzer in every configuration, so it is
    "manual": ask for it, or for //fuzz:canaries.

    Args:
      target: the name of a cc_fuzz_test.
      runs: inputs within which it has to, with -seed=1 and an empty corpus.
      finding: an extended regular expression for the line that tells.
      patch: what plants the bug; canaries/TARGET.patch by default.
    """
    patched_binary(
        name = target + "_patched",
        binary = ":%s_bin" % target,
        patch = patch or "canaries/%s.patch" % target,
    )
    with_engine(
        name = target + "_canary_bin",
        testonly = True,
        binary = ":%s_patched" % target,
        tags = ["manual"],
    )
    with_engine(
        name = target + "_engine_bin",
        testonly = True,
        binary = ":%s_bin" % target,
        tags = ["manual"],
    )
    dicts = native.glob(["%s.dict" % target])
    native.sh_test(
        name = target + "_canary",
        size = "medium",
        srcs = ["canary.sh"],
        args = [
            target,
            "$(rootpath :%s_engine_bin)" % target,
            "$(rootpath :%s_canary_bin)" % target,
            str(runs),
            "'%s'" % finding,
            "$(rootpath :%s_options)" % target,
        ] + ["$(rootpath %s)" % dict for dict in dicts],
        data = dicts + [
            "run.sh",
            ":%s_canary_bin" % target,
            ":%s_engine_bin" % target,
            ":%s_options" % target,
        ],
        tags = ["manual"],
    )
