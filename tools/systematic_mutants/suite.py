# SPDX-License-Identifier: BSD-3-Clause
"""Runs the tests, then the fuzz targets, against one mutant at a time."""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import programs

# What `bazel test` runs without asking...
_TESTS = (
    'kind("cc_test", tests(//...)) except attr("tags", '
    r'"\b(interop|doublefetch|mutant|manual)\b", tests(//...))'
)
# ...but for what looks at the sources as text, which are not as written.
_OF_TEXT = ("//tests:tidy_test", "//tests:history_test", "//tests/tidy:")
_FUZZ = 'kind("cc_binary", filter("_fuzz_bin$", //fuzz:all))'
_ALONE = 'attr("tags", "local", tests(//...))'


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


def build_tests(workspace, wanted=""):
    """Builds every test program of the copy, and the replays of corpora.

    Or those alone whose label has `wanted` in it, a regular expression.
    """
    labels = [
        it
        for it in sorted(workspace.query(_TESTS))
        if not it.startswith(_OF_TEXT) and re.search(wanted, it)
    ]
    targets = [
        it
        for it in workspace.query(_FUZZ)
        if re.search(wanted, it.removesuffix("_bin"))
    ]
    if not labels + targets:
        raise SuiteError(f"no test program has '{wanted}' in its label")
    alone = set(workspace.query(_ALONE))
    workspace.build(labels + sorted(targets))
    bin_folder = _bin(workspace)
    found = []
    for label in labels:
        path = _output(bin_folder, label)
        folder = path.with_name(path.name + ".runfiles") / "virtio_user"
        found.append(
            programs.Program(label, path, folder, [], label in alone)
        )
    for label in sorted(targets):
        corpus = _corpus(workspace, label)
        if corpus:
            path = _output(bin_folder, label)
            found.append(
                programs.Program(
                    label.removesuffix("_bin"), path, workspace.tree, corpus
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
            found.append(
                programs.Program(
                    label,
                    path,
                    workspace.tree,
                    ["-runs=0", *corpus],
                    sanitized=True,
                )
            )
    return found


def measure(baseline, found, jobs, progress):
    """Runs everything without a mutant; a failure ends it all."""
    failures = []
    done = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
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


def order_for(one, found):
    """The programs that reach a mutant: its unit's own, then the fastest."""
    unit = pathlib.Path(one.path).stem + "_test"
    reaching = [it for it in found if one.number in it.reached]
    return sorted(reaching, key=lambda it: (it.name != unit, it.seconds))


def judge_by_tests(one, found):
    """{verdict, by, how, seconds, digests} of a mutant under the tests."""
    spent = 0.0
    ran = {}
    for program in order_for(one, found):
        limit = programs.limit_of(program.seconds)
        outcome = programs.run(program, limit, {"VU_MUTANT": str(one.number)})
        spent += outcome.seconds
        ran[program.label] = program.digest
        if not outcome.passed:
            return {
                "verdict": "killed",
                "by": program.label,
                "how": outcome.describe(),
                "seconds": round(spent, 1),
                "digests": {program.label: program.digest},
            }
    return {
        "verdict": "survived" if ran else "not reached",
        "seconds": round(spent, 1),
        "digests": ran,
    }


def _fuzz(program, one, seconds):
    """Fuzzes one target; the outcome, None if nothing was found."""
    corpus = program.arguments[1:]
    with tempfile.TemporaryDirectory(prefix="vu_fuzz.") as folder:
        seeds = pathlib.Path(folder, "seeds")
        seeds.mkdir()
        for number, file in enumerate(corpus):
            shutil.copy(file, seeds / f"{number}-{os.path.basename(file)}")
        fuzzing = programs.Program(
            program.label,
            program.path,
            program.folder,
            [
                f"-max_total_time={seconds}",
                "-timeout=10",
                "-verbosity=0",
                f"-artifact_prefix={folder}/",
                str(seeds),
            ],
            sanitized=True,
        )
        number = {"VU_MUTANT": str(one.number)}
        outcome = programs.run(fuzzing, seconds * 3 + 60, number)
        if outcome.passed:
            return None
        # The finding has to be the mutant's doing.
        inputs = [
            str(it) for it in pathlib.Path(folder).iterdir() if it.is_file()
        ]
        if inputs:
            again = programs.Program(
                program.label,
                program.path,
                program.folder,
                inputs,
                sanitized=True,
            )
            plain = programs.run(again, 60, {})
            if not plain.passed:
                raise SuiteError(
                    f"{program.label} has a finding without any mutant:\n"
                    f"{plain.output}"
                )
        return outcome


def judge_by_fuzzing(one, found, seconds):
    """The same, under the fuzz targets that reach it."""
    reaching = [it for it in found if one.number in it.reached]
    digests = {it.label: it.digest for it in reaching}
    if not reaching:
        return {"verdict": "not reached", "seconds": 0, "digests": digests}
    share = max(1, seconds // len(reaching))
    for program in reaching:
        outcome = _fuzz(program, one, share)
        if outcome:
            return {
                "verdict": "killed",
                "by": program.label,
                "how": outcome.describe(),
                "seconds": share,
                "digests": {program.label: program.digest},
            }
    return {"verdict": "survived", "seconds": seconds, "digests": digests}
