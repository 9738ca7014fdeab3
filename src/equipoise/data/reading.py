"""From a listing of files to a corpus: decode in place, leave out what cannot be used, say what was done."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import SAMPLES, DataError, Description, LeftOut, checksums, describe
from equipoise.data.decode import Plan
from equipoise.data.listing import Listing
from equipoise.data.split import identities
from equipoise.data.store import HEADER_BYTES, compact, key
from equipoise.data.workers import Crew, Progress, Read, Task
from equipoise.space import Channel, Space
from equipoise.spec import Json

FEWEST = 2
"""Fewer samples have no distribution."""
DUPLICATE = "duplicate of "
"""How the reason begins for which a picture that equals another one is left out; the name of that one follows."""
SHOWN_SIZES = 4
CHANNELS = {
    "L": ("grey",),
    "LA": ("grey", "alpha"),
    "RGB": ("red", "green", "blue"),
    "RGBA": ("red", "green", "blue", "alpha"),
}
FIT_VERBS = {"pad": "padded", "crop": "cropped", "resize": "stretched"}


@dataclass(frozen=True, slots=True)
class Rules:
    """What to do with what has been decoded.  `settings` is the key of them all, `source` their JSON."""

    plan: Plan
    grey_if_all_are: bool
    drop_duplicates: bool
    by_folder: bool
    settings: str
    source: Json


def build(folder: Path, listing: Listing, rules: Rules, crew: Crew, progress: Progress | None) -> str:
    """Fill an empty folder with the corpus of a listing.  Returns the corpus's digest, of settings and contents.

    Raises `DataError` when fewer than two pictures remain.
    """
    plan = rules.plan
    shape: tuple[int, ...] = (len(listing.names), plan.height, plan.width, len(plan.mode))
    path = folder / SAMPLES
    with path.open("wb") as file:
        file.truncate(HEADER_BYTES + len(listing.names) * plan.row_bytes)
    reads = crew.decode(Task(listing.root, plan, path, HEADER_BYTES), listing.names, listing.sizes, progress)
    reasons = [read.reason for read in reads]
    if rules.drop_duplicates:
        rows = np.memmap(path, np.uint8, "r", HEADER_BYTES, (len(reads), plan.row_bytes))
        _mark_duplicates(reads, listing.names, rows, reasons)
        del rows
    kept = np.array([at for at, reason in enumerate(reasons) if not reason], np.intp)
    left_out = [LeftOut(name, reason) for name, reason in zip(listing.names, reasons, strict=True) if reason]
    left_out = sorted([*left_out, *listing.left_out], key=lambda item: item.name)
    _refuse_too_few(len(kept), left_out, listing)
    used = [reads[at] for at in kept]
    all_grey = rules.grey_if_all_are and all(read.grey for read in used)
    mode = plan.mode.replace("RGB", "L") if all_grey and not plan.keep_alpha else plan.mode
    with path.open("r+b") as file:
        shape = compact(file, shape, kept, len(mode))
    digest = digest_of(rules.settings, listing, [read.fingerprint for read in reads])
    space = Space(tuple(map(Channel, CHANNELS[mode])), plan.height, plan.width)
    names = [listing.names[at] for at in kept]
    notes = tuple(_notes(used, names, listing, rules, all_grey))
    made_from = str(listing.root.resolve())
    description = Description(digest, space, names, tuple(left_out), notes, rules.source, made_from)
    sums = np.array([read.checksum for read in used], np.uint32)
    if mode != plan.mode:
        sums = checksums(np.load(path, mmap_mode="r"))
    folders = (PurePosixPath(name).parent.as_posix() for name in names)
    origins = folders if rules.by_folder else (read.fingerprint for read in used)
    describe(folder, description, sums, identities(origin.encode() for origin in origins))
    return digest


def digest_of(settings: str, listing: Listing, fingerprints: Sequence[str]) -> str:
    """The name of everything that decides what the samples are: settings, file names and contents, in order."""
    return key(settings, listing.shape_key(), "".join(fingerprints))


def _mark_duplicates(reads: Sequence[Read], names: Sequence[str], rows: NDArray[np.uint8], reasons: list[str]) -> None:
    """Give a reason to each sample that equals an earlier one, byte for byte."""
    firsts: defaultdict[int, list[int]] = defaultdict(list)
    for at, read in enumerate(reads):
        if read.reason:
            continue
        alike = firsts[read.checksum]
        same = next((other for other in alike if np.array_equal(rows[at], rows[other])), None)
        if same is None:
            alike.append(at)
        else:
            reasons[at] = f"{DUPLICATE}{names[same]}"


def _refuse_too_few(kept: int, left_out: Sequence[LeftOut], listing: Listing) -> None:
    if kept >= FEWEST:
        return
    where, count = listing.root, len(listing.names)
    if not left_out:
        needed = f"training needs at least {FEWEST}, better some hundreds"
        raise DataError(f"only one picture in {where}; {needed}{listing.to_unpack}")
    first = f"the first: {left_out[0].name}, {left_out[0].reason}"
    if all(item.reason.startswith("unreadable") for item in left_out) and kept == 0:
        raise DataError(f"none of the {count} pictures in {where} can be read; {first}; check the files")
    raise DataError(
        f"{'nothing' if kept == 0 else 'only one picture'} of the {count} in {where} is left after leaving out "
        f"{len(left_out)}; {first}; add other pictures, or change the source's settings"
    )


def _notes(used: Sequence[Read], names: Sequence[str], listing: Listing, rules: Rules, all_grey: bool) -> Iterator[str]:
    """What a person should know, one line each."""
    count, plan = len(used), rules.plan
    yield from _size_notes(used, names, plan)
    transparent = sum(read.transparent for read in used)
    if transparent and plan.keep_alpha:
        yield f"{transparent} of {count} pictures are partly transparent; alpha is kept as a channel"
    elif transparent:
        colour = ", ".join(map(str, plan.background))
        yield f"{transparent} of {count} pictures are partly transparent; they were put on the colour ({colour})"
    if all_grey and not plan.keep_alpha:
        yield "all pictures are grey; they were read as one channel"
    deep = sum(read.deep for read in used)
    if deep:
        yield f"{deep} of {count} pictures have more than 8 bits; they were scaled to 8"
    animated = sum(read.animated for read in used)
    if animated:
        yield f"{animated} of {count} files hold several pictures; the first of each was taken"
    if listing.others:
        yield f"files of other kinds were ignored: {listing.other_kinds()}{listing.to_unpack}"


def _size_notes(used: Sequence[Read], names: Sequence[str], plan: Plan) -> Iterator[str]:
    """What was done to pictures of each size; a size that occurs once is named, as it is often a stray file."""
    sizes = Counter((read.width, read.height) for read in used)
    changed = [(size, count) for size, count in sizes.most_common() if size != (plan.width, plan.height)]
    for (width, height), count in changed[:SHOWN_SIZES]:
        of = f"{count} of {len(used)} pictures were"
        if count == 1:
            at = next(at for at, read in enumerate(used) if (read.width, read.height) == (width, height))
            of = f"the only picture of its size, {names[at]}, does it belong here? It was"
        yield f"{of} {_change(width, height, plan)} from {width}x{height}"
    rest = changed[SHOWN_SIZES:]
    if rest:
        yield f"{sum(count for _, count in rest)} of {len(used)} pictures were changed from {len(rest)} other sizes"


def _change(width: int, height: int, plan: Plan) -> str:
    across, down = plan.width / width, plan.height / height
    factor = min(across, down) if plan.fit == "pad" else max(across, down)
    verbs = ["enlarged" if factor > 1 else "reduced"] if factor != 1 else []
    if across != down:
        verbs.append(FIT_VERBS[plan.fit])
    return " and ".join(verbs)
