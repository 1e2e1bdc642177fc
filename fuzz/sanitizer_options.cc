// SPDX-License-Identifier: BSD-3-Clause
//
// What AddressSanitizer does in a fuzz target where its environment says
// nothing else: strings are looked at to their ends, and leaks are findings;
// use of a function's memory after its return is looked for by the tests with
// --config=asan, which take the same inputs. Memory that was freed is kept for
// longer than any input runs, but not until caches and page tables are full of
// it; what is free never goes back to the kernel.

extern "C" const char* __asan_default_options();

extern "C" const char* __asan_default_options() {
  return "quarantine_size_mb=4:malloc_context_size=8:max_malloc_fill_size=64:"
         "detect_leaks=1:strict_string_checks=1:"
         "detect_stack_use_after_return=0:"
         "allocator_release_to_os_interval_ms=-1";
}
