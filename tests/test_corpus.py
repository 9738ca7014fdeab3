"""The cache of corpora: found again, rebuilt when it must be, never half made.  And the sources that need no files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from equipoise.data import Corpus, DataError, Digits, Grid, Images, Points, Ring, images, listing
from equipoise.data.corpus import checksums
from equipoise.data.store import ASIDE, Store, compact, header
from equipoise.errors import RequestError

SOURCE = Images(size=8)


def fill(folder: Path, count: int = 3) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for at in range(count):
        pixels = np.random.default_rng(at).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{at}.png")
    return folder


def folders(cache: Path) -> list[Path]:
    """The corpora in a cache, without its memory of listings."""
    return [path for path in cache.iterdir() if path.name != "listings"]


class Counter:
    """A progress callback that remembers."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, done: int, total: int) -> None:
        self.calls.append((done, total))


def decoded(folder: Path, cache: Path, source: Images = SOURCE) -> tuple[Corpus, bool]:
    """The corpus, and whether anything had to be decoded for it."""
    counter = Counter()
    corpus = source.corpus(folder, cache, counter)
    return corpus, bool(counter.calls)


def test_a_corpus_is_decoded_once_and_is_the_same_when_opened_again(tmp_path: Path) -> None:
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    counter = Counter()
    first = SOURCE.corpus(folder, cache, counter)
    assert counter.calls[-1] == (3, 3)
    again, was_decoded = decoded(folder, cache)
    assert not was_decoded
    assert (again.names, again.left_out, again.notes, again.space) == (
        first.names,
        first.left_out,
        first.notes,
        first.space,
    )
    assert again.digest == first.digest
    np.testing.assert_array_equal(again.samples, first.samples)
    assert len(folders(cache)) == 1


def test_an_unchanged_folder_is_known_without_opening_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "SETTLED_S", -60.0)
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    first = SOURCE.corpus(folder, cache)

    def refuse(*_: object) -> list[str]:
        raise AssertionError("files were opened")

    monkeypatch.setattr(images, "fingerprints", refuse)
    assert SOURCE.corpus(folder, cache).digest == first.digest
    os.utime(folder / "0.png", (1, 1))
    with pytest.raises(AssertionError, match="files were opened"):
        SOURCE.corpus(folder, cache)


def test_a_folder_written_a_moment_ago_is_not_known_by_its_listing(tmp_path: Path) -> None:
    """Within one tick of a file system's clock a file can change without changing its time."""
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    SOURCE.corpus(folder, cache)
    assert not (cache / "listings").exists()


def test_touched_and_copied_folders_are_recognised_by_content(tmp_path: Path) -> None:
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    first = SOURCE.corpus(folder, cache)
    os.utime(folder / "1.png", (10**9, 10**9))
    assert not decoded(folder, cache)[1]
    copied, was_decoded = decoded(fill(tmp_path / "copy"), cache)
    assert not was_decoded
    assert copied.digest == first.digest


def test_changed_content_names_or_settings_make_another_corpus(tmp_path: Path) -> None:
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    digests = [SOURCE.corpus(folder, cache).digest]
    digests.append(Images(size=9).corpus(folder, cache).digest)
    (folder / "2.png").rename(folder / "renamed.png")
    digests.append(SOURCE.corpus(folder, cache).digest)
    data = bytearray((folder / "1.png").read_bytes())
    Image.new("RGB", (8, 8), (1, 2, 3)).save(folder / "1.png")
    changed = SOURCE.corpus(folder, cache)
    digests.append(changed.digest)
    assert changed.samples[1, :, 0, 0].tolist() == [1, 2, 3]
    (folder / "1.png").write_bytes(data[:-20])
    digests.append(SOURCE.corpus(folder, cache).digest)
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        ("samples.npy", lambda data: data[:-1]),
        ("samples.npy", lambda data: data[:300] + b"\x00\x01\x02\x03" + data[304:]),
        ("samples.npy", lambda data: b"rubbish" + data[7:]),
        ("corpus.json", lambda data: data[:50]),
        ("corpus.json", lambda data: b"[]"),
        ("names.json", lambda data: None),
        ("identities.npy", lambda data: data[:-8]),
        ("identities.npy", lambda data: None),
    ],
)
def test_a_damaged_corpus_is_made_anew(tmp_path: Path, file: str, harm: object) -> None:
    assert callable(harm)
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    first = np.array(SOURCE.corpus(folder, cache).samples)
    (place,) = folders(cache)
    broken = harm((place / file).read_bytes())
    (place / file).unlink()
    if broken is not None:
        (place / file).write_bytes(broken)
    corpus, was_decoded = decoded(folder, cache)
    assert was_decoded
    np.testing.assert_array_equal(corpus.samples, first)
    assert folders(cache) == [place]
    assert not decoded(folder, cache)[1]


