"""One made-up course of a training, as each program would have written it down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

EPOCHS: Final = 4
AN_EPOCH: Final = 25
"""Rows an epoch."""


@dataclass(frozen=True, slots=True)
class Row:
    """What was printed after a step; `epoch` and `batch` begin at 0."""

    step: int
    epoch: int
    batch: int
    d: float
    g: float
    real: float
    fake: float


def course() -> list[Row]:
    """Rows of a game of cross-entropy whose critic goes back and forth."""
    noise = np.random.default_rng(0)
    rows = []
    for step in range(EPOCHS * AN_EPOCH):
        real, fake = noise.uniform(0.5, 0.95), noise.uniform(0.05, 0.5)
        d, g = -np.log(real) - np.log1p(-fake), -np.log(fake)
        numbers = (round(float(number), 4) for number in (d, g, real, fake))
        rows.append(Row(step, step // AN_EPOCH, step % AN_EPOCH, *numbers))
    return rows


def _lines(form: Callable[[Row], str]) -> str:
    return "\n".join(form(row) for row in course()) + "\n"


def dcgan() -> str:
    return "Starting Training Loop...\n" + _lines(
        lambda r: (
            f"[{r.epoch}/{EPOCHS}][{r.batch}/{AN_EPOCH}]\tLoss_D: {r.d}\tLoss_G: {r.g}\t"
            f"D(x): {r.real}\tD(G(z)): {r.fake} / {r.fake / 2:.4f}"
        )
    )


def keras() -> str:
    def printed() -> Iterator[str]:
        for r in course():
            if r.batch == 0:
                yield f"Epoch {r.epoch + 1}/{EPOCHS}"
            bar = "=" * r.batch + ">" + "." * (AN_EPOCH - r.batch)
            yield f"{r.batch:3}/{AN_EPOCH} [{bar}] - ETA: {AN_EPOCH - r.batch}s - d_loss: {r.d} - g_loss: {r.g}\r"

    return "\n".join(printed())


def keras_3() -> str:
    def printed() -> Iterator[str]:
        for r in course():
            if r.batch == 0:
                yield f"\nEpoch {r.epoch + 1}/{EPOCHS}\n"
            bar = "\u2501" * 20
            losses = f"d_loss: {r.d} - g_loss: {r.g}"
            yield f"\r\x1b[1m{r.batch:2}/{AN_EPOCH}\x1b[0m \x1b[32m{bar}\x1b[0m 3s 10ms/step - {losses}"

    return "".join(printed())


def tqdm() -> str:
    def bar(r: Row) -> str:
        filled = "\u2588" * (r.batch // 5) + " " * (5 - r.batch // 5)
        where = f"Epoch {r.epoch}: {100 * r.batch // AN_EPOCH:3}%|{filled}| {r.batch}/{AN_EPOCH}"
        return f"{where} [00:{r.batch:02}<00:09, 20.11it/s, d_loss={r.d}, g_loss={r.g}]"

    return "\r".join(map(bar, course()))


def mojibake() -> str:
    return tqdm().encode().decode("cp437")


def pytorch_gan() -> str:
    return _lines(
        lambda r: f"[Epoch {r.epoch}/{EPOCHS}] [Batch {r.batch}/{AN_EPOCH}] [D loss: {r.d}] [G loss: {r.g}]",
    )


def tutorial() -> str:
    return _lines(
        lambda r: (
            f"Epoch [{r.epoch + 1}/{EPOCHS}], Step [{r.batch}/{AN_EPOCH}], d_loss: {r.d}, g_loss: {r.g}, "
            f"D(x): {r.real}, D(G(z)): {r.fake}"
        )
    )


def carpet() -> str:
    return _lines(
        lambda r: (
            f"Epoch: [{r.epoch:2d}] [{r.batch:4d}/{AN_EPOCH:4d}] time: {r.step * 1.5:4.4f}, "
            f"d_loss: {r.d:.8f}, g_loss: {r.g:.8f}"
        )
    )


def keras_gan() -> str:
    return _lines(lambda r: f"{r.step} [D loss: {r.d}, acc.: 55.21%] [G loss: {r.g}]")


def basicsr() -> str:
    """Its critic's loss comes in two parts, and its counts have commas."""
    return _lines(
        lambda r: (
            f"2021-03-04 05:{r.batch:02}:07,890 INFO: [SR_G..][epoch:{r.epoch:3}, iter:{1000 * r.step:8,}, "
            f"lr:(1.000e-04,)] [eta: 1 day, 2:03:04, time (data): 0.41 (0.002)] l_g_pix: 1.1e-02 l_g_percep: 1.9e+00 "
            f"l_g_gan: {r.g:.4e} l_d_real: {r.d / 4:.6e} out_d_real: {r.real + 2:.4e} l_d_fake: {r.d * 3 / 4:.6e} "
            f"out_d_fake: {r.fake - 2:.4e}"
        )
    )


