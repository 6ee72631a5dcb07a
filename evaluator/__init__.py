"""Judges: what a run may spend, what its end means and what counts as better; ``judging`` is the process that
measures a run, ``shim`` is what variants import as ``prepare``.
"""
