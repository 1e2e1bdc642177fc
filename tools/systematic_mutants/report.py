# SPDX-License-Identifier: BSD-3-Clause
"""What came out, as text and as JSON."""

import collections

import mutant as m

TESTS_KILL = 90.0  # Per cent that the tests alone must notice...
ALL_KILL = 95.0  # ...and with 60 s of fuzzing.


def percent(part, whole):
    return 100.0 * part / whole if whole else 0.0


class Report:
    """Of the mutants that were judged: `judged` is [(mutant, {leg: result})].

    `explained` has the entry for each number that someone explained, `heads`
    the first line of such an entry for each number.
    """

    def __init__(
        self, judged, sources, explained, stale, stillborn, missing, heads
    ):
        self.judged = judged
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
        alive = {one.number for one, _ in self.survivors()}
        return [
            one
            for one, _ in self.judged
            if one.number in self.explained and one.number not in alive
        ]

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
        why = self.failures()
        lines += [f"  {it}" for it in why]
        lines.append(f"verdict: {'fail' if why else 'pass'}")
        return "\n".join(lines)

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
            "verdict": "fail" if self.failures() else "pass",
            "why": self.failures(),
            "killed_by_tests_percent": round(tests, 2),
            "killed_percent": round(both, 2),
            "stillborn": self.stillborn,
            "not_judged": self.missing,
            "operators": list(m.OPERATORS),
            "mutants": [self.json_of(*it) for it in self.judged],
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
