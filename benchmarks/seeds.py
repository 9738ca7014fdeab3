"""How far seeds of one recipe lie apart, and whether the attempt log takes that for a difference.

    python benchmarks/seeds.py --contest FOLDER [--contest FOLDER ...]

FOLDER is where benchmarks/contest.py kept its runs, RECIPE-DATA-SEED/run-0.  A setting whose distances come to zero has
no share of them to tell and is left out of the first figures, not of the others.
"""

from __future__ import annotations

import argparse
import itertools
import math
import statistics
from collections.abc import Iterable
from pathlib import Path

from equipoise.attempts.judging import BETWEEN_SEEDS, result_of
from equipoise.attempts.reading import Attempt, attempts_of
from results import Result, report

NEAR_ZERO = 0.5
"""Times the mean distance; where seeds lie so far apart the distances are at their floor."""


def settings(folders: Iterable[Path]) -> dict[tuple[str, str], list[Attempt]]:
    """Attempts of at least two seeds, by data and recipe."""
    found: dict[tuple[str, str], list[Attempt]] = {}
    for run in sorted(run for folder in folders for run in folder.glob("*-*-*/run-0")):
        recipe, data, _ = run.parent.name.rsplit("-", 2)
        found.setdefault((data, recipe), []).extend(it for it in attempts_of(run) if it.outcome is not None)
    return {name: attempts for name, attempts in found.items() if len(attempts) > 1}


def spread(attempts: Iterable[Attempt]) -> float:
    """Standard deviation between seeds, as a share of their mean distance."""
    values = [it.outcome.value for it in attempts if it.outcome is not None]
    return statistics.stdev(values) / statistics.fmean(values)


def told_apart(pairs: Iterable[tuple[Attempt, Attempt]]) -> str:
    results = [result_of(one, other, BETWEEN_SEEDS)[0] for one, other in pairs]
    return f"{sum(it in ('better', 'worse') for it in results)} of {len(results)} pairs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contest", type=Path, action="append", required=True, metavar="FOLDER")
    found = settings(parser.parse_args().contest)
    spreads = {name: spread(attempts) for name, attempts in found.items()}
    away = {name: value for name, value in spreads.items() if value < NEAR_ZERO}
    squares = sum(value**2 * (len(found[name]) - 1) for name, value in away.items())
    pooled = math.sqrt(squares / sum(len(found[name]) - 1 for name in away))
    rows = [
        Result(f"{recipe} on {data}, {len(found[data, recipe])} seeds: spread of the distance", f"{value:.2f}")
        for (data, recipe), value in spreads.items()
    ]
    rows.append(Result("spread of all that are not at their floor", f"{pooled:.2f}"))
    for name, attempts in found.items():
        rows.append(
            Result(f"{name[1]} on {name[0]}: seeds told apart", told_apart(itertools.combinations(attempts, 2)), "none")
        )
    others = [
        pair
        for one, other in itertools.combinations(found, 2)
        if one[0] == other[0]
        for pair in itertools.product(found[one], found[other])
    ]
    rows.append(Result("different recipes on the same data told apart", told_apart(others)))
    report("Seeds and the attempt log", rows, REMARKS)


REMARKS = """
The measure that chose the best generator, as `equipoise journal` compares it, without repeats in the log to correct the
assumed spread.  Runs made before floors were written down are the harder case: where the distance comes to zero, as for
`auto` on eurosat, the log then takes chance for a difference, and adds that no floor was measured.
"""

if __name__ == "__main__":
    main()
