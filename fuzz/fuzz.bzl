"""cc_fuzz_test, as rules_fuzzing has it, for a Bazel without network.

The real rules can replace this file: same macro name, attributes, outputs and
tag, which OSS-Fuzz's bazel_build_fuzz_tests looks for.
"""

_ENGINE_LINKOPTS = select({
    "//fuzz:libfuzzer": ["-fsanitize=fuzzer"],
    "//conditions:default": [],
})

_ENGINE_DEPS = ["//fuzz:sanitizer_options"] + select({
    "//fuzz:libfuzzer": [],
    "//conditions:default": ["//fuzz:plain_driver"],
})

def cc_fuzz_test(
        name,
        srcs = None,
        deps = [],
        corpus = None,
        dicts = None,
        options = None,
        size = "small",
        tags = [],
        **kwargs):
    """A fuzz target and what is done with it.

    NAME replays the corpus, as an ordinary test. NAME_bin is the target:
    libFuzzer with --config=fuzz, else a driver that runs files. NAME_run fuzzes
    (`bazel run --config=fuzz //fuzz:NAME_run -- --timeout_secs=60`).
    NAME_oss_fuzz.tar has what OSS-Fuzz wants in $OUT.

    Args:
      name: the target; letters, digits and '_'.
      srcs: NAME.cc if nothing else is said.
      deps: what it is built on.
      corpus: labels of seed inputs; corpus/NAME/** if nothing else is said.
      dicts: labels of dictionaries, at most one; NAME.dict if it is there.
      options: label of libFuzzer's options; default.options otherwise.
      size: of the replay.
      tags: of the replay, beside "fuzz-test".
      **kwargs: passed on to cc_binary.
    """
    if corpus == None:
        corpus = native.glob(["corpus/%s/**" % name])
    if dicts == None:
        dicts = native.glob(["%s.dict" % name])
    binary = name + "_bin"
    native.filegroup(name = name + "_corpus", srcs = corpus)
    native.filegroup(name = name + "_dict", srcs = dicts)
    native.filegroup(
        name = name + "_options",
        srcs = [options or "default.options"],
    )
    native.cc_binary(
        name = binary,
        testonly = True,
        srcs = srcs or [name + ".cc"],
        linkopts = _ENGINE_LINKOPTS,
        deps = deps + _ENGINE_DEPS,
        **kwargs
    )
    _empty(name, srcs or [name + ".cc"], deps)
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
    _oss_fuzz(name, binary, corpus, dicts, options or "default.options")

# A target that does nothing in a program of the same size: what the engine
# takes (bench/fuzz_rates.sh).
def _empty(name, srcs, deps):
    native.cc_library(
        name = name + "_other",
        testonly = True,
        srcs = srcs,
        local_defines = ["LLVMFuzzerTestOneInput=OtherTargetOneInput"],
        tags = ["manual"],
        deps = deps,
        alwayslink = True,
    )
    native.cc_binary(
        name = name + "_empty_bin",
        testonly = True,
        srcs = ["//fuzz:empty_target.cc"],
        linkopts = _ENGINE_LINKOPTS,
        tags = ["manual"],
        deps = [":%s_other" % name] + _ENGINE_DEPS,
    )

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
