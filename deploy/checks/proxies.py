"""Which proxy a call of a model takes, as the client of litellm reads the environment. Pure.

What surprises there: loopback is no exception, and NO_PROXY takes names and single addresses, not networks.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

PROXIES = ("http", "https", "all")


def proxy_of(address: str, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """The variable and the proxy, without its password, that a request to ``address`` takes, if any."""
    url, variables = urlsplit(address), {name.lower(): value for name, value in environ.items() if value}
    excepted = [name.strip() for name in variables.get("no_proxy", "").split(",") if name.strip()]
    if any(_excepts(name, url.scheme, (url.hostname or "").lower(), url.port) for name in excepted):
        return None
    for scheme in (url.scheme, "all"):
        if scheme in PROXIES and (proxy := variables.get(f"{scheme}_proxy")):
            return f"{scheme}_proxy", _without_password(proxy)
    return None


def is_near(address: str) -> bool:
    """Whether it is on this machine or in a private network, where a proxy is seldom meant."""
    host = urlsplit(address).hostname or ""
    try:
        place = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".lan", ".internal", ".localhost"))
    return place.is_private or place.is_loopback or place.is_link_local


def _excepts(name: str, scheme: str, host: str, port: int | None) -> bool:
    """Whether a name of NO_PROXY is this host's."""
    if name == "*":
        return True
    if "://" in name:
        only = urlsplit(name)
        return only.scheme in ("all", scheme) and only.hostname == host and only.port in (None, port)
    name = name.lower()
    if _is_address(name.partition("/")[0]) or name == "localhost":
        return host == name.partition("/")[0].strip("[]")
    domain, _, wanted = name.partition(":")
    if wanted and wanted != str(port):
        return False
    if domain.startswith("."):
        return host.endswith(domain)
    return host == domain or host.endswith(f".{domain}")


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _without_password(proxy: str) -> str:
    url = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.hostname or ''}{port}"
