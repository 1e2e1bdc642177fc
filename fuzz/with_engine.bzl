"""Fuzz targets with libFuzzer, whatever the configuration is.

`bazel test` builds the targets of this tree with g++ and without an engine.
What needs the engine there is built by clang 19 under AddressSanitizer and
UBSan through a transition. Which files guide the engine stands in lists,
since a transition of Bazel 4 cannot set per_file_copt.
"""

_FLAGS = [
    "-O2",
    "-g0",
    "-w",
    "-fno-omit-frame-pointer",
    "-fsanitize=address,undefined",
    "-fno-sanitize=vptr",
    "-fno-sanitize-recover=all",
    "-fsanitize=fuzzer-no-link",
    "-fsanitize-coverage=trace-loads",
    "-fsanitize-coverage-allowlist=fuzz/guides.list",
    "-fsanitize-coverage-ignorelist=fuzz/guides_not.list",
    "-DVU_LOAD_CALLBACKS",
]

def _engine_impl(settings, _attributes):
    return {
        "//command_line_option:compiler": "clang",
        "//command_line_option:copt": settings["//command_line_option:copt"] + _FLAGS,
        "//command_line_option:crosstool_top": "//third_party/clang:suite",
        "//command_line_option:linkopt": settings["//command_line_option:linkopt"] + [
            "-fsanitize=address,undefined",
            "-fno-sanitize=vptr",
            "-fsanitize-link-c++-runtime",
        ],
        "//command_line_option:platform_suffix": "-engine",
        "//fuzz:engine": "libfuzzer",
    }

_engine = transition(
    implementation = _engine_impl,
    inputs = [
        "//command_line_option:copt",
        "//command_line_option:linkopt",
    ],
    outputs = [
        "//command_line_option:compiler",
        "//command_line_option:copt",
        "//command_line_option:crosstool_top",
        "//command_line_option:linkopt",
        "//command_line_option:platform_suffix",
        "//fuzz:engine",
    ],
)

def _with_engine_impl(ctx):
    program = ctx.actions.declare_file(ctx.label.name)
    built = ctx.attr.binary[0][DefaultInfo]
    ctx.actions.symlink(
        output = program,
        target_file = built.files_to_run.executable,
        is_executable = True,
    )
    return [DefaultInfo(
        executable = program,
        runfiles = built.default_runfiles,
    )]

with_engine = rule(
    doc = "The program `binary`, built with libFuzzer and sanitizers.",
    implementation = _with_engine_impl,
    attrs = {
        "binary": attr.label(
            cfg = _engine,
            executable = True,
            mandatory = True,
        ),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    executable = True,
)
