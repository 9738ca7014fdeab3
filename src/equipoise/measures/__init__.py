"""Measures of sample quality: pure functions from two sets of samples to a number.  Lower is better."""
