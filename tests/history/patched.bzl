"""A program built from sources that a patch has changed.

An aspect collects how the program and all of its libraries are compiled and
linked: the very command lines of this configuration, whatever it is. One action
then applies the patch to a copy of the sources, compiles again what reads a
changed file and is part of the program, and links.
"""

_Commands = provider(
    doc = "How a program is made out of sources.",
    fields = {
        "compile": "depset of OBJECT.how: a command line, a word a line",
        "files": "depset of what the compilations read and say that they read",
        "link": "file of the same form, by which the program is linked; None " +
                "for a library",
        "link_inputs": "depset of what the link reads",
    },
)

def _own_files(attributes):
    files = []
    for name in ["srcs", "hdrs", "textual_hdrs"]:
        for source in getattr(attributes, name, []):
            files += source.files.to_list()
    return files

# The file that tells how an object is made; nothing for what has no list of
# the files that it read.
def _compilation(action, ctx):
    outputs = {file.extension: file for file in action.outputs.to_list()}
    if action.mnemonic != "CppCompile" or "o" not in outputs or "d" not in outputs:
        return [], []
    path = outputs["o"].short_path[len(ctx.label.package) + 1:]
    how = ctx.actions.declare_file(path + ".how")
    ctx.actions.write(how, action.args[0])
    return [how], [outputs["d"]]

def _link(target, ctx):
    executable = target[DefaultInfo].files_to_run
    executable = executable.executable if executable else None
    for action in target.actions:
        if executable and executable in action.outputs.to_list():
            how = ctx.actions.declare_file(ctx.label.name + ".how")
            ctx.actions.write(how, action.args[0])
            return how, action.inputs
    return None, depset()

def _commands_impl(target, ctx):
    deps = getattr(ctx.rule.attr, "deps", [])
    compile = []
    files = _own_files(ctx.rule.attr)

    # Other people's code is never patched.
    if not ctx.label.workspace_name:
        for action in target.actions:
            how, reads = _compilation(action, ctx)
            compile += how
            files += reads
    link, link_inputs = _link(target, ctx)
    below = [dep[_Commands] for dep in deps if _Commands in dep]
    headers = [
        dep[CcInfo].compilation_context.headers
        for dep in deps
        if CcInfo in dep
    ]
    return [_Commands(
        compile = depset(compile, transitive = [it.compile for it in below]),
        files = depset(files, transitive = [it.files for it in below] + headers),
        link = link,
        link_inputs = link_inputs,
    )]

_commands = aspect(
    implementation = _commands_impl,
    attr_aspects = ["deps"],
)

def _patched_binary_impl(ctx):
    commands = ctx.attr.binary[_Commands]
    if not commands.link:
        fail("%s is no C++ program" % ctx.attr.binary.label)
    compile = commands.compile.to_list()
    toolchain = ctx.attr._toolchain[cc_common.CcToolchainInfo]
    program = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.run(
        executable = ctx.executable._build,
        arguments = [ctx.file.patch.path, program.path, commands.link.path] +
                    [file.path for file in compile],
        inputs = depset(
            [ctx.file.patch, commands.link] + compile,
            transitive = [
                commands.files,
                commands.link_inputs,
                toolchain.all_files,
            ],
        ),
        outputs = [program],
        env = {"PATH": "/bin:/usr/bin:/usr/local/bin"},
        mnemonic = "Patched",
        progress_message = "Building %s with %s" % (
            ctx.attr.binary.label,
            ctx.file.patch.short_path,
        ),
    )
    return [DefaultInfo(
        executable = program,
        runfiles = ctx.attr.binary[DefaultInfo].default_runfiles,
    )]

patched_binary = rule(
    doc = "The program `binary`, built from sources changed by `patch`.",
    implementation = _patched_binary_impl,
    attrs = {
        "binary": attr.label(
            doc = "A cc_test or cc_binary of this tree.",
            mandatory = True,
            aspects = [_commands],
        ),
        "patch": attr.label(
            doc = "A unified diff from the root of the tree, as of git diff.",
            mandatory = True,
            allow_single_file = [".patch"],
        ),
        "_build": attr.label(
            default = "//tests/history:build_patched",
            executable = True,
            cfg = "exec",
        ),
        "_toolchain": attr.label(
            default = "@bazel_tools//tools/cpp:current_cc_toolchain",
        ),
    },
    executable = True,
)
