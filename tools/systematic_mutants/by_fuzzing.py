# SPDX-License-Identifier: BSD-3-Clause
"""Whether the fuzz targets notice what the tests leave."""

import dataclasses
import os
import pathlib
import shutil
import tempfile
import zlib

import by_tests
import programs
import suite

_REPLAY_SECONDS = 60


def seed_of(one):
    """Of the engine: the same for the same mutant."""
    return zlib.crc32(one.id.encode()) % (2**31 - 1) + 1


def _run(program, arguments, limit, variables):
    """As `./vuser fuzz` does, with the options of the target."""
    started = dataclasses.replace(
        program, arguments=[*program.flags, *arguments]
    )
    return programs.run(started, limit, variables)


def _fuzz(program, one, seconds, folder):
    """With the mutant, from the corpus; what is found goes to `folder`."""
    seeds = folder / "seeds"
    seeds.mkdir()
    corpus = [it for it in program.arguments if not it.startswith("-")]
    for number, file in enumerate(corpus):
        shutil.copy(file, seeds / f"{number}-{os.path.basename(file)}")
    arguments = [
        f"-max_total_time={seconds}",
        f"-seed={seed_of(one)}",
        "-verbosity=0",
        f"-artifact_prefix={folder}/",
        str(seeds),
    ]
    number = {"VU_MUTANT": str(one.number)}
    return _run(program, arguments, seconds * 3 + 60, number)


def _kept(folder):
    """The inputs that ended a process; slow ones did not."""
    return sorted(
        it
        for it in folder.iterdir()
        if it.is_file() and not it.name.startswith("slow-unit-")
    )


def _own_finding(program, path, plain, findings):
    """Of what the original does, too: the error, and the input is kept."""
    target = program.name.removesuffix("_bin")
    kept = findings / f"{target}-{path.name}"
    findings.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, kept)
    return suite.SuiteError(
        f"{program.label} has a finding without any mutant"
        f" ({plain.describe()}), to be mended first; its input is kept:\n"
        f"  ./vuser fuzz {target} {kept}\n{plain.output}"
    )


def _judge_by(program, one, seconds, findings):
    """(verdict, how or why) of one target; (None, "") if it found nothing.

    A finding is the mutant's doing if its input leads to a failure with the
    mutant and to none without. What ends in another way, as for want of space
    on a disk, tells nothing: the verdict is "unknown".
    """
    number = {"VU_MUTANT": str(one.number)}
    with tempfile.TemporaryDirectory(prefix="vu_fuzz.") as name:
        folder = pathlib.Path(name)
        outcome = _fuzz(program, one, seconds, folder)
        if outcome.passed:
            return None, ""
        kept = _kept(folder)
        for path in kept:
            arguments = ["-exact_artifact_path=/dev/null", str(path)]
            plain = _run(program, arguments, _REPLAY_SECONDS, {})
            if not plain.passed:
                raise _own_finding(program, path, plain, findings)
            again = _run(program, arguments, _REPLAY_SECONDS, number)
            if not again.passed:
                return "killed", again.describe()
    if kept:
        why = "and passed when its input was replayed"
        return "unknown", f"{program.label}: {outcome.describe()}, {why}"
    failure = by_tests.confirmed(program, one)
    if failure:
        return "killed", f"{failure.describe()} in its corpus"
    why = f"{outcome.describe()}, and kept no input"
    said = " ".join(outcome.output.split())[-300:]
    return "unknown", f"{program.label}: {why}: {said}"


def judge(one, found, seconds, findings):
    """As by_tests.judge does, under the fuzz targets that reach the mutant.

    `findings` is the folder for inputs of which the original dies, too.
    """
    reaching = [it for it in found if one.number in it.reached]
    digests = {it.label: it.digest for it in reaching}
    if not reaching:
        return {"verdict": "not reached", "seconds": 0, "digests": digests}
    share = max(1, seconds // len(reaching))
    result = {"verdict": "survived", "seconds": seconds, "seed": seed_of(one)}
    for program in reaching:
        verdict, how = _judge_by(program, one, share, findings)
        if verdict == "killed":
            return {
                **result,
                "verdict": "killed",
                "by": program.label,
                "how": how,
                "seconds": share,
                "digests": {program.label: program.digest},
            }
        if verdict:
            result |= {"verdict": verdict, "how": how}
    return {**result, "digests": digests}
