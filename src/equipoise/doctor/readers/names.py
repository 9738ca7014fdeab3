"""The many names people give to the same number: from a label in somebody's log to a name of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from equipoise.doctor.trace import SIGNALS

POSITIONS: Final = ("step", "epoch", "iter", "iters", "images", "kimg", "batch")
"""Where a row stands; `iter` counts inside an epoch of `iters`, `batch` where it counts at all."""
PARTS: Final = ("d_loss_real", "d_loss_fake", "lr", "kid", "signs_real")
"""Numbers that signals are made of, beside the signals themselves."""
KNOWN_LABELS: Final = 8192
"""Labels remembered; a log has some dozens, one that is made up to do harm has millions."""

_PIECES: Final = re.compile(r"(?<![A-Za-z])[lL][12](?!\d)|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_D: Final = frozenset({"d", "dis", "disc", "discrim", "discriminator", "critic", "netd"})
_G: Final = frozenset({"g", "gen", "generator", "netg"})
_LOSS: Final = frozenset({"loss", "losses", "err", "error", "cost", "l"})
_GAME: Final = frozenset({"gan", "adv", "adversarial"})
_SCORE: Final = frozenset({"score", "scores", "logit", "logits", "out", "output", "pred"})
_FILLER: Final = frozenset(
    {"train", "training", "trn", "avg", "average", "mean", "value", "running", "current", "curr", "epoch", "step"}
    | {"batch", "net", "model", "metrics", "metric"}
)
_OTHER_DATA: Final = frozenset({"val", "valid", "validation", "test", "best", "min", "max", "std", "num"})
_STEP: Final = frozenset({"step", "steps", "iter", "iters", "iteration", "iterations", "it", "itr"})
_LENGTHS: Final = frozenset({"epochs", "steps", "iters", "iterations"})
_COUNTS: Final = frozenset({"n", "num", "number", "max"})
"""Before one of these it is an option, and no place: ``num_iters``."""
_BATCHES: Final = frozenset({"batch", "idx", "nb", "index"})
_GLUED: Final[Mapping[str, tuple[str, ...]]] = {
    "dloss": ("d", "loss"),
    "gloss": ("g", "loss"),
    "lossd": ("d", "loss"),
    "lossg": ("g", "loss"),
    "errd": ("d", "loss"),
    "errg": ("g", "loss"),
    "gradnorm": ("grad", "norm"),
    "gradient": ("grad",),
    "learningrate": ("lr",),
}
_WHOLE: Final[Mapping[str, str]] = {
    "d(x)": "d_real",
    "d(g(z))": "d_fake",
    "d(g(z1))": "d_fake",
    "d(g(z))1": "d_fake",
    "loss/signs/real": "signs_real",
    "progress/augment": "augment_p",
    "progress/kimg": "kimg",
    "progress/tick": "",
    "g(z)": "",
}
_EXACT: Final[Mapping[frozenset[str], str]] = {
    frozenset(words.split()): name
    for words, name in {
        "kimg": "kimg",
        "nimg": "images",
        "images": "images",
        "images seen": "images",
        "gp": "penalty",
        "gp loss": "penalty",
        "grad penalty": "penalty",
        "grad penalty loss": "penalty",
        "grad penalty d": "penalty",
        "gp d": "penalty",
        "r1 penalty": "penalty",
        "ada p": "augment_p",
        "augment p": "augment_p",
        "augment": "augment_p",
        "aug p": "augment_p",
        "lr": "lr",
        "learning rate": "lr",
        "psnr": "psnr",
        "real loss": "d_loss_real",
        "fake loss": "d_loss_fake",
    }.items()
}
_QUALITY: Final[Mapping[str, str]] = {
    "fid": "fid",
    "kid": "kid",
    "recall": "recall",
    "coverage": "recall",
    "precision": "precision",
}


@lru_cache(KNOWN_LABELS)
def name_of(label: str) -> str | None:
    """Our name of a label; None for one that is of no use.

    Where there are several pairs of networks, the pair follows: ``d_loss@A``.
    """
    tight = re.sub(r"[\s_]", "", label).lower()
    if tight in _WHOLE:
        return _WHOLE[tight] or None
    if label in SIGNALS or label.startswith("share."):
        return label
    words = _words(label)
    if not words:
        return None
    return _position(words) or _quality(words) or _of_network(words)


def _words(label: str) -> tuple[str, ...]:
    found = (piece.lower() for piece in _PIECES.findall(label))
    return tuple(word for piece in found for word in _GLUED.get(piece, (piece,)))


def _position(words: tuple[str, ...]) -> str | None:
    if set(words) & _COUNTS and set(words) & _LENGTHS:
        return None
    kept = set(words) - {"global", "total", "current", "curr", "train", "trainer", "n", "num", "no", "number"}
    if "batch" in kept and kept <= _BATCHES:
        return "batch"
    if kept and kept <= _STEP:
        return "step"
    return "epoch" if kept and kept <= {"epoch", "epochs", "ep"} else None


def _quality(words: tuple[str, ...]) -> str | None:
    if set(words) & {"best", "min", "max", "std"}:
        return None
    if "psnr" in words:
        return "psnr"
    return next((name for word, name in _QUALITY.items() if word in words), None)


def _of_network(words: tuple[str, ...]) -> str | None:
    if set(words) & _OTHER_DATA:
        return None
    core = frozenset(words) - _FILLER
    if core in _EXACT:
        return _EXACT[core]
    side = "d" if core & _D else "g" if core & _G else ""
    rest = core - _D - _G
    if core & _D and core & _G:
        return None
    pair = next((word.upper() for word in sorted(rest) if word in {"a", "b", "1", "2"}), "")
    rest -= {pair.lower()} if pair else frozenset()
    name = _plain(side, rest)
    return f"{name}@{pair}" if name and pair else name


def _plain(side: str, rest: frozenset[str]) -> str | None:
    """The name of a network's number, by the words beside the network's."""
    without_loss = rest - _LOSS
    is_loss = rest != without_loss
    if without_loss & _SCORE and without_loss - _SCORE in ({"real"}, {"fake"}) and side != "g":
        return f"score_{next(iter(without_loss - _SCORE))}"
    if not side:
        return "g_loss" if is_loss and without_loss and without_loss <= _GAME else None
    if without_loss <= _GAME:
        return f"{side}_loss"
    if without_loss == {"total"}:
        return f"{side}_total"
    if without_loss in ({"grad"}, {"grad", "norm"}):
        return f"grad_{side}"
    if without_loss in ({"lr"}, {"learning", "rate"}, {"lr", "optimizer"}):
        return f"lr_{side}"
    if side == "d" and without_loss in ({"real"}, {"fake"}):
        part = next(iter(without_loss))
        return f"d_loss_{part}" if is_loss else f"d_{part}"
    return None
