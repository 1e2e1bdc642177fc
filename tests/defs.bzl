"""How a test of this project is declared."""

# What they try takes privilege, which the sandbox takes away; without it they
# skip. Outside of it they leave nothing behind.
_PRIVILEGED = [
    "cli_tap_echo_test",
    "cli_vhost_net_test",
    "open_backend_test",
    "tap_kernel_test",
]

def vu_test(name, deps = [], size = "small", **kwargs):
    """A GoogleTest program whose source is NAME.cc.

    Args:
      name: also the name of the source, without .cc.
      deps: what it tests; gtest, gmock and main() are added.
      size: Bazel's test size, which sets the time limit.
      **kwargs: passed on to cc_test.
    """
    native.cc_test(
        name = name,
        size = size,
        srcs = [name + ".cc"] + kwargs.pop("srcs", []),
        deps = deps + ["@googletest//:gtest_main"],
        visibility = ["//tests:__subpackages__"],
        tags = kwargs.pop("tags", []) + (["local"] if name in _PRIVILEGED else []),
        **kwargs
    )
