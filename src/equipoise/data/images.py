"""Pictures from a folder."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray

from equipoise.data.corpus import Corpus, DataError
from equipoise.data.decode import Plan, RefusedError, decode, read_file
from equipoise.data.listing import Listing, fingerprints, list_pictures
from equipoise.data.reading import Rules, build, digest_of
from equipoise.data.sides import typical_side
from equipoise.data.store import HEADER_BYTES, Store, key, settings_key
from equipoise.data.workers import Crew
from equipoise.recipe import Source
from equipoise.space import Space
from equipoise.spec import Knob, Problem, encode

Pixels = Annotated[int, Knob("pixels", low=1, high=4096, unit="pixels")]
Level = Annotated[int, Knob("strength of one colour", low=0, high=255)]

GREY = "grey"
"""What the only colour of grey pictures is called."""
NAMED_BY = 8
"""Digits of each key in the first part of a corpus's name: settings, then names and sizes of the files."""
FIRST_CREW = 2
"""Processes started before it is known how many files there are."""


@dataclass(frozen=True)
class PictureSource(Source):
    """A source that reads single pictures too, as it reads those of a folder."""

    @abstractmethod
    def single(self, path: Path, space: Space) -> NDArray[np.uint8]:
        """One picture as a stored sample [C, H, W].  Raises `DataError`."""


@dataclass(frozen=True)
class Images(PictureSource):
    """All PNG, JPEG, WebP, TIFF, GIF and BMP files of a folder and of those below it.

    `size` is one number, or (height, width).  `fit` says what happens to a picture of another size:

    - ``crop``: scaled, keeping its proportions, until it covers the sample; what sticks out on two sides is cut off.
      No border, nothing distorted, the edges of wide or tall pictures lost.  For photographs.
    - ``pad``: scaled, keeping its proportions, until it fits into the sample; the rest is `background` (transparent
      where alpha is kept).  Nothing lost.  For figures on a plain ground.
    - ``resize``: stretched to the sample's size; proportions change.
    - ``exact``: never scaled; a picture of another size is left out.

    The first three enlarge smaller pictures too; `min_side` leaves them out instead.  `filter` says how pixels are
    computed when the size changes:

    - ``lanczos``: smooth and sharp, for photographs.
    - ``nearest``: each pixel is one of the old ones.  Exact at whole factors, uneven at others.
    - ``pixel``: for pixel art.  Enlarged by ``nearest`` to the next whole factor, then averaged down: exact at whole
      factors, even at others, no ringing.

    `alpha` puts transparent pictures on `background`, or keeps transparency as a further channel.  `channels` is
    ``auto`` for one channel when every file is stored as grey, three otherwise.  `white` is the value that becomes
    255 in pictures of more than 8 bits: by default 65535 for whole numbers and 1 for fractions; a picture with values
    beyond it is left out.  EXIF orientation is applied.  Of duplicates (equal samples) the first is kept.

    What is held out from training is chosen file by file, or with ``group="folder"`` folder by folder: for data where
    each folder holds one scene or one event, whose pictures are too much alike to lie on both sides.
    """

    size: Pixels | tuple[Pixels, Pixels] = 64  # DCGAN's size (Radford et al. 2016, arXiv:1511.06434)
    fit: Literal["crop", "pad", "resize", "exact"] = "crop"  # the tutorials' habit: shorter side, centre crop
    filter: Literal["lanczos", "nearest", "pixel"] = "lanczos"  # least aliasing: Parmar et al. 2022, arXiv:2104.11222
    alpha: Literal["composite", "keep"] = "composite"
    background: tuple[Level, Level, Level] = (255, 255, 255)
    channels: Literal["auto", "grey", "rgb"] = "auto"
    white: Annotated[float | None, Knob("value that becomes 255 in deep pictures", above=0)] = None
    min_side: Annotated[int, Knob("smaller pictures are left out", low=1, high=4096, unit="pixels")] = 1
    drop_duplicates: bool = True
    group: Literal["file", "folder"] = "file"  # nothing is known of most folders; those of a class are no groups

    def problems(self) -> Iterator[Problem]:
        if self.fit == "exact" and min(self.shape) < self.min_side:
            yield Problem("min_side", f"is {self.min_side}, more than size: every picture would be left out")

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)"""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    def corpus(
        self, path: Path | None, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        store, settings = Store(cache), settings_key(self)
        with Crew() as crew:
            if not store.any_named(settings[:NAMED_BY]):
                crew.start(FIRST_CREW)  # there will be something to decode: they get ready while files are listed
            return self._opened(list_pictures(path), store, settings, crew, progress)

    def of(
        self, listing: Listing, cache: Path | None = None, progress: Callable[[int, int], None] | None = None
    ) -> Corpus:
        """The corpus of the files that are listed, and of no others."""
        with Crew() as crew:
            return self._opened(listing, Store(cache), settings_key(self), crew, progress)

    def onto(self, space: Space) -> Self:
        return self

    def single(self, path: Path, space: Space) -> NDArray[np.uint8]:
        plan = self.plan()._replace(grey=space.channels[0].name == GREY)
        try:
            picture = decode(read_file(str(path)), plan)
        except RefusedError as error:
            raise DataError(f"{path}: {error}") from error
        rows = np.frombuffer(picture.pixels, np.uint8).reshape(plan.height, plan.width, -1)
        return rows.transpose(2, 0, 1).copy()

    def native_side(self, path: Path | None) -> int | None:
        return typical_side(list_pictures(path))

    def _opened(
        self,
        listing: Listing,
        store: Store,
        settings: str,
        crew: Crew,
        progress: Callable[[int, int], None] | None,
    ) -> Corpus:
        seen_as = key(settings, listing.listing_key())
        known = store.remembered(seen_as)
        if known is not None:
            return known
        prefix = settings[:NAMED_BY] + listing.shape_key()[:NAMED_BY]
        corpus = None
        if store.any_named(prefix):
            corpus = store.find(f"{prefix}-{digest_of(settings, listing, fingerprints(listing))}")
        if corpus is None:
            corpus = self._build(listing, store, prefix, crew, progress)
        if listing.settled:
            store.remember(seen_as, f"{prefix}-{corpus.digest}")
        return corpus

    def plan(self) -> Plan:
        """What the decoder needs to know."""
        height, width = self.shape
        return Plan(
            height=height,
            width=width,
            fit=self.fit,
            filter=self.filter,
            keep_alpha=self.alpha == "keep",
            background=self.background,
            grey=self.channels == "grey",
            white=self.white,
            min_side=self.min_side,
        )

    def _build(
        self, listing: Listing, store: Store, prefix: str, crew: Crew, progress: Callable[[int, int], None] | None
    ) -> Corpus:
        rules = Rules(
            plan=self.plan(),
            grey_if_all_are=self.channels == "auto",
            drop_duplicates=self.drop_duplicates,
            by_folder=self.group == "folder",
            settings=settings_key(self),
            source=encode(self),
        )
        store.require(HEADER_BYTES + len(listing.names) * rules.plan.row_bytes)
        with store.aside() as made:
            digest = build(made, listing, rules, crew, progress)
            return store.settle(made, f"{prefix}-{digest}")
