"""Mutated files against the reader: none may crash it, hang it or slip through without a word.

``make fuzz`` runs 10,000, the suite a few hundred. A mutant is its number: the same seed and number
make the same bytes on every machine, so a find is kept by writing the number down.
"""
