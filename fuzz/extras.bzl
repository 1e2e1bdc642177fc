"""What the tree asks of a fuzz target beside rules_fuzzing's cc_fuzz_test."""

ENGINE_LINKOPTS = select({
    "//fuzz:libfuzzer": ["-fsanitize=fuzzer"],
    "//conditions:default": [],
})

ENGINE_DEPS = ["//fuzz:sanitizer_options"] + select({
    "//fuzz:libfuzzer": [],
    "//conditions:default": ["//fuzz:plain_driver"],
})

def fuzz_extras(name, srcs, deps, options):
    """Stands beside the cc_fuzz_test of the same name.

    NAME_options are the engine's options. NAME_empty_bin is a target that does
    nothing in a program of the same size: what the engine takes
    (bench/fuzz_rates.sh).

    Args:
      name: of the cc_fuzz_test.
      srcs: the same as there.
      deps: the same as there.
      options: label of libFuzzer's options.
    """
    native.filegroup(
        name = name + "_options",
        srcs = [options],
    )
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
        linkopts = ENGINE_LINKOPTS,
        tags = ["manual"],
        deps = [":%s_other" % name] + ENGINE_DEPS,
    )
