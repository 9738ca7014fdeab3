"""What every test stands on: checked shapes, the same randomness, a cache of its own, and small real pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Read once, when torch is imported.  More threads than cores only wait; beside another process of tests, one is enough.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line does: spinning threads slow each other down

import hypothesis
import pytest
from jaxtyping import install_import_hook

# Shapes in annotations are checked at every call: it catches [N, 1] against [N], which broadcasts to [N, N] in silence.
# Only where tensors flow, and before those modules are imported.
CHECKED = ("terms", "networks", "engine", "augment", "view")
install_import_hook([f"equipoise.{name}" for name in CHECKED], "shapes.checked")

hypothesis.settings.register_profile("steady", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("steady")

NUM_PICTURES = 48
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test finds what an earlier session left in the user's cache, nor leaves anything there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EQUIPOISE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def same_randomness() -> Iterator[None]:
    """A test that draws without a seed draws the same in any order of tests; denormals are as Python has them."""
    import torch

    torch.manual_seed(0)
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def digits_folder(tmp_path: Path) -> Path:
    """Real handwritten digits from scikit-learn, 16x16 grey PNGs, one folder for each class."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    folder = tmp_path / "digits"
    for at, (image, label) in enumerate(zip(digits.images[:NUM_PICTURES], digits.target, strict=False)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        pixels = np.kron(image * 255 / 16, np.ones((2, 2))).astype(np.uint8)  # levels 0..16, each pixel doubled
        Image.fromarray(pixels).save(folder / str(label) / f"{at:03d}.png")
    return folder


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data that lie beside the checkout.  Tests that use it are marked ``real``."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data are not beside this checkout (../shared/data)")
    return SHARED_DATA
