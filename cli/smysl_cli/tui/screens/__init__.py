"""Whole screens. Each owns its part of the state and is the only one that changes it."""
