"""The data check sees each thing it is for, and is silent about sound data."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from equipoise.data import Corpus, Digits, Images, LeftOut, Ring
from equipoise.data.check import examine
from equipoise.data.grain import grain
from equipoise.data.statistics import measure
from equipoise.edit import apply
from equipoise.finding import Finding
from equipoise.space import Channel, Class, Condition, Space

COLOURS = ("red", "green", "blue")


def pictures(count: int = 120, channels: int = 3, side: int = 16) -> NDArray[np.uint8]:
    """Smooth random pictures [N, C, H, W] over the full range: what sound data looks like."""
    source = np.random.default_rng(0)
    coarse = source.normal(0, 1, (count, channels, 4, 4))
    smooth = coarse.repeat(side // 4, axis=2).repeat(side // 4, axis=3)
    ramp = np.linspace(0, 1, side)[:, None] * source.uniform(-1, 1, (count, channels, 1, 1))
    return (128 + 60 * (smooth + ramp) + source.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)


def corpus_of(samples: NDArray[Any], names: tuple[str, ...] = COLOURS, **more: Any) -> Corpus:
    space = Space(tuple(map(Channel, names)), *samples.shape[2:])
    return Corpus(space, samples, tuple(f"{at}.png" for at in range(len(samples))), **more)


def found(corpus: Corpus, words: str) -> Finding:
    """The one finding whose title has these words."""
    (finding,) = [finding for finding in examine(corpus) if words in finding.title]
    return finding


def test_sound_data_gives_no_finding() -> None:
    assert examine(corpus_of(pictures())) == []


def test_the_bundled_data_is_sound(tmp_path: Any) -> None:
    for size in (8, 10, 12, 16, 28):
        assert examine(Digits(size=size).corpus(None, tmp_path)) == []
    assert examine(Ring(count=1000).corpus(None, tmp_path)) == []


def test_few_samples() -> None:
    assert found(corpus_of(pictures(1)), "no distribution").severity == "fault"
    assert found(corpus_of(pictures(50)), "only 50").severity == "warning"


def test_what_was_left_out_is_a_note_a_warning_or_a_fault() -> None:
    def with_left_out(count: int, reason: str) -> Finding:
        left_out = tuple(LeftOut(f"x{at}.png", reason) for at in range(count))
        return found(corpus_of(pictures(), left_out=left_out), "left out")

    assert with_left_out(2, "wrong size 3x4").severity == "note"
    many = with_left_out(30, "wrong size 3x4")
    assert many.severity == "warning"
    assert "30 of 150 files were left out (30 wrong size 3x4)" in many.title
    assert len(many.evidence) == 11
    assert many.evidence[-1] == "and 20 more"
    assert with_left_out(60, "unreadable: truncated").severity == "fault"


@pytest.mark.parametrize(("is_asked", "severity"), [(True, "note"), (False, "warning")])
def test_windows_that_a_setting_leaves_out_are_counted_and_are_no_warning(is_asked: bool, severity: str) -> None:
    quiet = LeftOut("60 windows", "no patch 20 digits above the median", 60, is_asked)
    finding = found(corpus_of(pictures(), left_out=(quiet,)), "left out")
    assert finding.severity == severity
    assert "60 of 180 possible samples were left out (60 no patch 20 digits above the median)" in finding.title


def test_files_are_counted_among_files_and_not_among_what_is_cut_from_them() -> None:
    """4 of 5 that cannot be read are a broken copy, however many windows the fifth has."""
    left_out = (*(LeftOut(f"{at}.fit", "unreadable: torn") for at in range(4)), LeftOut("9 windows", "quiet", 9, True))
    corpus = corpus_of(pictures(), left_out=left_out, num_files=1)
    fault, note = (finding for finding in examine(corpus) if "left out" in finding.title)
    assert (fault.severity, note.severity) == ("fault", "note")
    assert fault.title == "4 of 5 files were left out (4 unreadable)"
    assert note.title == "9 of 129 possible samples were left out (9 quiet)"
    assert corpus.num_left_out == 13


def test_notes_are_passed_on() -> None:
    assert found(corpus_of(pictures(), notes=("3 were cropped",)), "3 were cropped").severity == "note"


def test_duplicates_are_named() -> None:
    samples = pictures()
    samples[40] = samples[7]
    finding = found(corpus_of(samples), "duplicates")
    assert finding.evidence == ("40.png = 7.png",)
    assert apply(Images(drop_duplicates=False), [_inside(finding)]).drop_duplicates


def test_many_duplicates_mislead_and_most_are_a_fault() -> None:
    samples = pictures()
    samples[:5] = samples[5]
    few = found(corpus_of(samples), "5 of 120 samples are duplicates")
    assert (few.severity, few.misleads) == ("warning", False)
    samples[:10] = samples[10]
    assert found(corpus_of(samples), "duplicates").misleads
    samples[:40] = samples[40]
    assert found(corpus_of(samples), "duplicates").severity == "fault"


FACE = (Condition("valence", 1, 7),)


def rated(order: slice | NDArray[np.intp] = slice(None), count: int = 400) -> Corpus:
    """Pictures whose condition is how bright they are, with noise, in another order than theirs."""
    source = np.random.default_rng(3)
    valence = source.uniform(0, 1, count)
    samples = (pictures(count, channels=1) * (0.5 + 0.5 * valence[:, None, None, None])).astype(np.uint8)
    noisy = (valence + source.normal(0, 0.1, count)).clip(0, 1).astype(np.float32)
    return Corpus(Space((Channel("grey"),), 16, 16, conditions=FACE), samples, conditions=noisy[order][:, None])


def test_conditions_that_belong_to_other_samples() -> None:
    assert [finding.severity for finding in examine(rated())] == ["note"]
    mixed = found(rated(np.random.default_rng(0).permutation(400)), "nothing to do with the pictures")
    assert (mixed.severity, mixed.misleads) == ("warning", True)
    assert "linear probe" in mixed.evidence[0]


def test_conditions_that_are_all_the_same() -> None:
    assert found(rated(np.zeros(400, np.intp)), "hardly varies").severity == "fault"


def paired(shift: int = 0, columns: int = 0) -> Corpus:
    """Pictures and their halves; `shift` puts them in another order, `columns` beside their place."""
    large = pictures(60, channels=1, side=64)
    small = large.reshape(60, 1, 32, 2, 32, 2).mean((3, 5)).astype(np.uint8)
    given = np.roll(np.roll(small, shift, axis=0), columns, axis=3)
    half = Space((Channel("grey"),), 32, 32)
    return Corpus(Space((Channel("grey"),), 64, 64, given=half), large, given=given)


def test_pairs_that_do_not_belong_together() -> None:
    assert [finding for finding in examine(paired()) if "small picture" in finding.title] == []
    assert found(paired(shift=1), "closer to the small picture of another").severity == "fault"
    assert found(paired(columns=1), "beside the large ones").severity == "fault"


def test_a_range_that_is_far_beyond_the_files() -> None:
    assert found(corpus_of(pictures() // 20), "red is dark").severity == "fault"


def _inside(finding: Finding) -> Any:
    """The remedy, as an edit of the source alone."""
    (edit,) = finding.remedies
    return type(edit)(edit.path.removeprefix("source."), edit.op, edit.value)


def test_flat_samples_are_a_warning_and_a_fault_when_they_are_most() -> None:
    samples = pictures()
    samples[3] = 200
    finding = found(corpus_of(samples), "nearly one colour")
    assert (finding.severity, finding.evidence) == ("warning", ("3.png",))
    samples[:100] = np.arange(100, dtype=np.uint8)[:, None, None, None]
    assert found(corpus_of(samples), "nearly one colour").severity == "fault"


def test_noise_is_told_from_pictures() -> None:
    """What `torch.randn` in place of unreadable files looks like."""
    samples = pictures()
    samples[5] = np.random.default_rng(1).normal(128, 40, (3, 16, 16)).clip(0, 255).astype(np.uint8)
    assert found(corpus_of(samples), "pure noise").evidence == ("5.png",)
    samples[:] = np.random.default_rng(2).integers(0, 256, samples.shape, dtype=np.uint8)
    assert found(corpus_of(samples), "pure noise").severity == "fault"


def test_one_channel_of_noise_among_pictures_is_named() -> None:
    """A band that was read from the wrong place."""
    samples = pictures()
    assert not any("looks like pure noise" in finding.title for finding in examine(corpus_of(samples)))
    samples[:, 1] = np.random.default_rng(1).integers(0, 256, samples[:, 1].shape, dtype=np.uint8)
    finding = found(corpus_of(samples), "looks like pure noise")
    assert finding.title == "channel green looks like pure noise"
    assert finding.severity == "fault"
    assert "in red, blue they have" in finding.advice


@pytest.mark.parametrize("kind", ["single trees", "rounding"])
def test_a_sparse_or_a_quiet_channel_is_no_noise(kind: str) -> None:
    samples, chance = pictures(), np.random.default_rng(1)
    if kind == "single trees":
        samples[:, 1] = np.where(chance.random(samples[:, 1].shape) < 0.01, 255, 0)
    else:
        samples[:, 1] = 100 + chance.integers(-3, 4, samples[:, 1].shape)
    assert not any("looks like pure noise" in finding.title for finding in examine(corpus_of(samples)))


@pytest.mark.parametrize(("share", "is_told"), [(0.02, False), (0.1, True), (0.2, True)])
def test_noise_over_all_pictures_is_told(share: float, is_told: bool) -> None:
    """By its strength, in each channel that has it; real sensors' noise is weaker."""
    samples = pictures().astype(float)
    samples[:, :2] += share * 255 * np.random.default_rng(1).standard_normal(samples[:, :2].shape)
    told = [one for one in examine(corpus_of(samples.clip(0, 255).astype(np.uint8))) if "fine noise" in one.title]
    assert [one.title.partition(",")[0] for one in told] == (["fine noise covers red"] if is_told else [])
    assert all("red, green, even" in one.title and one.severity == "warning" and one.misleads for one in told)
    assert all(float(line.split()[3].rstrip("%")) / 100 > 0.5 * share for one in told for line in one.evidence)


