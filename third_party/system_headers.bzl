"""A repository made of header folders that a Debian package installed.

Only the named folders below /usr/include become visible, so that a target can
include what it depends on and nothing else by accident.
"""

def _system_headers_impl(ctx):
    for folder in ctx.attr.headers:
        path = ctx.path("/usr/include/" + folder)
        if not path.exists:
            fail("%s is missing: run ./vuser setup" % path)
        ctx.symlink(path, "include/" + folder)
    for source in ctx.attr.sources:
        ctx.symlink(source, source.name)
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

system_headers = repository_rule(
    implementation = _system_headers_impl,
    attrs = {
        "build_file": attr.label(mandatory = True, allow_single_file = True),
        "headers": attr.string_list(mandatory = True),
        # Files of this tree that the repository's build file compiles.
        "sources": attr.label_list(allow_files = True),
    },
    local = True,
)
