from pathlib import Path


def score(shared: Path) -> None: ...
