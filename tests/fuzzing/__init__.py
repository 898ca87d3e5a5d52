"""Readers given damaged and made-up input: python -m tests.fuzzing --seconds 600 [TARGET...]

A target is a module here with an object TARGET (frame.py: Target): it makes an input from a random generator, as
files in an empty folder, and gives it to a reader. What a reader may do: return, or raise a Mistake. Anything else,
a crash and a hang too, is a failure; the folder of the first one of each kind is kept and named.
"""
