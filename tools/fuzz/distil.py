"""Puts what was found into the committed corpus, as little as will do."""

import collections
import itertools
import os
import re
import shutil

import engine
import findings
import tree

# corpus_test lets a corpus have so many files, of so many bytes; where seeds are
# left out of it, there is room for what is found next.
MOST_FILES = 500
MOST_BYTES = 1_000_000
ROOM = 50
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


def _replace(committed, distilled, seeds):
    """Changes only what differs; of what people named, seeds alone go."""
    wanted = _named(distilled)
    committed.mkdir(parents=True, exist_ok=True)
    for name in _named(committed):
        goes = is_found(name) or name in seeds
        if goes and name not in wanted:
            (committed / name).unlink()
    for name in wanted:
        old, new = committed / name, distilled / name
        if not old.exists() or old.read_bytes() != new.read_bytes():
            _copy(name, distilled, committed)


def _note_left_out(target, names):
    """Of seeds, those that are not committed."""
    path = tree.left_out_list(target)
    if not names:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(exist_ok=True)
    head = [
        f"# Seeds that add nothing to the corpus of {target};",
        f"# ./vuser fuzz {target} --distil writes it.",
    ]
    path.write_text("\n".join([*head, *sorted(map(str, names))]) + "\n")


# Of what is covered, how often does not count.
EDGES_ALONE = ["-use_counters=0"]


def _run(target, command, log, flags, folders):
    """The engine's merge of what lies in folders into the first of them."""
    work = tree.WORK / target
    code, _ = engine.run(
        [
            *findings.without_corpus(command),
            "-set_cover_merge=1",
            *flags,
            # The engine runs itself by a shell: words without spaces.
            *(os.path.relpath(it, work) for it in folders if it.is_dir()),
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


def _merge(target, command, distilled, seeds, more):
    """The set cover into a folder; the log, and what was said there.

    What people named stays, and all seeds do.
    """
    shutil.rmtree(distilled, ignore_errors=True)
    shutil.copytree(seeds, distilled)
    names = _named(seeds)
    for name in _named(tree.CORPORA / target):
        if not is_found(name) and name not in names:
            _copy(name, tree.CORPORA / target, distilled)
    work = tree.WORK / target
    kept = work / "distil_artifacts"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    log = work / "distil.log"
    log.unlink(missing_ok=True)
    flags = [*more, f"-artifact_prefix={kept.name}/"]
    folders = [distilled, tree.CORPORA / target, work / "corpus"]
    _run(target, command, log, flags, folders)
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


def _features(control):
    """What each input reaches, by its path: of a merge's control file."""
    lines = control.read_text().splitlines()
    paths = lines[2 : 2 + int(lines[0])]
    words = (line.split() for line in lines[2 + len(paths) :])
    return {
        paths[int(index)]: set(numbers)
        for kind, index, *numbers in words
        if kind == "FT"
    }


def _thin(target, command, distilled, seeds, more):
    """Drops seeds that reach nothing more than the rest, long ones first."""
    work = tree.WORK / target
    none, control = work / "thinned", work / "thin.control"
    shutil.rmtree(none, ignore_errors=True)
    none.mkdir()
    control.unlink(missing_ok=True)
    flags = [*more, f"-merge_control_file={control.name}"]
    _run(target, command, work / "thin.log", flags, [none, distilled])
    reached = {
        (work / path).resolve(): features
        for path, features in _features(control).items()
    }
    times = collections.Counter(itertools.chain(*reached.values()))
    paths = [distilled.resolve() / name for name in _named(seeds)]
    for path in sorted(paths, key=lambda it: (-it.stat().st_size, it.name)):
        features = reached.get(path, set())
        if all(times[it] > 1 for it in features):
            times.subtract(features)
            path.unlink()


def distil(target, command):
    """The set cover of seeds, what is committed, what was found: (code, text).

    Files in found/ stay; those that the engine named stay, come or go; seeds
    stay. Where that is too much for a corpus, and from then on, seeds that
    reach nothing more than the rest are left out. Where it still is, inputs
    that take other edges are kept, and not those that take them more often. If
    an input ends the merge, that is a finding, and nothing changes.
    """
    committed = tree.CORPORA / target
    distilled = tree.WORK / target / "distilled"
    seeds = tree.WORK / target / "seeds"
    shutil.rmtree(seeds, ignore_errors=True)
    tree.write_seeds(target, seeds)
    thins = tree.left_out_list(target).exists()
    for more in ((), EDGES_ALONE):
        log, lines = _merge(target, command, distilled, seeds, more)
        found = _look(target, command, lines, log)
        if found:
            break
        if thins or not within_bounds(distilled):
            _thin(target, command, distilled, seeds, more)
        if within_bounds(distilled):
            break
    if found:
        text = [f"{target}: fuzz/corpus is as it was, since its inputs fail"]
        for entry in found.entries.values():
            text += found.lines_about(entry)
        return found.code, "\n".join(text)
    check_bounds(target, distilled)
    before = tree.corpus_text(committed)
    left_out = set(_named(seeds)) - set(_named(distilled))
    _replace(committed, distilled, _named(seeds))
    _note_left_out(target, left_out)
    text = f"{target}: {before}\n  -> {tree.corpus_text(committed)}"
    return 0, text + f"; {len(left_out)} seeds are left out"


def _extent(folder):
    files = tree.files_of(folder)
    return len(files), sum(path.stat().st_size for path in files)


def within_bounds(folder):
    count, size = _extent(folder)
    return count <= MOST_FILES - ROOM and size <= MOST_BYTES


def check_bounds(target, folder):
    count, size = _extent(folder)
    if not count:
        raise tree.Trouble(f"{target}: nothing is left of the corpus")
    if not within_bounds(folder):
        raise tree.Trouble(
            f"{target}: {count} files of {size} bytes; distilling leaves at"
            f" most {MOST_FILES - ROOM} files and {MOST_BYTES} bytes."
            " fuzz/corpus is as it was, the result is in"
            f" {tree.shown(folder)}"
        )
