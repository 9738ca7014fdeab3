"""Write the catalogue and the golden texts of all recipes anew: ``python -m equipoise.recipes [FOLDER]``.

The golden texts, ``path: value`` line by line, are kept under ``tests/golden``: a changed default shows in review.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from equipoise.recipes import NAMES, load
from equipoise.recipes.listing import golden_text, listing


def main() -> None:
    """Write ``catalogue.json`` beside this file and the golden texts to the given folder."""
    recipes = {name: load(name) for name in NAMES}
    entries = {name: {"summary": recipe.summary, "rows": listing(recipe)} for name, recipe in recipes.items()}
    text = json.dumps(entries, indent=1) + "\n"
    Path(__file__).with_name("catalogue.json").write_text(text, encoding="utf-8")
    golden = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("tests/golden")
    golden.mkdir(parents=True, exist_ok=True)
    for name, recipe in recipes.items():
        (golden / f"{name}.txt").write_text(golden_text(recipe), encoding="utf-8")


if __name__ == "__main__":
    main()
