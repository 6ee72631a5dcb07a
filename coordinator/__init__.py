"""Decides what is tried and what is merged, and keeps the campaign on the disk.

From the top: ``actor`` is the process; ``service`` answers one call at a time; ``views`` show the state;
``store`` is the disk; ``rules`` say what may happen next; ``state`` is what is known; ``rule_values`` are the
campaign's rules as values; ``variants`` read a program's text. The modules beside them say what agents and
coordinator send each other.
"""
