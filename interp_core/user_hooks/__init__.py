"""Hook functions that the user writes in Python: found in a folder, reloaded on change, called under a time limit.

They are code, so nothing is read before the program that runs allows it (`library.allow`); the dashboard does so only where
it is reached from this machine alone.
"""
