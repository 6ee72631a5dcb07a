"""Trains variants, without ray: ``tasks`` are what is searched, ``run`` supervises one training, ``sandbox``
confines it, ``process`` starts and ends processes, ``simulated`` only draws values.
"""
