"""`./vuser fuzz`: see options.USAGE."""

import os
import pathlib
import random
import sys

import distil
import engine_output
import findings
import options
import session
import tree
import watch

FAIL, USAGE = 1, 2
# Of the machine; a mistake of ours is none.
TROUBLES = (tree.Trouble, OSError)


def share(targets, seconds, jobs):
    """Waves of (target, processes), and the seconds of each wave."""
    waves = [targets[i : i + jobs] for i in range(0, len(targets), jobs)]
    if seconds < len(waves):
        raise options.UsageError(
            f"--time {seconds}: less than a second for each of"
            f" {len(targets)} targets"
        )
    shared = []
    for wave in waves:
        each, more = divmod(jobs, len(wave))
        shared.append(
            [(target, each + (i < more)) for i, target in enumerate(wave)]
        )
    return shared, seconds // len(waves)


def table(sessions):
    """What became of each target."""
    names = ("execs", "rate", "coverage", "features", "corpus", "findings")
    heads = ("execs", "exec/s", "coverage", "features", "corpus", "findings")
    rows = [("target", *heads)]
    for one in sessions:
        now = one.summary()
        rows.append((one.target, *(str(now[name]) for name in names)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [cell.rjust(width) for cell, width in zip(row, widths)]
        yield "  " + "  ".join([row[0].ljust(widths[0]), *cells[1:]])


def verdict(sessions, all_count, interrupted, troubles):
    """(Exit code, text); a finding is worse than any trouble."""
    trouble = [one.trouble for one in sessions if one.trouble] + troubles
    code = max((one.findings.code for one in sessions), default=0)
    count = sum(len(one.findings.entries) for one in sessions)
    cut = ", interrupted" if interrupted else ""
    if count:
        kinds = {
            engine_output.VIOLATION: "violation",
            engine_output.LIVENESS: "liveness",
            engine_output.CRASH: "crash",
        }
        many = "s" if count > 1 else ""
        return code, f"{kinds[code]}, {count} finding{many}{cut}"
    if trouble:
        return FAIL, "nothing is known: " + "; ".join(trouble)
    execs = sum(one.summary()["execs"] for one in sessions)
    if interrupted:
        return FAIL, f"interrupted; no finding in {execs} executions so far"
    if len(sessions) < all_count or execs == 0:
        return FAIL, "nothing was executed"
    return 0, f"pass, {execs} executions"


def fuzz(wanted, screen):
    jobs = wanted.jobs
    if wanted.is_all:
        waves, seconds = share(wanted.targets, wanted.seconds, jobs)
    else:
        waves, seconds = [[(wanted.targets[0], jobs)]], wanted.seconds
    tree.build(wanted.targets)
    interrupt = watch.Interrupt()
    seed = wanted.seed or random.SystemRandom().randint(1, options.MOST_SEED)
    how = ["--clean"] * wanted.clean + ["--empty"] * wanted.empty
    sessions, troubles = [], []
    for wave in waves:
        if interrupt.seen or troubles:
            break
        try:
            now = [
                session.Session(
                    target,
                    tree.prepared(target, *how, f"--timeout_secs={seconds}"),
                    processes,
                    seconds,
                    seed,
                )
                for target, processes in wave
            ]
            for one in now:
                screen.line(one.manifest())
            sessions += now
            watch.watch(now, screen, interrupt)
            for one in now:
                print(one.text(), flush=True)
        except TROUBLES as error:
            troubles.append(str(error))
    return conclude(wanted, sessions, interrupt, troubles)


def conclude(wanted, sessions, interrupt, troubles=()):
    for trouble in troubles:
        print(f"fuzz: {trouble}", file=sys.stderr)
    for one in sessions:
        for entry in one.findings.each():
            if not interrupt.seen:
                print(f"minimizing {tree.shown(entry.path)}", file=sys.stderr)
                try:
                    one.findings.minimize(entry, lambda: interrupt.seen)
                except OSError as error:
                    # The finding is kept as it came.
                    print(f"fuzz: not minimized: {error}", file=sys.stderr)
            print("\n".join(one.findings.lines_about(entry)), flush=True)
        if one.trouble:
            print(one.trouble, file=sys.stderr)
    if wanted.is_all:
        print("\n".join(table(sessions)))
    code, text = verdict(
        sessions, len(wanted.targets), interrupt.seen, list(troubles)
    )
    print(f"verdict: {text}")
    return code


def check_input(path, name):
    """Whether the file `name` can be replayed, said before anything is built."""
    if not name:
        raise options.UsageError("'': a file has a name")
    if path.is_dir():
        raise options.UsageError(f"{name}: a folder; name files in it")
    if not path.exists():
        raise options.UsageError(f"{name}: no such file")
    if not path.is_file():
        raise options.UsageError(
            f"{name}: not a regular file; copy what it gives into one"
        )
    if not os.access(path, os.R_OK):
        raise options.UsageError(f"{name}: it must not be read by you")


def replay(wanted):
    """Runs files, each once."""
    target = wanted.targets[0]
    paths = [pathlib.Path(name).resolve() for name in wanted.files]
    for path, name in zip(paths, wanted.files):
        check_input(path, name)
    tree.build([target])
    # Another run may be at work on the corpus.
    command = tree.command_alone(target)
    log = tree.WORK / target / "replay.log"
    log.unlink(missing_ok=True)
    worst, troubles = 0, []
    for path, name in zip(paths, wanted.files):
        code, finding, lines = findings.replayed(command, path, log)
        if code == 0:
            print(f"{name}: no finding")
            continue
        print("\n".join(lines))
        if finding is None:
            how = f"ended with code {code}"
            if code is None:
                how = f"did not end within {findings.REPLAY_SECONDS} s"
            troubles.append(f"{name}: {how}")
            print(troubles[-1])
            continue
        print(finding.line)
        worst = max(worst, finding.code)
    if troubles and not worst:
        raise tree.Trouble("; ".join(troubles))
    print(f"verdict: {'finding' if worst else 'pass'}")
    return worst


def distil_all(wanted):
    tree.build(wanted.targets)
    tree.build_generator()
    worst, troubles = 0, []
    for target in wanted.targets:
        try:
            code, text = distil.distil(target, tree.prepared(target))
        except TROUBLES as error:
            troubles.append(str(error))
            print(f"fuzz: {error}", file=sys.stderr)
            continue
        print(text, flush=True)
        worst = max(worst, code)
    if troubles and not worst:
        print("verdict: nothing is known: " + "; ".join(troubles))
        return FAIL
    return worst


def main(arguments):
    if arguments == ["help"] or {"--help", "-h"} & set(arguments):
        print(options.USAGE, end="")
        return 0
    try:
        wanted = options.parse(arguments, tree.targets())
        if wanted.files:
            return replay(wanted)
        with tree.held(wanted.targets):
            if wanted.distil:
                return distil_all(wanted)
            return fuzz(wanted, watch.Screen())
    except options.UsageError as error:
        print(f"fuzz: {error}", file=sys.stderr)
        print("fuzz: ./vuser fuzz --help says more", file=sys.stderr)
        return USAGE
    except TROUBLES as error:
        print(f"fuzz: {error}", file=sys.stderr)
        print("verdict: nothing is known")
        return FAIL
    except KeyboardInterrupt:
        # While it builds, replays or distils; a run has a verdict of its own.
        print("verdict: interrupted")
        return FAIL


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
