"""What no setting does: looking, waiting, stopping."""

from __future__ import annotations

from equipoise.doctor.symptom import Remedy


def look_at_data() -> Remedy:
    return Remedy(
        "look at 16 of the samples as the critic gets them, and run `equipoise check DATA`; change no setting before",
        "data that are noise, constant, mislabelled or misaligned are found before anything is tuned for them",
        look_again=0.0,
    )


def look_at_plumbing() -> Remedy:
    return Remedy(
        "take one step and compare: every weight that should learn has a gradient and has moved, the rates in the "
        "optimisers are those of the settings, nothing is detached",
        "the part of the program that does not learn has a name",
        look_again=0.0,
    )


def other_measure() -> Remedy:
    return Remedy(
        "set the measure aside; test it on real samples against real, blurred and noisy ones before it is believed",
        "nothing is stopped or kept for a number that means nothing",
        look_again=0.0,
    )


def more_workers() -> Remedy:
    return Remedy(
        "keep the decoded data in memory, or try other worker counts and keep them between epochs "
        "(persistent_workers): too few and too many both starve the device",
        "the same training in less time; nothing else changes",
    )


def keep_the_best() -> Remedy:
    return Remedy(
        "go back to the best generator; finish there, or go on from it with a third of both rates and a stronger "
        "penalty on the critic, or with one where there is none",
        "what was good is kept: in public runs that collapsed the best lay at 18 % of the run (median), and was 3.9 "
        "times better than the last",
    )


def skip_the_batch() -> Remedy:
    return Remedy(
        "skip that update; the second time go back to the last good checkpoint and leave that batch out; then, where "
        "there are such, penalties in float32, and the gradient scaler begun at 2^12",
        "weights stay finite; what made the number is named",
        look_again=50.0,
    )


def wait() -> Remedy:
    return Remedy(
        "wait: it often passes by itself",
        "the measure comes back within three evaluations; if not, go on with the next",
        look_again=1500.0,
    )
