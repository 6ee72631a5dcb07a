"""Decides: domain values, campaign rules, leaderboard, journal, repository, metrics, and the actor at the
head.
"""
