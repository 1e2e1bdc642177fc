"""Puts what was found into the committed corpus, as little as will do."""

import os
import re
import shutil

import engine
import findings
import tree

MOST_FILES = 500
MOST_BYTES = 1_000_000
SECONDS = 3600


def is_found(path):
    """Named by the engine; names that tell something were given by people."""
    return re.fullmatch(r"[0-9a-f]{40}", path.name) is not None


def _named(folder):
    """Paths below it."""
    return [path.relative_to(folder) for path in tree.files_of(folder)]


def _copy(name, source, to):
    (to / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / name, to / name)


def _replace(committed, distilled):
    """Changes only what differs."""
    wanted = _named(distilled)
    committed.mkdir(parents=True, exist_ok=True)
    for name in _named(committed):
        if is_found(name) and name not in wanted:
            (committed / name).unlink()
    for name in wanted:
        if not (committed / name).exists():
            _copy(name, distilled, committed)


# Of what is covered, how often does not count.
EDGES_ALONE = ["-use_counters=0"]


def _merge(target, command, distilled, more):
    """The set cover into a folder; the log, and what was said there."""
    shutil.rmtree(distilled, ignore_errors=True)
    distilled.mkdir(parents=True)
    for name in _named(tree.CORPORA / target):
        if not is_found(name):
            _copy(name, tree.CORPORA / target, distilled)
    work = tree.WORK / target
    kept = work / "distil_artifacts"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    log = work / "distil.log"
    log.unlink(missing_ok=True)
    folders = [
        # The engine runs itself by a shell: words without spaces.
        os.path.relpath(path, work)
        for path in (distilled, tree.CORPORA / target, work / "corpus")
        if path.is_dir()
    ]
    code, _ = engine.run(
        [
            *findings.without_corpus(command),
            "-set_cover_merge=1",
            *more,
            f"-artifact_prefix={kept.name}/",
            *folders,
        ],
        work,
        log,
        SECONDS,
    )
    if code != 0:
        how = f"ended with code {code}" if code else f"took over {SECONDS} s"
        raise tree.Trouble(
            f"{target}: the merge {how}, fuzz/corpus is as it was; see"
            f" {tree.shown(log)}"
        )
    return log, log.read_text(errors="replace").splitlines()


def _look(target, command, lines, log):
    """Findings, if inputs ended the merge: it goes on without them then."""
    work = tree.WORK / target
    attempts = [it for it in lines if it.startswith("MERGE-OUTER: attempt ")]
    inputs = tree.files_of(work / "distil_artifacts")
    inputs = [it for it in inputs if not it.name.startswith("slow-unit-")]
    if len(attempts) < 2 and not inputs:
        return None
    for line in lines:
        match = re.match(r"MERGE-INNER: '(.+)' caused a failure", line)
        if match and (work / match[1]).is_file():
            inputs.append(work / match[1])
    found = findings.Findings(target, command)
    for path in {it.read_bytes(): it for it in inputs}.values():
        _, finding, _ = findings.replayed(command, path, log)
        if finding:
            found.add(finding, path)
    if not found.entries:
        raise tree.Trouble(
            f"{target}: an input ended the merge, and no input does so when"
            f" replayed; fuzz/corpus is as it was; see {tree.shown(log)}"
        )
    return found


def distil(target, command):
    """The set cover of what is committed and what was found: (code, text).

    Files that people named stay; those that the engine named stay, come or go.
    Where that is too much for a corpus, inputs that take other edges are kept,
    and not those that take them more often. If an input ends the merge, that is
    a finding, and nothing changes.
    """
    committed = tree.CORPORA / target
    distilled = tree.WORK / target / "distilled"
    for more in ((), EDGES_ALONE):
        log, lines = _merge(target, command, distilled, more)
        found = _look(target, command, lines, log)
        if found or within_bounds(distilled):
            break
    if found:
        text = [f"{target}: fuzz/corpus is as it was, since its inputs fail"]
        for entry in found.entries.values():
            text += found.lines_about(entry)
        return found.code, "\n".join(text)
    check_bounds(target, distilled)
    before = tree.corpus_text(committed)
    _replace(committed, distilled)
    return 0, f"{target}: {before}\n  -> {tree.corpus_text(committed)}"


def _extent(folder):
    files = tree.files_of(folder)
    return len(files), sum(path.stat().st_size for path in files)


def within_bounds(folder):
    count, size = _extent(folder)
    return count <= MOST_FILES and size <= MOST_BYTES


def check_bounds(target, folder):
    count, size = _extent(folder)
    if not count:
        raise tree.Trouble(f"{target}: nothing is left of the corpus")
    if not within_bounds(folder):
        raise tree.Trouble(
            f"{target}: {count} files of {size} bytes; a corpus has at"
            f" most {MOST_FILES} files and {MOST_BYTES} bytes. fuzz/corpus is"
            f" as it was, the result is in {tree.shown(folder)}"
        )
