"""Measures of sample quality: pure functions from two sets of samples to numbers."""