def test_pure_noise_is_not_told_twice() -> None:
    samples = np.random.default_rng(2).integers(0, 256, (100, 3, 16, 16), dtype=np.uint8)
    titles = [finding.title for finding in examine(corpus_of(samples))]
    assert any("pure noise" in title for title in titles)
    assert not any("fine noise" in title for title in titles)


@pytest.mark.parametrize(("divisor", "severity"), [(1.0, ""), (4.0, "warning"), (64.0, "fault")])
def test_points_that_were_scaled_twice_are_told(tmp_path: Any, divisor: float, severity: str) -> None:
    ring = Ring(count=1000).corpus(None, tmp_path)
    told = examine(replace(ring, samples=ring.samples / np.float32(divisor)))
    assert [one.severity for one in told] == ([severity] * 2 if severity else [])
    assert all("of its declared range" in one.title for one in told)


def test_one_narrow_channel_among_others_is_told_and_misleads_nobody(tmp_path: Any) -> None:
    samples = pictures()
    samples[:, 0] = 250 + samples[:, 0] // 128
    (red,) = (one for one in examine(corpus_of(samples)) if "declared range" in one.title)
    assert (red.title.split()[1], red.severity, red.misleads) == ("red", "warning", False)


def test_an_alpha_that_is_nearly_opaque_is_sound() -> None:
    alpha = np.full((120, 1, 16, 16), 255, np.uint8)
    alpha[0, 0, 0, 0] = 254
    both = corpus_of(np.concatenate([pictures(), alpha], axis=1), (*COLOURS, "alpha"))
    assert not any("declared range" in one.title for one in examine(both))