def cycle() -> str:
    """Prints half the sum, for two pairs of networks, and counts the images of an epoch."""
    return "================ Training Loss (Thu Mar  4) ================\n" + _lines(
        lambda r: (
            f"(epoch: {r.epoch + 1}, iters: {100 * (r.batch + 1)}, time: 0.271, data: 0.002) D_A: {r.d / 2:.6f} "
            f"G_A: {r.g} cycle_A: 1.9 idt_A: 0.7 D_B: 0.25 G_B: 0.3 cycle_B: 2.0 idt_B: 0.8"
        )
    )


def plain() -> str:
    return _lines(lambda r: f"step {r.step}: critic loss = {r.d} generator loss = {r.g}")


def csv() -> str:
    return "step,d_loss,g_loss,D(x),D(G(z))\n" + _lines(lambda r: f"{r.step},{r.d},{r.g},{r.real},{r.fake}")


def excel() -> str:
    """A byte-order mark, semicolons, commas in numbers, quoted names, and a row's number first."""
    row = _lines(lambda r: f"{r.step};{r.step};{r.d};{r.g}").replace(".", ",").replace("\n", "\r\n")
    return '\ufeff"";"Iteration";"Discriminator Loss";"Generator Loss"\r\n' + row


def spaced() -> str:
    return "# iter  errD  errG\n" + _lines(lambda r: f"{r.step:6}  {r.d:8}  {r.g:8}")


def wandb() -> str:
    names = [f'"happy-1 - {name}","happy-1 - {name}__MIN","happy-1 - {name}__MAX"' for name in ("D_loss", "G_loss")]
    cells = _lines(lambda r: f'"{r.step}","{r.d}","{r.d}","{r.d}","{r.g}","{r.g}","{r.g}"')
    return f'"Step",{",".join(names)}\n{cells}'


def mlflow() -> str:
    rows = [
        f"3f2,{name},{r.step},1614834{r.step},{v}" for r in course() for name, v in (("d_loss", r.d), ("g_loss", r.g))
    ]
    return "\n".join(["Run,metric,step,timestamp,value", *rows])


def lightning() -> str:
    """Either loss in a row of its own, the other cell empty."""
    rows = [row for r in course() for row in (f"{r.epoch},{r.step},{r.d},", f"{r.epoch},{r.step},,{r.g}")]
    return "\n".join(["epoch,step,train_d_loss,train_g_loss", *rows])


def chainer() -> str:
    rows = [{"dis/loss": r.d, "gen/loss": r.g, "epoch": r.epoch, "iteration": r.step} for r in course()]
    return json.dumps(rows, indent=4)


def history() -> str:
    rows = course()
    columns = {"step": [r.step for r in rows], "d_loss": [r.d for r in rows], "g_loss": [r.g for r in rows]}
    return json.dumps({"params": {"epochs": 3}, "history": columns}, indent=1)


def json_lines() -> str:
    return _lines(lambda r: json.dumps({"_step": r.step, "losses": {"d": r.d, "g": r.g}, "note": "x"}))


def notebook() -> str:
    shown = [line + "\n" for line in dcgan().splitlines()]
    cells = [
        {"cell_type": "markdown", "source": ["# d_loss: 9 g_loss: 9"]},
        {"cell_type": "code", "outputs": [{"output_type": "stream", "name": "stdout", "text": shown[:50]}]},
        {"cell_type": "code", "outputs": [{"data": {"text/plain": "".join(shown[50:]), "image/png": "iVBOR"}}]},
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


LINES: Final = (dcgan, keras, keras_3, tqdm, mojibake, pytorch_gan, tutorial, carpet, keras_gan, basicsr, cycle)
TABLES: Final = (csv, excel, spaced, wandb, mlflow, lightning)
OTHERS: Final = (plain, chainer, history, json_lines, notebook)
FORMS: Final[dict[str, Callable[[], str]]] = {form.__name__: form for form in (*LINES, *TABLES, *OTHERS)}
STEP_OF: Final[dict[str, Callable[[Row], float]]] = {
    "basicsr": lambda r: 1000 * r.step,
    "cycle": lambda r: 100 * (r.step + 1),
}
"""Where a program counts something else than the course."""
