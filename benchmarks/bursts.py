"""Radio bursts: which of the notes' remedies really helps a DCGAN that starts as theirs did?

    python benchmarks/bursts.py --shared FOLDER [--steps 1400] [--minutes 4] [--seeds 3] [--only start slower ...]
        [--files csv|fits] [--scale linear|asinh] [--size 64|128] [--work FOLDER]

FOLDER is the folder of real data.  The burst-like windows of both sets are written as CSV files, as the notes' author
has them; those of every fourth recording are set apart, and everything is measured against them.  Windows of 128 by 128
become 64 by 64.  First the notes' failing start: a DCGAN with one rate for both sides, hard labels and no penalty; then
each of their remedies alone; then all that they ended up with, each for so many steps, which are about four minutes of
one core; then recipe ``bursts``, which fits itself to the time, in so many minutes.  All of them see intensities on
one scale, evenly or by asinh, and are measured on it.  With ``--size 128`` windows keep their size and networks have
the notes' width of 64.  With ``--files fits`` the recipe alone, on its own scale, on the recordings of ``pycallisto``
themselves: overlapping windows in which something stands out, most of them of one type II burst; measured against the
run's own data, the hours held out first.  Stopped and started again, it goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from contenders import plain_dcgan
from contest import over_seeds
from equipoise import recipes
from equipoise.augment import Noise
from equipoise.data import Spectrogram
from equipoise.edit import Edit
from equipoise.evaluating import evaluate
from equipoise.recipe import Augment, Budget, Recipe, Span, edited
from equipoise.recipes.augmenting import with_ada
from equipoise.run import Where
from equipoise.spec import Json, encode
from equipoise.terms import R1, GradientPenalty
from results import Result, report
from trials import Verdict, floor, judged, kept, number, trained

SETS = ("pycallisto", "morneventer")
OF_POLARISATION = ("test3", "test4", "0p.fit")
SET_APART = 4
"""Every so-many-th recording."""
WINDOWS = Spectrogram(size=128, average=2, low=-32.0, high=64.0)
"""With a range of its own, so that all windows are read alike."""
ASINH = replace(WINDOWS, scale="asinh", knee=3.0, origin=0.0)
RECORDINGS = Spectrogram(size=128, average=2, stride=16, least_peak=6.0, scale="asinh")
"""An eighth of a window from one to the next: few minutes of the sky are loud."""
SHOWN = ("kernel", "frechet", "precision", "recall", "coverage", "diversity", "spectrum")
OF_COPIES = ("memory", "copying")
OF_RECORDINGS = (*SHOWN, *OF_COPIES, "nearest")
USUAL = "64 pixels, linear scale, "
SURE = 0.99
"""D(x) from which the critic has left the generator behind."""


def start(**settings: Json) -> Recipe:
    """The notes' DCGAN before its repairs, with some settings changed."""
    recipe = plain_dcgan(WINDOWS)
    narrow: dict[str, Json] = {"generator.width": 32, "critic.width": 32, "batch": 16, "cadence.sheet_steps": 200}
    edits = {**narrow, **{path.replace("__", "."): value for path, value in settings.items()}}
    return edited(recipe, [Edit(path, value=value) for path, value in edits.items()])


def labels(real: Json, fake: Json) -> Recipe:
    return start(phases__main__terms__bce__real_label=real, phases__main__terms__bce__fake_label=fake)


def penalised() -> Recipe:
    """WGAN-GP's penalty, which needs a critic without batch norm."""
    recipe = start(critic__norm="layer")
    phase = recipe.phases["main"]
    return replace(recipe, phases={"main": replace(phase, terms={**phase.terms, "gp": GradientPenalty()})})


def steadied() -> Recipe:
    """R1, which a batch norm does not forbid."""
    recipe = start()
    phase = recipe.phases["main"]
    return replace(recipe, phases={"main": replace(phase, terms={**phase.terms, "r1": R1(weight=1.0, every=4)})})


def noisy() -> Recipe:
    return start(augment=encode(Augment((Noise(sigma=0.05),), applies_to="real")))


def as_repaired() -> Recipe:
    return start(
        d_optim__lr=5e-5,
        phases__main__terms__bce__real_label=[0.8, 1.0],
        phases__main__terms__bce__fake_label=[0.0, 0.2],
    )


def of_house(upsampling: str = "transposed") -> Recipe:
    return edited(recipes.load("bursts"), [Edit("generator.upsampling", value=upsampling)])


def seen(recipe: Recipe, source: Spectrogram) -> Recipe:
    """On windows of the source, and where these are large with the notes' width."""
    edits = [Edit("source", value=encode(source))]
    if source.average == 1 and recipe.tailor is None:
        edits += [Edit("generator.width", value=64), Edit("critic.width", value=64)]
    return edited(recipe, edits)


@dataclass(frozen=True)
class Contender:
    what: str
    recipe: Callable[[], Recipe]
    fits_itself: bool = False


CONTENDERS = {
    "start": Contender("the notes' failing start", start),
    "slower": Contender("critic's rate a quarter", lambda: start(d_optim__lr=5e-5)),
    "slowest": Contender("critic's rate a tenth", lambda: start(d_optim__lr=2e-5)),
    "fixed": Contender("labels 0.9 and 0.1", lambda: labels(0.9, 0.1)),
    "drawn": Contender("labels drawn from 0.8-1 and 0-0.2", lambda: labels([0.8, 1.0], [0.0, 0.2])),
    "twice": Contender("two generator updates to one", lambda: start(phases__main__g_updates=2.0)),
    "noise": Contender("noise of 0.05 on real windows", noisy),
    "penalty": Contender("gradient penalty, layer norm", penalised),
    "r1": Contender("R1", steadied),
    "ada": Contender("adaptive augmentation", lambda: with_ada(start())),
    "repaired": Contender("a quarter of the rate and drawn labels together", as_repaired),
    "bursts": Contender("recipe bursts", of_house, fits_itself=True),
    "nearest": Contender("recipe bursts, nearest up-sampling", lambda: of_house("nearest"), fits_itself=True),
}


