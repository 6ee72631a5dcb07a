"""What must never be, held to the calls that the server let through, by books of our own.

The books know a token by the call that made it and follow every call that was not refused. They read nothing
of the server's state: what it believes about itself counts for nothing.
"""

from dataclasses import dataclass, field

DEEPEST = 3
NAMES = {
    "scope": "a token acts with a scope that a grant it comes from does not hold",
    "overspent": "more is spent below a grant than its limit",
    "overspent_below": "more is spent below a delegated token than its own limit",
    "revoked": "a token is used after it, or one it was delegated from, was revoked",
    "expired": "a token is used after its grant has run out",
    "depth": "a token is used that lies more than three delegations below its grant",
    "created": "more was paid back below a grant than was spent there",
}


@dataclass
class Entry:
    """A token in the books."""

    sources: list[int]
    scopes: frozenset[str] = frozenset()
    limit: int = 0
    until: int = 0
    depth: int = 0
    spent: int = 0
    revoked: bool = False
    below: set[int] = field(default_factory=set)


class Books:
    """The invariants of one trace."""

    def __init__(self):
        self.violated = set()
        self._now, self._entries = 0, []

    def allowed(self, call, arguments, value):
        """A call that was not refused, and what it returned."""
        {
            "grant": self._granted,
            "delegate": self._delegated,
            "act": self._acted,
            "spend": self._spent,
            "refund": self._refunded,
            "revoke": self._revoked,
            "renew": self._renewed,
            "join": self._joined,
            "wait": self._waited,
        }[call](*arguments)

    def _granted(self, holder, scopes, limit, seconds):
        self._entries.append(Entry([], frozenset(scopes), limit, self._now + seconds))

    def _delegated(self, token, holder, scopes, limit):
        self._used(token)
        parent = self._entries[token]
        self._entries.append(Entry([token], frozenset(scopes), limit, parent.until, parent.depth + 1))

    def _acted(self, token, scope):
        self._used(token)
        if any(scope not in self._entries[root].scopes for root in self._roots(token)):
            self.violated.add("scope")

    def _spent(self, token, amount):
        self._used(token)
        self._book(token, amount)

    def _refunded(self, token, amount):
        self._used(token)
        self._book(token, -amount)

    def _revoked(self, token):
        self._entries[token].revoked = True

    def _renewed(self, token, seconds):
        entry = self._entries[token]
        if not entry.sources:
            entry.until = self._now + seconds

    def _joined(self, first, second):
        self._used(first)
        self._used(second)
        one, other = self._entries[first], self._entries[second]
        depth = max(one.depth, other.depth)
        self._entries.append(
            Entry([first, second], one.scopes | other.scopes, one.limit + other.limit, 0, depth)
        )

    def _waited(self, seconds):
        self._now += seconds

    def _used(self, token):
        line = self._line(token)
        if any(self._entries[one].revoked for one in line):
            self.violated.add("revoked")
        if any(self._now >= self._entries[root].until for root in self._roots(token)):
            self.violated.add("expired")
        if self._entries[token].depth > DEEPEST:
            self.violated.add("depth")

    def _book(self, token, amount):
        """Spent, or paid back where it is below nought: of the token and of all that it comes from."""
        for one in self._line(token):
            entry = self._entries[one]
            entry.spent += amount
            if entry.spent > entry.limit:
                self.violated.add("overspent_below" if entry.sources else "overspent")
            if entry.spent < 0 and not entry.sources:
                self.violated.add("created")

    def _line(self, token):
        """The token and all it comes from."""
        line, waiting = set(), [token]
        while waiting:
            one = waiting.pop()
            line.add(one)
            waiting += self._entries[one].sources
        return line

    def _roots(self, token):
        return [one for one in self._line(token) if not self._entries[one].sources]
