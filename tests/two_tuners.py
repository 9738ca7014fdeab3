"""A second worker, in a process of its own that can be killed: ``two_tuners.py FOLDER STORAGE``.

It says each trial that it ends.  Heartbeats are quick, so that a test need not wait for a silent worker for long.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tiny
from equipoise.run import Where
from equipoise.tuning import storage as storing
from equipoise.tuning.budget import TuningBudget
from equipoise.tuning.knobs import tuned
from equipoise.tuning.question import Asked
from equipoise.tuning.telling import Found
from equipoise.tuning.tune import tune
from equipoise.tuning.working import Say

QUICK_HEARTBEAT_S, QUICK_GRACE_S = 1, 4
REST_S = 1.0
KNOBS = ("r1.weight=0.2,0.4", "d_optim.lr=2e-3,5e-3")


def work(folder: Path, storage: str, say: Say) -> Found:
    """All that is left of a small study."""
    storing.HEARTBEAT_S, storing.GRACE_S = QUICK_HEARTBEAT_S, QUICK_GRACE_S
    recipe = tiny.points()
    asked = Asked(recipe, tuned(recipe, KNOBS), num_seeds=2, warm_up_steps=4, horizon_steps=8)
    return tune(asked, Where(device="cpu"), folder, TuningBudget("trials", 40), say, storage=storage, name="shared")


def say(line: str) -> None:
    """And rest: whoever joins later has work left on a quick machine too."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
    time.sleep(REST_S)


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], say)
