"""GAN-Clinic: how good the doctor is.

    cd benchmarks
    python -m clinic run --work FOLDER [--part dev|test] [--shared FOLDER] [--only TEXT ...] [--limit N] [--share 1/2]
    python -m clinic score --work FOLDER [--part dev|test]
    python -m clinic logs --shared FOLDER

`run` trains what has not been trained yet, one case after another on one core, and keeps journals and outcomes; two
calls at once with ``--share 1/2`` and ``--share 2/2`` take half of the cases each.  `score` trains nothing: it reads
what is kept, asks the doctor and its rivals, and writes the table.  `logs` does the same for public logs with a known
outcome.  FOLDER of ``--shared`` is that of the real data; without it the cases on real data are left out.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from pathlib import Path

from clinic import of_logs, scoring
from clinic.bases import BASES
from clinic.cases import Case
from clinic.running import carry_through, record_of
from clinic.splits import cases, list_digest


def chosen(options: argparse.Namespace) -> list[Case]:
    """The cases of a part that were asked for."""
    found = cases(options.part)
    if options.only:
        found = [case for case in found if any(fnmatch.fnmatch(case.id, f"*{text}*") for text in options.only)]
    if options.shared is None:
        found = [case for case in found if not BASES[case.base].data]
    return found


def run(options: argparse.Namespace) -> None:
    """Train the first so many of them that this call is to train and no earlier one has."""
    at, of = (int(word) for word in options.share.split("/"))
    mine = [case for number, case in enumerate(chosen(options)) if number % of == at - 1]
    missing = [case for case in mine if record_of(case, options.work) is None]
    print(f"{len(mine)} cases of {options.part}, list {list_digest(options.part)}, {len(missing)} to train", flush=True)
    for number, case in enumerate(missing[: options.limit]):
        record = carry_through(case, options.work, options.shared)
        last = record["evaluations"][-1][1]["harm"] if record["evaluations"] else float("nan")
        end = record["refused"] or record["fault"]
        print(f"{number + 1:4} {case.id}: harm {last:.3g}, {record['core_s']:.0f} s of a core {end}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "score", "logs"))
    parser.add_argument("--work", type=Path, help="folder for what is trained")
    parser.add_argument("--part", choices=("dev", "test"), default="dev")
    parser.add_argument("--shared", type=Path, help="folder of the real data")
    parser.add_argument("--only", nargs="+", help="ids that contain one of these, * for anything")
    parser.add_argument("--limit", type=int, help="at most so many runs in this call")
    parser.add_argument("--share", default="1/1", help="1/2: every second case from the first on")
    options = parser.parse_args()
    if options.work is None and options.what != "logs":
        sys.exit("--work FOLDER is needed: where runs are kept")
    if options.shared is None and options.what == "logs":
        sys.exit("--shared FOLDER is needed: where the public logs lie")
    if options.what == "run":
        run(options)
    elif options.what == "score":
        scoring.score(options.part, options.work)
    else:
        of_logs.score(options.shared)


if __name__ == "__main__":
    main()
