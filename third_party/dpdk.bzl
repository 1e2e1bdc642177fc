"""DPDK as a repository, where this machine has it.

Needs Debian's libdpdk-dev and the headers that tools/dpdk_headers.sh puts into
build/dpdk/include. Where either is missing, the repository has the same targets
without contents, and HAVE_DPDK in its dpdk.bzl is False: who builds on it tags
its targets "manual" then.
"""

# In place of what pkg-config says, which drags in everything that DPDK itself
# was ever linked with: the libraries of which a driver calls something.
_LIBRARIES = [
    "rte_bus_vdev",
    "rte_eal",
    "rte_ethdev",
    "rte_kvargs",
    "rte_mbuf",
    "rte_mempool",
    "rte_net",
    "rte_ring",
]

_BUILD = """
cc_library(
    name = "dpdk",
    hdrs = glob(["include*/**/*.h"]),
    # Its inline functions take the instructions that it was built for.
    defines = {defines},
    includes = {includes},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
"""

def _pkg_config(ctx, argument):
    """The words that pkg-config answers; none where it has no answer."""
    program = ctx.which("pkg-config")
    if not program:
        return []
    result = ctx.execute([program, argument, "libdpdk"])
    if result.return_code != 0:
        return []
    return [word for word in result.stdout.strip().split(" ") if word]

def _dpdk_impl(ctx):
    own = str(ctx.path(ctx.attr.workspace).dirname) + "/build/dpdk/include"
    flags = _pkg_config(ctx, "--cflags")
    folders = [flag[2:] for flag in flags if flag.startswith("-I") and "dpdk" in flag]
    found = bool(folders) and ctx.path(own + "/ethdev_driver.h").exists
    includes = []
    if found:
        for i, folder in enumerate(folders + [own]):
            ctx.symlink(folder, "include%d" % i)
            includes.append("include%d" % i)
    ctx.file("BUILD.bazel", _BUILD.format(
        defines = repr(["ALLOW_EXPERIMENTAL_API", "ALLOW_INTERNAL_API"]),
        includes = repr(includes),
        linkopts = repr(["-l" + name for name in _LIBRARIES] if found else []),
    ))
    machine = [flag for flag in flags if flag.startswith("-march=")]
    copts = ["-include", "rte_config.h"] + machine if found else []
    ctx.file("dpdk.bzl", "HAVE_DPDK = %r\nDPDK_COPTS = %r\n" % (found, copts))

dpdk_repository = repository_rule(
    implementation = _dpdk_impl,
    attrs = {
        "workspace": attr.label(default = Label("//:WORKSPACE")),
    },
    configure = True,
    local = True,
)
