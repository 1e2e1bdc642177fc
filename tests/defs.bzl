"""How a test of this project is declared."""

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
        **kwargs
    )