def test_classes_and_alpha_are_no_noise_and_no_numbers_are_left_aside() -> None:
    noise = np.random.default_rng(2).integers(0, 2, (100, 1, 16, 16), dtype=np.uint8)
    blank = pictures(100)[:, :1]
    classes = tuple(Class(code, name, (0, 0, 0)) for code, name in enumerate(("land", "sea")))
    channels = (Channel("grey"), Channel("cover", kind="categorical", classes=classes), Channel("alpha"))
    samples = np.concatenate([blank, noise, 100 * noise + blank // 4], axis=1)
    assert list(grain(Corpus(Space(channels, 16, 16), samples))) == []
    floats = blank.astype(np.float32)
    floats[0, 0, 3, 3], floats[1, 0, 0, 0] = np.nan, np.inf
    assert list(grain(Corpus(Space((Channel("grey"),), 16, 16), floats))) == []
    assert list(grain(Corpus(Space((Channel("grey"),), 16, 16), floats[:2]))) == []


def test_bright_pictures_of_few_levels_are_told_and_dark_ones_once() -> None:
    narrow = found(corpus_of(200 + pictures() // 8), "red fills")
    assert (narrow.severity, narrow.misleads) == ("warning", True)
    assert not any("declared range" in one.title for one in examine(corpus_of(pictures() // 8)))


def test_few_sparks_on_a_plain_ground_are_not_noise() -> None:
    samples = pictures()
    samples[5] = 255
    samples[5, :, [2, 9, 12], [3, 8, 1]] = 0
    assert [finding for finding in examine(corpus_of(samples)) if "noise" in finding.title] == []


def test_channels_that_carry_nothing() -> None:
    samples = pictures()
    samples[:, 1] = 0
    assert found(corpus_of(samples), "green is all zero").severity == "fault"
    samples[:, 1] = 9
    assert found(corpus_of(samples), "green is constant").severity == "warning"
    with_alpha = np.concatenate([pictures(), np.full_like(samples[:, :1], 255)], axis=1)
    finding = found(corpus_of(with_alpha, (*COLOURS, "alpha")), "alpha is constant")
    assert apply(Images(alpha="keep"), [_inside(finding)]).alpha == "composite"


def test_grey_pictures_stored_as_colour() -> None:
    grey = pictures(channels=1).repeat(3, axis=1)
    finding = found(corpus_of(grey), "really grey")
    assert apply(Images(), [_inside(finding)]).channels == "grey"


def test_two_equal_channels() -> None:
    samples = pictures(channels=2)
    samples[:, 1] = samples[:, 0]
    assert "b02 = b03 everywhere" in found(corpus_of(samples, ("b02", "b03")), "are the same").evidence


def test_a_range_that_is_not_used() -> None:
    fractions = (pictures() > 128).astype(np.uint8)
    assert all(
        finding.severity == "fault" for finding in examine(corpus_of(fractions)) if "nearly black" in finding.title
    )
    assert "red is nearly black" in examine(corpus_of(fractions))[0].title
    assert found(corpus_of(pictures() // 8), "red is dark").severity == "warning"


def test_one_value_nearly_everywhere() -> None:
    samples = np.full((120, 3, 32, 32), 255, np.uint8)
    samples[:, :, 12:20, 12:20] = pictures(side=8)
    assert "red is 255 in 94% of all pixels" in found(corpus_of(samples), "one value fills").evidence


def test_numbers_that_are_none_and_values_out_of_range() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (200, 2, 1, 1)).astype(np.float32)
    space = Space((Channel("x", -1.0, 1.0), Channel("y", -1.0, 1.0)), 1, 1)
    assert examine(Corpus(space, points)) == []
    points[3, 0] = np.nan
    points[4, 0] = np.inf
    points[5, 1] = 7.0
    assert "channel x has 2 values" in found(Corpus(space, points), "no numbers").title
    assert found(Corpus(space, points), "leaves its declared range").evidence[0].endswith("to 7")


def test_the_worst_comes_first() -> None:
    samples = pictures(50)
    samples[:, 1] = 0
    severities = [finding.severity for finding in examine(corpus_of(samples, notes=("a note",)))]
    assert severities == ["fault", "warning", "note"]


def test_statistics_agree_with_the_plain_formulas() -> None:
    """A naive twin of the one-pass measurement."""
    samples = pictures(30)
    seen = measure(corpus_of(samples))
    np.testing.assert_allclose(seen.std, samples.std(axis=(2, 3)), rtol=1e-4)
    assert seen.counts is not None
    for channel in range(3):
        expected = [(samples[:, channel] == level).sum() for level in range(256)]
        np.testing.assert_array_equal(seen.counts[channel], expected)
    picture = samples[4, 2].astype(float)
    steps = picture[:, 1:] - picture[:, :-1]
    np.testing.assert_allclose(seen.along[4, 2], 1 - (steps**2).mean() / (2 * picture.var()), rtol=1e-4)
    np.testing.assert_array_equal(seen.low, samples.min(axis=(0, 2, 3)))
