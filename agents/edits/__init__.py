"""A model's answer put onto a surface: all of it, at one place only, or not at all."""
