"""Sample sheets: many samples in one picture, in units of the world, with what is needed to read them."""

from equipoise.pictures._panels import panels
from equipoise.pictures._sheet import PAPER, PLOT_SIZE, paired_sheet, picture, save, sheet, titled_sheets

__all__ = ["PAPER", "PLOT_SIZE", "paired_sheet", "panels", "picture", "save", "sheet", "titled_sheets"]