def windows(shared: Path, into: Path) -> tuple[Path, Path]:
    """Burst-like windows as CSV files: of recordings to train on, and of the others to measure against."""
    if not into.exists():
        aside = into.with_suffix(".part")
        recordings: dict[str, list[NDArray[np.float16]]] = {}
        for name in SETS:
            with np.load(shared / "bursts" / name / "derived" / "windows_128.npz") as file:
                for window, is_burst, source in zip(file["x"], file["y"], file["src"], strict=True):
                    if is_burst and not any(word in str(source) for word in OF_POLARISATION):
                        recordings.setdefault(f"{name}-{Path(str(source)).name}", []).append(window)
        for at, (source, found) in enumerate(sorted(recordings.items())):
            folder = aside / ("unseen" if at % SET_APART == 1 else "seen") / "burst"
            folder.mkdir(parents=True, exist_ok=True)
            for place, window in enumerate(found):
                np.savetxt(folder / f"{source}-{place}.csv", window.astype(np.float32), "%.2f", ",")
        aside.rename(into)
    return into / "seen", into / "unseen"


def trial(who: str, seed: int, options: argparse.Namespace) -> Verdict:
    ours, against = windows(options.shared, options.work / "windows")
    contender = CONTENDERS[who]
    budget = Budget(seconds=60.0 * options.minutes) if contender.fits_itself else Budget(Span(options.steps))
    source = replace(ASINH if options.scale == "asinh" else WINDOWS, average=128 // options.size)
    recipe = replace(seen(contender.recipe(), source), seed=seed)
    folder = options.work / f"{who}-{options.scale}-{options.size}-{seed}"

    def make() -> Verdict:
        found = trained(recipe, Where(ours, device="cpu"), folder, budget)
        verdict = judged(found.run, against) | sureness(found.run)
        print(who, seed, {name: round(number(verdict, name), 4) for name in SHOWN}, flush=True)
        return verdict

    return kept(folder, recipe, budget, make)


def sureness(run: Path) -> Verdict:
    """In how much of the run the critic was sure of the real samples; nothing for a game without probabilities."""
    with (run / "losses.csv").open() as file:
        sure = [float(row["d_x"]) > SURE for row in csv.DictReader(file) if row.get("d_x")]
    return {"sure": sum(sure) / max(1, len(sure))}


def of_recordings(seed: int, options: argparse.Namespace) -> Verdict:
    recipe, budget = replace(seen(of_house(), RECORDINGS), seed=seed), Budget(seconds=60.0 * options.minutes)
    folder = options.work / f"fits-{seed}"

    def make() -> Verdict:
        found = trained(recipe, Where(options.shared / "bursts" / SETS[0], device="cpu"), folder, budget)
        said = evaluate(found.run, device="cpu", everything=True).to_json()
        assert isinstance(said, dict)
        verdict: Verdict = said
        print("fits", seed, {name: round(number(verdict, name), 4) for name in OF_RECORDINGS}, flush=True)
        return verdict

    return kept(folder, recipe, budget, make)


def report_recordings(options: argparse.Namespace) -> None:
    found = [of_recordings(seed, options) for seed in range(options.seeds)]
    rows = [
        Result(
            f"{name} (real data {floor(found[0], name):.4f})", over_seeds([number(verdict, name) for verdict in found])
        )
        for name in OF_RECORDINGS
    ]
    report(f"Radio bursts from FITS, {options.minutes:g} minutes, {options.seeds} seeds", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, required=True, help="folder of the real data")
    parser.add_argument("--minutes", type=float, default=4.0, help="of training for recipe bursts")
    parser.add_argument("--steps", type=int, default=1400, help="of training for each of the others")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--files", choices=("csv", "fits"), default="csv")
    parser.add_argument("--scale", choices=("linear", "asinh"), default="linear", help="of CSV windows")
    parser.add_argument("--size", choices=(64, 128), type=int, default=64, help="of CSV windows, in pixels")
    parser.add_argument("--only", choices=CONTENDERS, nargs="+", default=list(CONTENDERS))
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "equipoise-bursts")
    options = parser.parse_args()
    if options.files == "fits":
        report_recordings(options)
        return
    found = {who: [trial(who, seed, options) for seed in range(options.seeds)] for who in options.only}
    rows = []
    for name in SHOWN:
        rows.append(Result(f"real windows: {name}", f"{floor(next(iter(found.values()))[0], name):.4f}"))
        rows += [
            Result(f"{CONTENDERS[who].what}: {name}", over_seeds([number(verdict, name) for verdict in verdicts]))
            for who, verdicts in found.items()
        ]
    for name in OF_COPIES:
        rows += [
            Result(
                f"{CONTENDERS[who].what}: {name}",
                over_seeds([number({"measures": verdict["own"]}, name) for verdict in verdicts]),
            )
            for who, verdicts in found.items()
        ]
    rows += [
        Result(f"{CONTENDERS[who].what}: share of the run with D(x) above {SURE}", over_seeds([v["sure"] for v in of]))
        for who, of in found.items()
    ]
    length = f"{options.steps} steps or {options.minutes:g} minutes each, {options.seeds} seeds"
    of = f"{options.size} pixels, {options.scale} scale, "
    report(f"Radio bursts, {'' if of == USUAL else of}{length}", rows)


if __name__ == "__main__":
    main()
