"""Bugs of the past, planted again: see docs/history.md."""

load(":patched.bzl", _patched_binary = "patched_binary")

def patched_binary(name, patch, binary, tags = [], **kwargs):
    """A program of this tree, built from patched sources.

    Args:
      name: of the executable.
      patch: a unified diff from the root of the tree, as of git diff.
      binary: a cc_binary or cc_test of this tree.
      tags: more tags; "manual" is added.
      **kwargs: passed on to the rule.
    """
    _patched_binary(
        name = name,
        testonly = True,
        binary = binary,
        patch = patch,
        tags = tags + ["manual"],
        **kwargs
    )

def tests_of(id):
    """The filter for the tests that carry an id in their names."""
    return ":".join([
        pattern % id
        for pattern in ["*.%s_*", "*_%s_*", "*_%s", "*_%s/*"]
    ])

def history_bug(
        name,
        test,
        filter = "",
        patch = None,
        fast = False,
        limit_seconds = 60,
        tags = []):
    """A test that passes only if `test` fails on patched sources.

    Args:
      name: the id of the bug, as in docs/history.md.
      test: the GoogleTest program that has to notice.
      filter: which of its tests (--gtest_filter); all by default.
      patch: what puts the bug back; patches/NAME.patch by default.
      fast: whether it runs with every `bazel test //...`.
      limit_seconds: a program that runs for longer hangs.
      tags: more tags.
    """
    patched = name + "_patched"
    patched_binary(
        name = patched,
        patch = patch or "patches/%s.patch" % name,
        binary = test,
    )
    native.sh_test(
        name = name,
        size = "medium",
        srcs = ["//tests/history:judge.sh"],
        args = [
            name,
            str(limit_seconds),
            "$(rootpath %s)" % test,
            "$(rootpath :%s)" % patched,
            "'%s'" % filter,
        ],
        data = [
            test,
            ":" + patched,
        ],
        tags = tags + ["mutant"] + ([] if fast else ["manual"]),
    )
