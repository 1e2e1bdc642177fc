# SPDX-License-Identifier: BSD-3-Clause
"""Whether the tests notice a mutant."""

import pathlib

import programs
import suite

# Of a program that nothing was changed in.
_PLAIN_SECONDS = 300
_TRIES = 3


def order_for(one, found):
    """The programs that reach a mutant: its unit's own, then the fastest."""
    unit = pathlib.Path(one.path).stem + "_test"
    reaching = [it for it in found if one.number in it.reached]
    return sorted(reaching, key=lambda it: (it.name != unit, it.seconds))


def _run(program, one, limit):
    number = {"VU_MUTANT": str(one.number)}
    return programs.run(program, limit, number)


def _seconds_without(program):
    """How long it takes at this moment; without a mutant it has to pass."""
    for _ in range(_TRIES):
        outcome = programs.run(program, _PLAIN_SECONDS, {})
        if outcome.passed:
            return outcome.seconds
    raise suite.SuiteError(
        f"{program.label} passed without any mutant, and then failed {_TRIES}"
        f" times ({outcome.describe()}), so it cannot judge; mend it, or leave"
        f" it out with --tests:\n{outcome.output}"
    )


def confirmed(program, one):
    """The failure that the mutant leads to, after a first one; None if none.

    It is the mutant's doing if the program passes without it at this moment
    and fails with it once more, with the time that Bazel gives it: so neither
    a test that fails by chance nor a busy machine nor a slow mutant kills.
    """
    seconds = max(program.seconds, _seconds_without(program))
    limit = max(programs.limit_of(seconds), program.timeout)
    outcome = _run(program, one, limit)
    return None if outcome.passed else outcome


def judge(one, found):
    """{verdict, by, how, seconds, digests} of a mutant under the tests.

    `unsteady` has the programs that failed once, and not again.
    """
    spent, ran, unsteady = 0.0, {}, []
    result = {"verdict": "not reached"}
    for program in order_for(one, found):
        result = {"verdict": "survived"}
        outcome = _run(program, one, programs.limit_of(program.seconds))
        spent += outcome.seconds
        ran[program.label] = program.digest
        if outcome.passed:
            continue
        failure = confirmed(program, one)
        if failure:
            result = {
                "verdict": "killed",
                "by": program.label,
                "how": failure.describe(),
                "timed_out": failure.timed_out,
            }
            ran = {program.label: program.digest}
            break
        unsteady.append(program.label)
    result |= {"seconds": round(spent, 1), "digests": ran}
    return {**result, "unsteady": unsteady} if unsteady else result
