"""Packs of scenes: what the word problems of the training data are about."""
