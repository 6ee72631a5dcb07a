class Bought(CostsMoney):
    """Pays for every idea."""

    proposer: Literal["bought"] = "bought"
    constant: str = "SOFTCAP"
    """The constant that moves."""
    price: Positive = 0.25
    """Dollars of one idea."""
