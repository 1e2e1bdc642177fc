# SPDX-License-Identifier: BSD-3-Clause
"""Which mutants of all there are: N of them, by a seed."""

import random

import mutant as m


def _order_of_files(mutants, seed):
    """Files one after the other; inside of a file by chance."""
    by_path = {}
    for one in sorted(mutants, key=lambda it: it.id):
        by_path.setdefault(one.path, []).append(one)
    ordered = []
    for path in sorted(by_path):
        some = by_path[path]
        random.Random(f"{seed}:{path}:{some[0].operator}").shuffle(some)
        ordered += some
    return ordered


def _shares(sizes, count):
    """`count` dealt out in proportion, the greatest remainders first."""
    total = sum(sizes)
    exact = [size * count / total for size in sizes]
    shares = [int(it) for it in exact]
    by_remainder = sorted(
        range(len(sizes)), key=lambda i: (shares[i] - exact[i], i)
    )
    for i in by_remainder[: count - sum(shares)]:
        shares[i] += 1
    return shares


def choose(mutants, count, seed):
    """`count` mutants, or all: operators and files in proportion.

    Every k-th of a list that goes through the files in order, from a start
    that the seed says, so that a file has its share of each operator.
    """
    if count >= len(mutants):
        return list(mutants)
    strata = [
        [it for it in mutants if it.operator == operator]
        for operator in m.OPERATORS
    ]
    chosen = []
    for stratum, share in zip(strata, _shares(list(map(len, strata)), count)):
        if share == 0:
            continue
        ordered = _order_of_files(stratum, seed)
        step = len(ordered) / share
        start = random.Random(f"{seed}:{ordered[0].operator}").random() * step
        chosen += [ordered[int(start + i * step)] for i in range(share)]
    return sorted(chosen, key=lambda it: it.number)
