"""The shipped tasks, a folder each: ``task.yaml``, the surface ``train.py`` and the recipe of its data."""
