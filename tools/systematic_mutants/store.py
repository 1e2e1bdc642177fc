# SPDX-License-Identifier: BSD-3-Clause
"""What was found out already, so that an interrupted run goes on."""

import json
import threading


# Results of another one rest on other rules of what a kill is.
_FORMAT = 3


def _read(file):
    if not file.exists():
        return {}
    kept = json.loads(file.read_text())
    return kept["results"] if kept.get("format") == _FORMAT else {}


class Store:
    """One file a state of the sources.

    A result holds as long as the programs that it rests on are the same: a
    kill needs the one that noticed, a survivor all that reach it. What is
    unknown is not kept.
    """

    def __init__(self, file):
        self.file = file
        self.lock = threading.Lock()
        self.results = _read(file)

    def get(self, one, leg, programs, seconds=0):
        """A result that still holds, None otherwise.

        A survivor has to have been fuzzed for as many seconds at least.
        """
        result = self.results.get(one.id, {}).get(leg)
        if result is None:
            return None
        digests = {
            it.label: it.digest for it in programs if one.number in it.reached
        }
        rests_on = result["digests"]
        if result["verdict"] == "killed":
            (label,) = rests_on
            return result if digests.get(label) == rests_on[label] else None
        if result["verdict"] == "survived" and result["seconds"] < seconds:
            return None
        return result if digests == rests_on else None

    def put(self, one, leg, result):
        if result["verdict"] == "unknown":
            return
        with self.lock:
            self.results.setdefault(one.id, {})[leg] = result
            part = self.file.with_suffix(".part")
            kept = {"format": _FORMAT, "results": self.results}
            part.write_text(json.dumps(kept, indent=1))
            part.replace(self.file)
