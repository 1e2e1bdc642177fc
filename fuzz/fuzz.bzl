"""cc_fuzz_test, as rules_fuzzing has it, for a Bazel without network.

The real rules can replace this file: same macro name, attributes, outputs and
tag, which OSS-Fuzz's bazel_build_fuzz_tests looks for. What the tree asks of a
target besides is in extras.bzl.
"""

load(":extras.bzl", "ENGINE_DEPS", "ENGINE_LINKOPTS")

def cc_fuzz_test(
        name,
        corpus = [],
        dicts = [],
        size = "small",
        tags = [],
        deps = [],
        **kwargs):
    """A fuzz target and what is done with it.

    NAME replays the corpus, as an ordinary test. NAME_bin is the target:
    libFuzzer with --config=fuzz, else a driver that runs files. NAME_run fuzzes
    (`bazel run --config=fuzz //fuzz:NAME_run -- --timeout_secs=60`).
    NAME_oss_fuzz.tar has what OSS-Fuzz wants in $OUT. The last two want the
    NAME_options of fuzz_extras.

    Args:
      name: the target; letters, digits and '_'.
      corpus: labels of seed inputs.
      dicts: labels of dictionaries, at most one.
      size: of the replay.
      tags: of the replay, beside "fuzz-test".
      deps: what it is built on.
      **kwargs: passed on to cc_binary.
    """
    binary = name + "_bin"
    native.filegroup(name = name + "_corpus", srcs = corpus)
    native.filegroup(name = name + "_dict", srcs = dicts)
    native.cc_binary(
        name = binary,
        testonly = True,
        linkopts = ENGINE_LINKOPTS,
        tags = tags,
        deps = deps + ENGINE_DEPS,
        **kwargs
    )
    native.sh_test(
        name = name,
        size = size,
        srcs = ["//fuzz:replay.sh"],
        args = [
            "$(location :%s)" % binary,
            "$(locations :%s_corpus)" % name if corpus else "",
        ],
        data = [
            ":" + binary,
            ":%s_corpus" % name,
        ],
        tags = tags + ["fuzz-test"],
    )
    native.sh_binary(
        name = name + "_run",
        testonly = True,
        srcs = ["//fuzz:run.sh"],
        args = [
            name,
            "$(rootpath :%s)" % binary,
            "--options=$(rootpath :%s_options)" % name,
        ] + ["--dict=$(rootpath %s)" % dict for dict in dicts] +
        ["--seeds"] + ["$(rootpath %s)" % seed for seed in corpus] + ["--"],
        data = [
            ":" + binary,
            ":%s_options" % name,
        ] + corpus + dicts,
    )
    _oss_fuzz(name, binary, corpus, dicts, ":%s_options" % name)

def _oss_fuzz(name, binary, corpus, dicts, options):
    native.genrule(
        name = name + "_oss_fuzz",
        testonly = True,
        tags = ["manual"],  # It needs zip.
        # Of `tools` Bazel makes the host's: without an engine or checks.
        srcs = [":" + binary] + corpus + dicts + [options],
        outs = [name + "_oss_fuzz.tar"],
        tools = ["//fuzz:package.sh"],
        cmd = "$(location //fuzz:package.sh) %s $@ $(location :%s) $(location %s) %s -- %s" % (
            name,
            binary,
            options,
            " ".join(["$(location %s)" % dict for dict in dicts]),
            " ".join(["$(location %s)" % seed for seed in corpus]),
        ),
    )
