"""The callback for Lightning, by a trainer that calls the hooks that Lightning calls."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from equipoise import journal
from equipoise.doctor.readers import read
from equipoise.errors import RequestError
from equipoise.journal import Faulted


@pytest.fixture
def callbacks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`equipoise.lightning`, above a stand-in for `lightning.pytorch`, of which it uses the base class alone."""
    inner = ModuleType("lightning.pytorch")
    inner.Callback = type("Callback", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.setitem(sys.modules, "lightning.pytorch", inner)
    monkeypatch.delitem(sys.modules, "equipoise.lightning", raising=False)
    yield importlib.import_module("equipoise.lightning")
    sys.modules.pop("equipoise.lightning")


def returned(step: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(step)
    logits = torch.randn(8, generator=generator)
    return {"loss": torch.zeros(()), "d_loss": 1.3 + 0.1 * logits[0], "real_logits": logits, "fake_logits": -logits}


def trained(callback: Any, steps: int, is_first: bool = True) -> None:
    trainer = SimpleNamespace(is_global_zero=is_first)
    callback.on_train_start(trainer, None)
    for step in range(steps):
        callback.on_train_batch_end(trainer, None, returned(step), None, step)
    callback.on_train_end(trainer, None)


def test_what_a_training_step_returns_is_watched(callbacks: Any, tmp_path: Path) -> None:
    said: list[str] = []
    callback = callbacks.WatchCallback(tmp_path / "run", loss="bce", every=10, tell=said.append)
    trained(callback, 200)
    trace = read(tmp_path / "run")
    assert trace.last_step == 200 and {"d_loss", "auc"} <= trace.signals.keys()
    assert trace.game is not None and trace.game.key == "bce"
    assert callback.examination is not None and said[0].startswith("step 100: ")


def test_of_several_processes_one_watches(callbacks: Any, tmp_path: Path) -> None:
    trained(callbacks.WatchCallback(tmp_path / "run"), 20, is_first=False)
    assert not (tmp_path / "run").exists()


def test_what_cannot_be_watched_is_told(callbacks: Any, tmp_path: Path) -> None:
    callback = callbacks.WatchCallback(tmp_path / "run")
    callback.on_train_start(SimpleNamespace(is_global_zero=True), None)
    with pytest.raises(RequestError, match="has to return a dictionary"):
        callback.on_train_batch_end(None, None, None, None, 0)
    with pytest.raises(RequestError, match="did you mean 'd_loss'"):
        callback.on_train_batch_end(None, None, {"d_los": 1.0}, None, 0)
    callback.on_exception(None, None, KeyboardInterrupt())


def test_how_a_training_broke_off_is_written_down(callbacks: Any, tmp_path: Path) -> None:
    callback = callbacks.WatchCallback(tmp_path / "run")
    callback.on_train_start(SimpleNamespace(is_global_zero=True), None)
    callback.on_train_batch_end(None, None, returned(0), None, 0)
    callback.on_exception(None, None, ValueError("boom"))
    last = journal.read(tmp_path / "run").events[-1]
    assert isinstance(last, Faulted) and last.message == "ValueError: boom"
