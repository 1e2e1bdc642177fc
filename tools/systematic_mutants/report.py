# SPDX-License-Identifier: BSD-3-Clause
"""What came out, as text and as JSON."""

import collections
import dataclasses

import mutant as m

TESTS_KILL = 90.0  # Per cent that the tests alone must notice...
ALL_KILL = 95.0  # ...and with 60 s of fuzzing.


ENOUGH = 200  # Mutants that a whole verdict rests on...
LONG_ENOUGH = 60  # ...and seconds of fuzzing.


@dataclasses.dataclass(frozen=True)
class Basis:
    """What was asked for, and of which tree; None is not known."""

    seed: str
    wanted: int
    places: int
    fuzz_seconds: int
    files: str
    tests: str
    commit: str | None
    clean: bool

    def gaps(self):
        """Why this is less than the whole question."""
        gaps = []
        if self.wanted < min(ENOUGH, self.places):
            gaps.append(f"fewer than {ENOUGH} mutants")
        if self.fuzz_seconds < LONG_ENOUGH:
            gaps.append(f"less than {LONG_ENOUGH} s of fuzzing")
        if self.files != "*":
            gaps.append(f"only the files {self.files}")
        if self.tests:
            gaps.append(f"only the tests {self.tests}")
        return gaps

    def text(self):
        commit = self.commit or "an unknown commit"
        state = "" if self.clean else ", with changes"
        return (
            f"seed {self.seed}, of {self.places} places; {commit}{state}; "
            f"{self.fuzz_seconds} s of fuzzing"
        )


def percent(part, whole):
    return 100.0 * part / whole if whole else 0.0


