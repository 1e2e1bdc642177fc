# SPDX-License-Identifier: BSD-3-Clause
"""The programs that judge: which there are, and that they pass alone."""

import concurrent.futures
import pathlib
import re
import subprocess

import ending
import programs

# What `bazel test` runs without asking...
_TESTS = (
    'kind("cc_test", tests(//...)) except attr("tags", '
    r'"\b(interop|doublefetch|mutant|manual)\b", tests(//...))'
)
# ...but for what looks at files of the tree, which are not as written, and what
# runs where there is no other file, and so none to note in what is reached.
_NO_JUDGES = (
    "//tests:tidy_test",
    "//tests:history_test",
    "//tests/tidy:",
    "//fuzz:corpus_test",
    "//tests/interop:static_program_test",
)
_FUZZ = 'kind("cc_binary", filter("_fuzz_bin$", //fuzz:all))'
_ALONE = 'attr("tags", "local", tests(//...))'
_TIMEOUTS = {"short": 60, "moderate": 300, "long": 900, "eternal": 3600}


class SuiteError(RuntimeError):
    pass


def _bin(workspace, options=()):
    done = workspace.bazel(
        "info",
        *options,
        "bazel-bin",
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return pathlib.Path(done.stdout.strip())


def _output(bin_folder, label):
    package, name = label[2:].split(":")
    return bin_folder / package / name


def _corpus(workspace, label):
    name = label.split(":")[1].removesuffix("_bin")
    folder = workspace.root / "fuzz" / "corpus" / name
    return sorted(str(it) for it in folder.rglob("*") if it.is_file())


def flags_of(text):
    """The engine's flags out of a file of options, as fuzz/run.sh has them."""
    flags, ours = [], False
    for line in text.splitlines():
        if line.startswith("["):
            ours = line == "[libfuzzer]"
        name, equals, value = line.partition("=")
        if ours and equals and not line.startswith("#"):
            flags.append(f"-{name.strip()}={value.strip()}")
    return flags


def _timeouts(workspace):
    """How many seconds Bazel gives to each test, by its label."""
    return {
        label: seconds
        for name, seconds in _TIMEOUTS.items()
        for label in workspace.query(
            f'attr("timeout", "^{name}$", tests(//...))'
        )
    }


def _flags(workspace, label):
    """What the target says about itself: its options and its dictionary."""
    name = label.removesuffix("_bin")

    def files(kind):
        found = workspace.query(f"labels(srcs, {name}_{kind})")
        return [workspace.root / it[2:].replace(":", "/") for it in found]

    flags = [f"-dict={it}" for it in files("dict")]
    for file in files("options"):
        flags += flags_of(file.read_text())
    return tuple(flags)


def build_tests(workspace, wanted=""):
    """Builds every test program of the copy, and the replays of corpora.

    Or those alone whose label has `wanted` in it, a regular expression.
    """
    labels = [
        it
        for it in sorted(workspace.query(_TESTS))
        if not it.startswith(_NO_JUDGES) and re.search(wanted, it)
    ]
    targets = [
        it
        for it in workspace.query(_FUZZ)
        if re.search(wanted, it.removesuffix("_bin"))
    ]
    if not labels + targets:
        raise SuiteError(f"no test program has '{wanted}' in its label")
    alone = set(workspace.query(_ALONE))
    timeouts = _timeouts(workspace)
    workspace.build(labels + sorted(targets))
    bin_folder = _bin(workspace)
    found = []
    for label in labels:
        path = _output(bin_folder, label)
        folder = path.with_name(path.name + ".runfiles") / "virtio_user"
        found.append(
            programs.Program(
                label,
                path,
                folder,
                [],
                label in alone,
                timeout=timeouts[label],
            )
        )
    for label in sorted(targets):
        corpus = _corpus(workspace, label)
        if corpus:
            path = _output(bin_folder, label)
            test = label.removesuffix("_bin")
            found.append(
                programs.Program(
                    test, path, workspace.tree, corpus, timeout=timeouts[test]
                )
            )
    return found


def build_fuzzers(workspace, wanted=""):
    options = ["--config=fuzz"]
    targets = [
        it
        for it in sorted(workspace.query(_FUZZ))
        if re.search(wanted, it.removesuffix("_bin"))
    ]
    if not targets:
        return []
    workspace.build(targets, options)
    bin_folder = _bin(workspace, options)
    found = []
    for label in targets:
        corpus = _corpus(workspace, label)
        if corpus:
            path = _output(bin_folder, label)
            flags = _flags(workspace, label)
            found.append(
                programs.Program(
                    label,
                    path,
                    workspace.tree,
                    [*flags, "-runs=0", *corpus],
                    sanitized=True,
                    flags=flags,
                )
            )
    return found


def measure(baseline, found, jobs, progress):
    """Runs everything without a mutant; a failure ends it all."""
    failures = []
    done = 0
    threads = concurrent.futures.ThreadPoolExecutor(jobs)
    with ending.workers(threads) as pool:
        waiting = {pool.submit(baseline.fill, it): it for it in found}
        for future in concurrent.futures.as_completed(waiting):
            done += 1
            progress(f"without a mutant: {done} of {len(found)}")
            failure = future.result()
            if failure:
                program = waiting[future]
                failures.append(
                    f"{program.label}: {failure.describe()}\n{failure.output}"
                )
    if failures:
        raise SuiteError(
            "these fail without any mutant, so nothing can be judged:\n"
            + "\n".join(failures)
        )
