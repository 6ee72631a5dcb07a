"""Proposes, and trains what is leased: each agent owns one GPU or CPU slot. ``proposers`` have the ideas,
``edits`` makes surfaces of answers, ``testing`` runs agents without a swarm.
"""