class Report:
    """Of the mutants that were judged: `judged` is [(mutant, {leg: result})].

    `explained` has the entry for each number that someone explained, `heads`
    the first line of such an entry for each number. `beside` is as `judged`,
    of mutants that were not chosen, and only have a reason; they are in no
    rate.
    """

    def __init__(
        self,
        judged,
        sources,
        explained,
        stale,
        stillborn,
        missing,
        heads,
        beside,
        basis,
    ):
        self.judged = judged
        self.beside = beside
        self.basis = basis
        self.sources = sources
        self.explained = explained
        self.stale = stale
        self.stillborn = stillborn
        self.missing = missing
        self.heads = heads

    def by_tests(self):
        return [it for it in self.judged if _killed(it[1], "tests")]

    def by_fuzzing(self):
        return [it for it in self.judged if _killed(it[1], "fuzzing")]

    def survivors(self):
        return [
            it
            for it in self.judged
            if not _killed(it[1], "tests") and not _killed(it[1], "fuzzing")
        ]

    def unexplained(self):
        return [
            it for it in self.survivors() if it[0].number not in self.explained
        ]

    def contradicted(self):
        """Explained, and noticed nevertheless."""
        return [
            one
            for one, results in self.judged + self.beside
            if one.number in self.explained
            and (_killed(results, "tests") or _killed(results, "fuzzing"))
        ]

    def timed_out(self):
        return [
            it for it in self.by_tests() if it[1]["tests"].get("timed_out")
        ]

    def unsteady(self):
        """Programs that failed once, and not again, with any mutant."""
        return sorted(
            {
                label
                for _, results in self.judged + self.beside
                for label in results["tests"].get("unsteady", ())
            }
        )

    def rates(self):
        whole = len(self.judged)
        tests = len(self.by_tests())
        both = tests + len(self.by_fuzzing())
        return percent(tests, whole), percent(both, whole)

    def failures(self):
        """Why the verdict is `fail`; nothing if it is `pass`."""
        tests, both = self.rates()
        why = []
        if self.missing:
            why.append(f"{self.missing} mutants were not judged yet")
        if tests < TESTS_KILL:
            why.append(f"the tests kill {tests:.1f} %, not {TESTS_KILL:.0f} %")
        if both < ALL_KILL:
            why.append(f"with fuzzing {both:.1f} %, not {ALL_KILL:.0f} %")
        if self.unexplained():
            why.append(f"{len(self.unexplained())} survivors have no reason")
        for entry in self.stale:
            why.append(f"line {entry.line} of the reasons fits no mutant")
        for one in self.contradicted():
            why.append(f"{one.id} has a reason to survive, and does not")
        return why

    def text(self):
        lines = [*self.table("operator", lambda it: it.operator), ""]
        lines += [*self.table("file", lambda it: it.path), ""]
        for one, results in self.survivors():
            lines += [*self.survivor(one, results), ""]
        tests, both = self.rates()
        whole = len(self.judged)
        lines.append(
            f"{whole} mutants: {tests:.1f} % killed by the tests, "
            f"{both:.1f} % with fuzzing; {len(self.survivors())} survived, "
            f"{len(self.unexplained())} of them without a reason; "
            f"{self.stillborn} of all there are do not compile"
        )
        lines.append(f"  {self.basis.text()}")
        if self.timed_out():
            lines.append(
                f"  {len(self.timed_out())} of the kills are programs that did"
                " not end in time"
            )
        if self.unsteady():
            lines.append(
                f"  failed once and not again: {', '.join(self.unsteady())}"
            )
        lines += [f"  {it}" for it in self.failures()]
        lines += [f"  this was {it}" for it in self.basis.gaps()]
        lines.append(f"verdict: {self.verdict()}")
        return "\n".join(lines)

    def verdict(self):
        """`partial`: nothing failed, and not everything was asked."""
        if self.failures():
            return "fail"
        return "partial" if self.basis.gaps() else "pass"

    def survivor(self, one, results):
        before, after = one.lines(self.sources[one.path])
        how = "not reached by any test"
        if results["tests"]["verdict"] == "survived":
            how = f"survived {len(results['tests']['digests'])} test programs"
        fuzzed = results.get("fuzzing", {})
        fuzzing = fuzzed.get("verdict", "not fuzzed")
        if fuzzing == "unknown":
            fuzzing += f" ({fuzzed['how']})"
        unsteady = results["tests"].get("unsteady")
        if unsteady:
            how += f" (of which failed once: {', '.join(unsteady)})"
        lines = [
            f"survivor {one.id}",
            f"  {how}; fuzzing: {fuzzing}",
            self.heads[one.number],
            f"- {before}",
            f"+ {after}",
        ]
        entry = self.explained.get(one.number)
        return lines + [f"  {entry.reason}"] if entry else lines

    def table(self, title, key):
        rows = collections.defaultdict(lambda: [0, 0, 0, 0])
        for one, results in self.judged:
            row = rows[key(one)]
            row[0] += 1
            row[1] += _killed(results, "tests")
            row[2] += _killed(results, "fuzzing")
            row[3] += not (
                _killed(results, "tests") or _killed(results, "fuzzing")
            )
        width = max([len(title), *map(len, rows)], default=0)
        yield f"{title:{width}}  mutants  tests  fuzzing  survived"
        for name in sorted(rows):
            all_, tests, fuzzing, survived = rows[name]
            yield (
                f"{name:{width}}  {all_:7}  {tests:5}  {fuzzing:7}  "
                f"{survived:8}"
            )

    def json(self):
        tests, both = self.rates()
        return {
            "verdict": self.verdict(),
            "why": self.failures(),
            "partial": self.basis.gaps(),
            **dataclasses.asdict(self.basis),
            "timed_out": len(self.timed_out()),
            "unsteady": self.unsteady(),
            "killed_by_tests_percent": round(tests, 2),
            "killed_percent": round(both, 2),
            "stillborn": self.stillborn,
            "not_judged": self.missing,
            "operators": list(m.OPERATORS),
            "mutants": [self.json_of(*it) for it in self.judged],
            "beside": [self.json_of(*it) for it in self.beside],
        }

    def json_of(self, one, results):
        before, after = one.lines(self.sources[one.path])
        entry = self.explained.get(one.number)
        return {
            "id": one.id,
            "file": one.path,
            "line": one.line,
            "operator": one.operator,
            "function": one.function,
            "before": before,
            "after": after,
            "reason": entry.reason if entry else None,
            **{
                leg: {k: v for k, v in result.items() if k != "digests"}
                for leg, result in results.items()
            },
        }


def _killed(results, leg):
    return results.get(leg, {}).get("verdict") == "killed"
