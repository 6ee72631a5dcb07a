"""Slots held against each other, as the state knows them."""
