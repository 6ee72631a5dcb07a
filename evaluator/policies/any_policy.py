"""Every policy there is, by its kind."""

from typing import get_args

from evaluator.policies.one_step import Confirm, MinDelta, Naive
from evaluator.policies.several_runs import Race, Sequential, Strict
from evaluator.policies.trunk import Trunk

AnyPolicy = Naive | MinDelta | Confirm | Sequential | Race | Strict | Trunk
"""In a journal its key ``kind`` says which."""
KINDS: dict[str, type[AnyPolicy]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyPolicy)}
"""By what the configuration calls them."""
