"""Puts what was found into the committed corpus, as little as will do."""

import re
import shutil

import engine
import tree

MOST_FILES = 500
MOST_BYTES = 1_000_000
SECONDS = 3600


def is_found(path):
    """Named by the engine; names that tell something were given by people."""
    return re.fullmatch(r"[0-9a-f]{40}", path.name) is not None


def _replace(committed, distilled):
    """Changes only what differs."""
    wanted = {path.name for path in tree.files_of(distilled)}
    committed.mkdir(exist_ok=True)
    for path in tree.files_of(committed):
        if is_found(path) and path.name not in wanted:
            path.unlink()
    for path in tree.files_of(distilled):
        if not (committed / path.name).exists():
            shutil.copyfile(path, committed / path.name)


def distil(target, command):
    """The set cover of what is committed and what was found.

    Files that people named stay; those that the engine named stay, come or go.
    """
    work = tree.WORK / target
    committed = tree.CORPORA / target
    distilled = work / "distilled"
    shutil.rmtree(distilled, ignore_errors=True)
    distilled.mkdir(parents=True)
    for path in tree.files_of(committed):
        if not is_found(path):
            shutil.copyfile(path, distilled / path.name)
    words = [
        word
        for word in command
        if word != "corpus" and not word.startswith("-max_total_time=")
    ]
    log = work / "distil.log"
    log.unlink(missing_ok=True)
    code, _ = engine.run(
        [
            *words,
            "-set_cover_merge=1",
            str(distilled),
            *(str(p) for p in (committed, work / "corpus") if p.is_dir()),
        ],
        work,
        log,
        SECONDS,
    )
    if code != 0:
        raise tree.Trouble(
            f"{target}: the merge ended with code {code}; see {tree.shown(log)}"
        )
    check_bounds(target, distilled)
    before = tree.corpus_text(committed)
    _replace(committed, distilled)
    return f"{target}: {before}\n  -> {tree.corpus_text(committed)}"


def check_bounds(target, folder):
    files = tree.files_of(folder)
    size = sum(path.stat().st_size for path in files)
    if not files:
        raise tree.Trouble(f"{target}: nothing is left of the corpus")
    if len(files) > MOST_FILES or size > MOST_BYTES:
        raise tree.Trouble(
            f"{target}: {len(files)} files of {size} bytes; a corpus has at"
            f" most {MOST_FILES} files and {MOST_BYTES} bytes. fuzz/corpus is"
            f" as it was, the result is in {tree.shown(folder)}"
        )
