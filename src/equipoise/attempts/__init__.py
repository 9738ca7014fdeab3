"""The attempt log of one run or of many: what was changed, why, what came of it, kept or reverted."""
