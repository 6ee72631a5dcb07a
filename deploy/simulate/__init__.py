"""Campaigns without machines: the real rules on a virtual clock, and policies compared by them"""
