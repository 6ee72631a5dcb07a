"""Secrets of the environment, and whatever is shaped like one, kept out of everything that is logged, stored,
sent or shown.

- A value of the environment is hidden wherever it stands: as it is, as base64, and as in a URL.
- A shape is hidden where it can hardly be anything else: hashes, numbers, base64 of weights and lines of code
  stay as they are.
"""

import re
from base64 import b64encode
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import quote

NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)
SHORTEST = 8
"""Shorter values are switches and words, not secrets."""
SHORTEST_IN_ANSWERS = 16
"""In an answer, which may become a program, only what can be nothing but a key is touched."""
HIDDEN = "[redacted]"

BEGINS = r"(?<![\w-])"
"""Nothing of a longer word before it: base64 and names may hold any few letters."""
ISSUED = (
    r"[sr]k-(?=[\w-]*[0-9*])[\w*-]{8,}",
    r"[sr]k-[\w-]{0,16}(?:\.{3}|…|\*{3,})[\w*-]*",  # as a provider masks it
    r"[sr]k-(?:[A-Za-z0-9]{10,}|[\w-]{32,})",
    r"(?:csk|pk-lf|tvly|pplx|xai|nvapi)-(?=[\w-]*\d)[\w-]{20,}",
    r"[srp]k_(?:live|test|prod)_\w{10,}|whsec_[\w+/=]{16,}",
    r"AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{16,}",
    r"(?:hf|gsk|r8|npm|fw|rpa|KGAT|jina|e2b|tgp_v1|wandb_v1|api_org|lin_api|dckr_pat)_[A-Za-z0-9-]{16,}",
    r"gh[pousr]_\w{16,}|github_pat_\w{16,}|gl(?:pat|rt|dt|ft|soat|cbt)-[\w.-]{16,}|gl(?:sa|c)_[\w=]{16,}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])(?:[\s\"':,;/|=]{1,5}[\w/+]{40}(?![\w/+]))?",
    r"xox[a-z](?:\.xox[a-z])?-[\w-]{8,}|xapp-[\w-]{16,}",
    r"(?:bot)?\d{8,10}:AA[\w-]{30,}|SG\.[\w-]{16,}\.[\w-]{16,}|dapi[0-9a-f]{32}|do[opr]_v1_[0-9a-f]{32,}|pypi-[\w-]{32,}",
    r"(?:ntn|sbp|sb_secret|shpat|shpss|pul|sntrys|esecret)_(?=\w*\d)[\w+/=-]{24,}",
    r"hv[sb]\.[\w-]{20,}|AGE-SECRET-KEY-1[0-9A-Z]{20,}",
    r"eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)*",
)
"""Keys by what those who issue them begin them with."""
PRIVATE = r"[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
PEM = rf"(?s:-----BEGIN {PRIVATE}.*?(?:-----END {PRIVATE}|\Z))"
"""One that is cut off is hidden to the end of the text."""
HOOKS = r"(?<=hooks\.slack\.com/services/)[\w/]{16,}|(?<=/api/webhooks/)\d+/[\w-]{16,}"
LONG = (
    r"(?:api|access|account|shared|private|secret|encryption|signing|license|subscription)[ _-]?key"
    r"(?:[ _-]id)?"
)
WORDS = r"secret|passw(?:or)?d|passphrase|\bpwd|credentials?"
IS = r"\s{0,3}(?:=>|[:=]|\bis\b)\s{0,3}"
VALUE = r"(?![$%<{]|[\w.]+[\[(])(?=[^\s\"',;&]*[0-9*+/=!^#~])(?=[^\s\"',;&]*[A-Za-z*])[\w.+/=!$%^#~*@:-]"
"""Without quotes: letters and something else, and neither a call, an item nor a variable."""
NAMED = (
    r"\bbearer\s+(?:(?=[^\s\"']*[\d*])[\w.~+/=*-]{8,}|[\w.~+/=-]{20,})",
    r"(?P<header>\bauthorization[\"']?\s*[:=]\s*[\"']?(?:(?:basic|token|digest|apikey|key)\s+)?)"
    rf"(?!(?:bearer|basic|token|digest)\b){VALUE}{{8,}}",
    r"(?P<basic>\bbasic\s+)(?:[A-Z0-9+/]{4}){2,}(?:[A-Z0-9+/]{2}==|[A-Z0-9+/]{3}=)",
    r"(?P<cookie>\b(?:set-)?cookie[\"']?:\s*[\"']?)[\w.-]+=[^\r\n\"']{8,}",
    r"(?<=://)(?P<user>[^\s/:@\"']*:)[^\s/\"']+(?=@)",
    r"(?<=://)[\w-]{16,}(?=@)",
    r"(?P<query>[?&](?:key|sig|signature|token|code|x-(?:amz|goog)-[\w-]+)=)[\w.%+/~-]{8,}",
    rf"(?P<quoted>(?:{LONG}|{WORDS}|[_-]token|\btoken)[\"']?{IS}\\?[\"'])(?=[^\s\"'\\]*[^\s\"'\\a-z_.]|[a-z]{{16}})"
    r"[^\s\"'<>{}()\[\]|\\]{6,}(?=\\?[\"']|\Z)",
    r"(?P<spoken>passw(?:or)?d[\"']?\s{0,3}[:=]\s{0,3}\\?[\"'])[^\s\"'<>{}()\[\]\\]{6,}(?=\\?[\"'])",
    r"(?P<typed>passw(?:or)?d=)(?!none|true|false|null|[\w.]+[\[(.])[^\s\"',;&()\[\]<>{}$]{6,}",
    r"(?P<account>\s(?:-u|--user)[ =][\"']?[\w.@-]+:)[^\s\"':/]{4,}",
    rf"(?P<word>(?:{LONG}|{WORDS})[\"'`]?{IS}[\"'`]?){VALUE}{{6,}}",
    rf"(?P<token>(?:\btoken|[_-]token|{LONG}(?: provided)?)[\"'`]?(?:{IS}|\s)[\"'`]?){VALUE}{{16,}}",
)
"""Keys by the word before them, which stays, as does where a URL leads."""
SHAPE = re.compile("|".join([PEM, HOOKS, f"{BEGINS}(?:{'|'.join(ISSUED)})", f"(?i:{'|'.join(NAMED)})"]))
"""Whatever can hardly be anything but a key."""
HINTS = (
    *("sk-", "rk-", "pk-lf-", "tvly-", "pplx-", "xai-", "nvapi-", "_live_", "_test_", "_prod_", "whsec_"),
    *("aiza", "ya29.", "gocspx-", "hf_", "gsk_", "r8_", "npm_", "fw_", "rpa_", "kgat_", "jina_", "e2b_"),
    *("_v1_", "api_org_", "lin_api_", "_pat_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "glrt-"),
    *("gldt-", "glft-", "glsoat-", "glcbt-", "glsa_", "glc_", "akia", "asia", "abia", "acca", "xox", "xapp-"),
    *(":aa", "sg.", "dapi", "pypi-", "ntn_", "sbp_", "shpat_", "shpss_", "pul_", "sntrys_", "hvs.", "hvb."),
    *("eyj", "private key", "webhooks/", "hooks.slack", "bearer", "authorization", "basic", "cookie", "://"),
    *("key", "token", "secret", "passw", "passphrase", "pwd", "credential", "sig=", "signature=", "code="),
    *("x-amz-", "x-goog-", "-u ", "-u=", "--user"),
)
"""A text without any of these, in whatever case, has none of the shapes: that is looked up quickly."""
LARGE = 200_000
"""Characters of a text that is gone through line by line, and of it only the lines with such a word."""
LEAST = 12
"""Characters of a line of a secret of several lines that is hidden where it stands alone."""


def redacted(text: str, environ: Mapping[str, str], also: Collection[str] = ()) -> str:
    """``text`` without the values of variables that are named like secrets, or are in ``also``, and without
    anything shaped like a key.
    """
    return without_keys(_without(text, environ, SHORTEST, also))


def redacted_answer(text: str, environ: Mapping[str, str], also: Collection[str] = ()) -> str:
    """A model's ``text`` without the values of those variables. Their shapes stay: ``sk-offset`` may be a
    subtraction.
    """
    return _without(text, environ, SHORTEST_IN_ANSWERS, also)


def without_keys(text: str) -> str:
    """``text`` without anything shaped like a key."""
    if not _hinted(text):
        return text
    if len(text) <= LARGE:
        return SHAPE.sub(_hidden, text)
    lines = re.sub(PEM, HIDDEN, text).splitlines(keepends=True)
    return "".join(SHAPE.sub(_hidden, line) if _hinted(line) else line for line in lines)


def _hinted(text: str) -> bool:
    lower = text.lower()
    return any(word in lower for word in HINTS)


def _hidden(match: re.Match[str]) -> str:
    """What says whose key it is stays."""
    return f"{match[match.lastgroup] if match.lastgroup else ''}{HIDDEN}"


def _without(text: str, environ: Mapping[str, str], shortest: int, also: Collection[str]) -> str:
    secrets = {
        form
        for name, value in environ.items()
        if (name in also or NAME.search(name)) and len(value) >= shortest
        for form in _forms(value)
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _forms(secret: str) -> Iterator[str]:
    """A secret as it may be written down."""
    yield secret
    yield quote(secret, safe="")
    yield b64encode(secret.encode(errors="replace")).decode().rstrip("=")
    yield secret.replace("\n", "\\n")
    yield from (line for line in secret.splitlines()[1:-1] if len(line) >= LEAST)
