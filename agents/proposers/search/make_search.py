"""An arm of kind ``search`` as a proposer."""

from agents.proposers.contract import Materials, Proposer
from configs.arms import Search


def make(_: Search, materials: Materials) -> Proposer:
    """See ``agents.proposers.factory``."""
    from agents.proposers.search.search_proposer import SearchProposer  # libcst: only where it is needed

    return SearchProposer(materials.choices)
