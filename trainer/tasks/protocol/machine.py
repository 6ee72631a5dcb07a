"""A small authorisation server: grants, delegation, spending limits, time. One object, calls one after another.

Every call returns a value or raises ``Refused``. Users are texts, amounts and times whole numbers. The rules
it is meant to keep are the invariants in the charter; it does not keep all of them.
"""

from dataclasses import dataclass

SCOPES = ("read", "write", "pay", "admin")
DEEPEST = 3
"""Delegations below a grant."""


class Refused(Exception):
    """The server does not do that."""


@dataclass
class Token:
    """A right that somebody holds."""

    holder: str
    scopes: frozenset[str]
    limit: int
    until: int
    parent: int | None
    depth: int = 0
    spent: int = 0
    active: bool = True


class Machine:
    """The server. Tokens have numbers, in the order in which they were made, from 0 on."""

    def __init__(self) -> None:
        self.now = 0
        self.tokens: list[Token] = []

    def grant(self, holder: str, scopes: list[str], limit: int, seconds: int) -> int:
        """A new root token; the number it has."""
        if not scopes or not set(scopes) <= set(SCOPES) or limit < 0 or not 0 < seconds <= 1000:
            raise Refused("grant")
        return self._add(Token(holder, frozenset(scopes), limit, self.now + seconds, None))

    def delegate(self, token: int, holder: str, scopes: list[str], limit: int) -> int:
        """A token below another, with no more scopes and no higher limit; the number it has."""
        parent = self._usable(token)
        if not scopes or not set(scopes) <= parent.scopes or parent.depth >= DEEPEST:
            raise Refused("delegate")
        if not 0 <= limit <= parent.limit - parent.spent:
            raise Refused("limit")
        depth = parent.depth + 1
        return self._add(Token(holder, frozenset(scopes), limit, parent.until, token, depth))

    def act(self, token: int, scope: str) -> str:
        """Do something that takes a scope."""
        held = self._usable(token)
        if scope not in held.scopes:
            raise Refused("scope")
        return scope

    def spend(self, token: int, amount: int) -> int:
        """Spend; what is left of the token's limit."""
        held = self._usable(token)
        if "pay" not in held.scopes or amount <= 0 or held.spent + amount > held.limit:
            raise Refused("spend")
        held.spent += amount
        if held.parent is not None:
            self.tokens[held.parent].spent += amount
        return held.limit - held.spent

    def refund(self, token: int, amount: int) -> int:
        """Take back what was spent with a token; what is left of its limit."""
        held = self._usable(token)
        if amount <= 0 or amount > held.spent:
            raise Refused("refund")
        held.spent -= amount
        return held.limit - held.spent

    def revoke(self, token: int) -> int:
        """End a token and all that were delegated from it; how many ended."""
        self._at(token)
        ended, waiting = 0, [token]
        while waiting:
            number = waiting.pop()
            ended += self.tokens[number].active
            self.tokens[number].active = False
            waiting += [child for child, one in enumerate(self.tokens) if one.parent == number]
        return ended

    def renew(self, token: int, seconds: int) -> int:
        """Let a token that has run out, or soon will, be used longer; when it will run out."""
        held = self._at(token)
        if not 0 < seconds <= 1000:
            raise Refused("renew")
        if held.parent is None:
            held.until = self.now + seconds
        else:
            held.until = min(self.now + seconds, self.tokens[held.parent].until)
        held.active = True
        return held.until

    def join(self, first: int, second: int) -> int:
        """One token in the place of two of the same holder, which end; the number it has."""
        one, other = self._usable(first), self._usable(second)
        if first == second or one.holder != other.holder:
            raise Refused("join")
        self.revoke(first)
        self.revoke(second)
        left = min(one.limit - one.spent, other.limit - other.spent)
        scopes = one.scopes | other.scopes
        return self._add(Token(one.holder, scopes, left, min(one.until, other.until), one.parent, one.depth))

    def wait(self, seconds: int) -> int:
        """Let time go by; what time it is."""
        if not 0 < seconds <= 10_000:
            raise Refused("wait")
        self.now += seconds
        return self.now

    def _usable(self, number: int) -> Token:
        token = self._at(number)
        if not token.active or self.now >= token.until:
            raise Refused("token")
        return token

    def _at(self, number: int) -> Token:
        if not 0 <= number < len(self.tokens):
            raise Refused("no such token")
        return self.tokens[number]

    def _add(self, token: Token) -> int:
        self.tokens.append(token)
        return len(self.tokens) - 1
