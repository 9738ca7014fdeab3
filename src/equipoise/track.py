"""Copies of a run's numbers and sheets for TensorBoard or Weights & Biases, which also work without a network."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image

from equipoise.errors import RequestError
from equipoise.folder import RunFolder
from equipoise.journal import Event, Faulted, Finished, Measured, Pictured, Resumed, Started, Tick

Kind = Literal["tensorboard", "wandb"]


def tracker(kind: Kind, run: Path) -> Callable[[Event], None]:
    """A listener that writes to the run's folder ``events``.  Raises `RequestError` when the library is missing."""
    if find_spec(kind) is None:
        raise RequestError(f"--track {kind} needs a library: pip install 'equipoise[{kind}]'")
    return _Tracker(_TensorBoard if kind == "tensorboard" else _WandB, run)


class _Board(Protocol):
    """What a tracking library is asked to do."""

    def __init__(self, folder: Path, name: str, step: int) -> None: ...

    def numbers(self, values: dict[str, float], step: int) -> None: ...

    def picture(self, name: str, path: Path, step: int) -> None: ...

    def close(self) -> None: ...


class _Tracker:
    """Opens its board when the run begins, not before: a run that is refused leaves nothing behind."""

    def __init__(self, board: type[_Board], run: Path) -> None:
        self._kind = board
        self._run = run
        self._board: _Board | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Started | Resumed):
            self._board = self._kind(RunFolder(self._run).tracking, self._run.name, event.step)
        board = self._board
        if board is None:
            return
        match event:
            case Tick():
                pace = {"pace/images_per_s": event.images_per_s, "pace/waiting": event.waiting}
                board.numbers({**{f"train/{name}": value for name, value in event.values.items()}, **pace}, event.step)
            case Measured():
                numbers = {event.name: event.value, **event.beside}
                board.numbers({f"quality/{name}": value for name, value in numbers.items()}, event.step)
            case Pictured():
                board.picture(Path(event.path).stem.split("-")[0], self._run / event.path, event.step)
            case Finished() | Faulted():
                board.close()
            case _:
                pass


class _TensorBoard:
    def __init__(self, folder: Path, name: str, step: int) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=step or None)

    def numbers(self, values: dict[str, float], step: int) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def picture(self, name: str, path: Path, step: int) -> None:
        self._writer.add_image(name, np.asarray(Image.open(path).convert("RGB")), step, dataformats="HWC")

    def close(self) -> None:
        self._writer.close()


class _WandB:
    def __init__(self, folder: Path, name: str, step: int) -> None:
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self._wandb: Any = wandb
        self._session: Any = wandb.init(project="equipoise", name=name, dir=str(folder))

    def numbers(self, values: dict[str, float], step: int) -> None:
        self._session.log(values, step=step)

    def picture(self, name: str, path: Path, step: int) -> None:
        self._session.log({name: self._wandb.Image(str(path))}, step=step)

    def close(self) -> None:
        self._session.finish()
