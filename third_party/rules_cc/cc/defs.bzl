"""The part of rules_cc that Bazel 4.2's own BUILD files load.

Debian's bazel-rules-cc is written for a newer Bazel; the native rules are all
that is needed here.
"""

cc_library = native.cc_library
cc_binary = native.cc_binary
cc_test = native.cc_test
cc_import = native.cc_import
cc_proto_library = native.cc_proto_library
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
fdo_prefetch_hints = native.fdo_prefetch_hints
fdo_profile = native.fdo_profile
objc_library = native.objc_library
objc_import = native.objc_import

# Gone from Bazel; the names are loaded but never called.
compiler_flag = None
cc_flags_supplier = None
