"""What may happen next, as functions over the state. Pure.

- A rule is a function: its first argument is the state, which it only reads, and what it returns are events,
  or values for the caller. Nothing changes the state but ``CampaignState.apply``.
- No clock, no randomness, no disk, no network. ``now`` is seconds since the epoch and an argument; what is
  drawn is drawn from the campaign's seed and its secret (``coordinator.rules.seeds``).
- Every command may be repeated: what is already so returns no events.
- With ``lookahead`` N > 0 verdicts fall in the order of proposal and proposal n is made from exactly the
  verdicts up to n - N, so the same seed gives the same verdicts however fast each slot is, and through any
  number of restarts.
"""
