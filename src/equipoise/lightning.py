"""`Watch` as a callback of PyTorch Lightning, for modules with manual optimisation.  Needs ``pip install lightning``.

::

    class Gan(LightningModule):
        def training_step(self, batch, index):
            ...
            return {"d_loss": d_loss, "g_loss": g_loss, "real_logits": of_real, "fake_logits": of_fake, "fake": fakes}

    Trainer(callbacks=[WatchCallback("runs/mine", loss="hinge", real=held_out_pictures)])
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback
from torch import Tensor

from equipoise.doctor.symptom import Examination
from equipoise.errors import RequestError
from equipoise.watch import Watch


class WatchCallback(Callback):  # type: ignore[misc]
    """Hands on what `training_step` returns.  Its settings, and the names, are those of `Watch` and `Watch.log`.

    A step is a batch, however many optimisers move in it.  A ``loss`` in what is returned is left to Lightning.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        loss: str | None = None,
        real: Tensor | None = None,
        value_range: tuple[float, float] = (-1.0, 1.0),
        every: int = 50,
        samples_every: int = 1000,
        tell: Callable[[str], object] = print,
    ) -> None:
        super().__init__()
        self._folder = folder
        self._settings: dict[str, Any] = {
            "loss": loss,
            "real": real,
            "value_range": value_range,
            "every": every,
            "samples_every": samples_every,
            "tell": tell,
        }
        self._watch: Watch | None = None
        self._step = 0

    @property
    def examination(self) -> Examination | None:
        """What the doctor said last."""
        return self._watch.examination if self._watch is not None else None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Of several processes the first one watches.  Raises `RequestError` as `Watch` does."""
        if trainer.is_global_zero:
            self._watch = Watch(self._folder, **self._settings)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Raises `RequestError` where a training step returns nothing to watch, or a name that is not known."""
        if self._watch is None:
            return
        if not isinstance(outputs, Mapping):
            raise RequestError("training_step has to return a dictionary for WatchCallback, such as {'d_loss': ...}")
        self._watch.log(self._step, **{name: value for name, value in outputs.items() if name != "loss"})
        self._step += 1

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self._close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        if self._watch is not None:
            self._watch.__exit__(type(exception), exception, exception.__traceback__)

    def _close(self) -> None:
        if self._watch is not None:
            self._watch.close()
