"""Bugs that fuzz targets have to find from nothing."""

load("//tests/history:history.bzl", "patched_binary")

def fuzz_canary(target, runs, finding, patch = None):
    """A test that a target finds its planted bug, and nothing without it.

    The programs are those that --config=fuzz makes, with its flags for single
    files: a transition of Bazel 4 cannot set per_file_copt. So it is "manual":
    ask for it, or for //fuzz:canaries, with --config=fuzz.

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
    dicts = native.glob(["%s.dict" % target])
    native.sh_test(
        name = target + "_canary",
        size = "medium",
        srcs = ["canary.sh"],
        args = [
            target,
            "$(rootpath :%s_bin)" % target,
            "$(rootpath :%s_patched)" % target,
            str(runs),
            "'%s'" % finding,
            "$(rootpath :%s_options)" % target,
        ] + ["$(rootpath %s)" % dict for dict in dicts],
        data = dicts + [
            "run.sh",
            ":%s_bin" % target,
            ":%s_options" % target,
            ":%s_patched" % target,
        ],
        tags = ["manual"],
    )
