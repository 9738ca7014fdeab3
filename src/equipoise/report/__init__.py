"""A run as one page for a person: verdict, evidence, samples, curves, settings with their reasons."""
