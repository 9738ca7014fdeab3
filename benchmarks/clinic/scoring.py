from pathlib import Path


def score(part: str, work: Path) -> None: ...
