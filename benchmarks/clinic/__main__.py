"""GAN-Clinic: how good the doctor is, and whether the autopilot rescues.

    cd benchmarks
    python -m clinic run --work FOLDER [--part dev|test|fresh|healthy] [--shared FOLDER] [--only TEXT ...] [--limit N]
                         [--share 1/2]
    python -m clinic score --work FOLDER [--part dev|test|fresh|healthy]
    python -m clinic logs --shared FOLDER
    python -m clinic rescue --work FOLDER [--part ...] [--shared FOLDER] [--only TEXT ...] [--limit N] [--share 1/2]
                            [--plan short|rest|unseen]
    python -m clinic rescued --work FOLDER [--part dev|test|fresh|healthy] [--beside test|fresh]
                             [--plan short|rest|unseen]
    python -m clinic harm --work FOLDER [--part dev|test|fresh|healthy]
    python -m clinic refused --work FOLDER [--part dev|test|fresh] [--shared FOLDER]

`run` trains what has not been trained yet, one case after another on one core, and keeps journals and outcomes; two
calls at once with ``--share 1/2`` and ``--share 2/2`` take half of the cases each.  `score` trains nothing: it reads
what is kept, asks the doctor and its rivals, and writes the table.  `logs` does the same for public logs with a known
outcome.  `rescue` trains the arms of each case of its plan at equal compute: the autopilot, what one could do without a
doctor, and the oracle; ``--limit`` and ``--share`` count cases there, and ``--only`` is of CASE/ARM; ``--plan rest``
gives each arm six times the length of its base, and not two, and ``--plan unseen`` other seeds.  `rescued` trains
nothing and writes the table, with ``--beside`` of two parts together, and `harm` one of the healthy runs alone that
`rescue` has flown.  `refused` begins each run with a bug of data, plumbing or measure, takes no step, and writes how
many are refused or told.  FOLDER of ``--shared`` is that of the real data; without it the cases on real data are left
out.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from pathlib import Path

from clinic import of_logs, refusing, rescued, rescuing, scoring
from clinic.bases import BASES
from clinic.cases import Case
from clinic.plans import PLANS, Plan
from clinic.running import carry_through, record_of
from clinic.splits import cases, list_digest

PARTS = ("dev", "test", "fresh", "healthy")


def chosen(options: argparse.Namespace) -> list[Case]:
    """The cases of a part that were asked for."""
    found = cases(options.part)
    found = [case for case in found if _is_meant(case.id, options)]
    return [case for case in found if _has_data(case, options)]


def _is_meant(name: str, options: argparse.Namespace) -> bool:
    return not options.only or any(fnmatch.fnmatch(name, f"*{text}*") for text in options.only)


def _has_data(case: Case, options: argparse.Namespace) -> bool:
    return options.shared is not None or not BASES[case.base].data


def _share(found: list[Case], options: argparse.Namespace) -> list[Case]:
    """Those that are this call's."""
    at, of = (int(word) for word in options.share.split("/"))
    return [case for number, case in enumerate(found) if number % of == at - 1]


def run(options: argparse.Namespace) -> None:
    """Train the first so many of them that this call is to train and no earlier one has."""
    mine = _share(chosen(options), options)
    missing = [case for case in mine if record_of(case, options.work) is None]
    print(f"{len(mine)} cases of {options.part}, list {list_digest(options.part)}, {len(missing)} to train", flush=True)
    for number, case in enumerate(missing[: options.limit]):
        record = carry_through(case, options.work, options.shared)
        last = record["evaluations"][-1][1]["harm"] if record["evaluations"] else float("nan")
        end = record["refused"] or record["fault"]
        print(f"{number + 1:4} {case.id}: harm {last:.3g}, {record['core_s']:.0f} s of a core {end}", flush=True)


def rescue(options: argparse.Namespace) -> None:
    """Train the first so many cases of the plan that are not whole, arm by arm."""
    plan = PLANS[options.plan]
    print(f"plan {rescued.plan_digest(options.part, plan)}", flush=True)
    wanted = [missing_jobs(case, plan, options) for case in _share(plan.cases(options.part), options)]
    for jobs in [found for found in wanted if found][: options.limit]:
        for job in jobs:
            record = rescuing.carry_through(job, options.work, options.shared)
            came = f"harm {rescued.outcome(record):.3g}, {record['spent']} steps, {record['core_s']:.0f} s of a core"
            print(f"{job.id}: {came} {record['fault']}", flush=True)


def refused(options: argparse.Namespace) -> None:
    """Begin the runs with bugs, and write how many were refused."""
    for case in refusing.buggy(options.part):
        if _has_data(case, options):
            found = refusing.carry_to_the_start(case, options.work, options.shared)
            print(f"{case.id}: {found['refused'] or ', '.join(found['causes']) or 'nothing'}", flush=True)
    refusing.score(options.part, options.work)


def missing_jobs(case: Case, plan: Plan, options: argparse.Namespace) -> list[rescuing.Job]:
    """Those of the case that were asked for and not trained yet."""
    return [
        job
        for job in rescuing.jobs(case, plan)
        if _is_meant(job.id, options) and rescuing.record_of(job, options.work) is None
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "score", "logs", "rescue", "rescued", "harm", "refused"))
    parser.add_argument("--work", type=Path, help="folder for what is trained")
    parser.add_argument("--part", choices=PARTS, default="dev")
    parser.add_argument("--beside", choices=("test", "fresh"), help="another part for the table of rescues")
    parser.add_argument("--plan", choices=PLANS, default="short", help="of rescues: how long they may take")
    parser.add_argument("--shared", type=Path, help="folder of the real data")
    parser.add_argument("--only", nargs="+", help="ids that contain one of these, * for anything")
    parser.add_argument("--limit", type=int, help="at most so many runs in this call")
    parser.add_argument("--share", default="1/1", help="1/2: every second case from the first on")
    options = parser.parse_args()
    if options.work is None and options.what != "logs":
        sys.exit("--work FOLDER is needed: where runs are kept")
    if options.shared is None and options.what == "logs":
        sys.exit("--shared FOLDER is needed: where the public logs lie")
    if options.beside is not None and (options.what != "rescued" or options.part in ("dev", options.beside)):
        sys.exit("--beside is for `rescued`, and for parts by which no rule was made")
    if options.what == "run":
        run(options)
    elif options.what == "score":
        scoring.score(options.part, options.work)
    elif options.what == "rescue":
        rescue(options)
    elif options.what == "rescued":
        rescued.score([options.part, *filter(None, [options.beside])], options.work, PLANS[options.plan])
    elif options.what == "harm":
        rescued.score_harm(options.part, options.work)
    elif options.what == "refused":
        refused(options)
    else:
        of_logs.score(options.shared)


if __name__ == "__main__":
    main()