def test_a_touched_but_whole_corpus_is_kept(tmp_path: Path) -> None:
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    SOURCE.corpus(folder, cache)
    os.utime(folders(cache)[0] / "samples.npy", (5, 5))
    assert not decoded(folder, cache)[1]


def test_two_builds_at_once_both_succeed(tmp_path: Path) -> None:
    """The second build begins and ends while the first one is decoding."""
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    inner: list[Corpus] = []

    def build_again(done: int, total: int) -> None:
        inner.append(SOURCE.corpus(folder, cache))

    outer = SOURCE.corpus(folder, cache, build_again)
    np.testing.assert_array_equal(outer.samples, inner[0].samples)
    assert outer.digest == inner[0].digest
    assert len(folders(cache)) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from equipoise.data import Images
def die(done, total): os.kill(os.getpid(), signal.SIGKILL)
Images(size=8).corpus(Path(sys.argv[1]), Path(sys.argv[2]), die)
"""


def test_a_kill_leaves_no_half_of_a_corpus(tmp_path: Path) -> None:
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(cache)], check=False)
    assert killed.returncode == -signal.SIGKILL
    (rest,) = folders(cache)
    assert rest.name.startswith(ASIDE)
    corpus, was_decoded = decoded(folder, cache)
    assert was_decoded
    assert len(corpus) == 3
    assert rest.exists(), "a build that may still be running was removed"
    for path in (*rest.iterdir(), rest):
        os.utime(path, (10**9, 10**9))
    Images(size=9).corpus(folder, cache)
    assert not rest.exists(), "an abandoned build was kept"


def test_an_interrupted_build_leaves_nothing(tmp_path: Path) -> None:
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SOURCE.corpus(folder, cache, interrupt)
    assert folders(cache) == []


LIMITED = """
import resource, sys
from pathlib import Path
from equipoise.data import DataError, Images
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
try:
    Images(size=64).corpus(Path(sys.argv[1]), Path(sys.argv[2]))
except DataError as error:
    print(error)
