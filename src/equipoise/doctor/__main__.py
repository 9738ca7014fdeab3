"""Write the pages about symptoms anew: ``python -m equipoise.doctor [FOLDER]``, by default docs/symptoms."""

from __future__ import annotations

import sys
from pathlib import Path

from equipoise.doctor.pages import pages


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/symptoms")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
