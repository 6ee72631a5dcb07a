"""Rules of what is better: one value each behind one Protocol, ``evaluator.policies.contract``."""