"""


def test_a_disk_that_is_full_is_one_clear_line_and_leaves_nothing(tmp_path: Path) -> None:
    folder, cache = fill(tmp_path / "pictures"), tmp_path / "cache"
    command = [sys.executable, "-c", LIMITED, str(folder), str(cache), "1000"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"cannot write the corpus to {cache}: File too large; free some space")
    assert done.stdout.count("\n") == 1
    assert folders(cache) == []


def test_too_little_space_is_seen_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="MiB are free; free some space or set EQUIPOISE_CACHE"):
        Store(tmp_path).require(2**60)


def test_a_cache_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RequestError, match="cannot write the corpus to"):
        SOURCE.corpus(fill(tmp_path / "pictures"), tmp_path / "file" / "cache")


def test_the_cache_can_be_moved_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EQUIPOISE_CACHE", str(tmp_path / "elsewhere"))
    Ring(count=10).corpus(None)
    assert len(folders(tmp_path / "elsewhere" / "corpora")) == 1


def test_compacting_in_place_keeps_what_it_should(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).integers(0, 256, (50, 4, 5, 3), dtype=np.uint8)
    kept = np.flatnonzero(np.random.default_rng(1).random(50) < 0.6)
    path = tmp_path / "samples.npy"
    path.write_bytes(header(whole.shape, whole.dtype) + whole.tobytes())
    with path.open("r+b") as file:
        assert compact(file, whole.shape, kept, 1, block=7) == (len(kept), 4, 5, 1)
    np.testing.assert_array_equal(np.load(path), whole[kept][..., :1])


def test_the_checksums_of_the_workers_are_those_of_the_corpus(tmp_path: Path) -> None:
    corpus = SOURCE.corpus(fill(tmp_path / "pictures"), tmp_path / "cache")
    place = folders(tmp_path / "cache")[0] / "samples.npy"
    os.utime(place, (5, 5))
    assert len(np.unique(checksums(np.load(place)))) == len(corpus)
    assert SOURCE.corpus(tmp_path / "pictures", tmp_path / "cache").digest == corpus.digest


def test_reading_data_imports_neither_torch_nor_sklearn() -> None:
    code = "import sys, equipoise.data; sys.exit(bool({'torch', 'sklearn'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Sources without files.


def test_digits_are_the_real_ones(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    corpus = Digits(size=32).corpus(None, tmp_path)
    assert corpus.samples.shape == (1797, 1, 32, 32)
    assert corpus.samples.min() == 0
    assert corpus.samples.max() == 255
    back = corpus.samples[:, 0].reshape(1797, 8, 4, 8, 4).mean(axis=(2, 4)) / 255 * 16
    assert np.abs(back - load_digits().images).mean() < 1.0
    np.testing.assert_array_equal(Digits.labels(), load_digits().target)


def test_digits_enlarged_by_nearest_are_exact(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    corpus = Digits(size=16, filter="nearest").corpus(None, tmp_path)
    np.testing.assert_array_equal(corpus.samples[:, 0, ::2, ::2], np.rint(load_digits().images * 255 / 16))


def test_generated_corpora_are_kept(tmp_path: Path) -> None:
    first, again = Digits().corpus(None, tmp_path), Digits().corpus(None, tmp_path)
    np.testing.assert_array_equal(first.samples, again.samples)
    assert len(folders(tmp_path)) == 1
    assert Digits(size=16).corpus(None, tmp_path).digest != first.digest


@pytest.mark.parametrize(("source", "modes"), [(Ring(), 8), (Grid(), 25)])
def test_toy_points_lie_where_the_paper_says(tmp_path: Path, source: Points, modes: int) -> None:
    """PacGAN, section 4.1: equal shares, the stated centres, the stated spread in each direction."""
    corpus = source.corpus(None, tmp_path)
    points, centres = corpus.samples[:, :, 0, 0].astype(float), source.centres()
    assert corpus.samples.shape == (100_000, 2, 1, 1)
    assert centres.shape == (modes, 2)
    distances = np.linalg.norm(points[:, None] - centres[None], axis=2)
    nearest = distances.argmin(axis=1)
    assert np.abs(np.bincount(nearest) / 100_000 - 1 / modes).max() < 0.005
    inside = points - centres[nearest]
    np.testing.assert_allclose(inside.std(axis=0), source.std, rtol=0.02)
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=source.std * 0.02)
    assert np.abs(points).max() < corpus.space.channels[0].high


def test_the_rings_centres_lie_on_the_unit_circle() -> None:
    np.testing.assert_allclose(np.linalg.norm(Ring().centres(), axis=1), 1.0)
    np.testing.assert_allclose(sorted(set(Grid().centres().ravel())), [-4, -2, 0, 2, 4])


def test_points_are_drawn_from_their_seed(tmp_path: Path) -> None:
    first = np.array(Ring(count=100, seed=1).corpus(None, tmp_path / "a").samples)
    np.testing.assert_array_equal(first, Ring(count=100, seed=1).corpus(None, tmp_path / "b").samples)
    assert not np.array_equal(first, Ring(count=100, seed=2).corpus(None, tmp_path / "a").samples)
