"""What is wrong with a recipe or a run, how that is known, and what would change it.  Nothing here imports torch."""
