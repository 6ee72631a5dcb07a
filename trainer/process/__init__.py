"""Processes that are started, ended and cleaned up as a whole."""
