"""Which addresses a gateway or webhook may have: whoever sets one by mistake or malice must reach nothing inside."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address

METADATA = tuple(
    ip_network(n)
    for n in (
        "169.254.0.0/16", "fe80::/10",  # link-local; most clouds answer there with a machine's credentials
        "fd00:ec2::/32", "fd20:ce::254/128",  # Amazon, Google
        "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",  # Alibaba, Azure, Oracle
    )
)  # fmt: skip
"""Where a cloud hands out what only its own machines may have."""

_NAT64 = ip_network("64:ff9b::/96")


def is_loopback(host: str) -> bool:
    """Whether an address names this machine."""
    try:
        return meant(ip_address(host)).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost" or host.lower().rstrip(".").endswith(".localhost")


def meant(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
        return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)
    return address


def refusal(address: str, host: str) -> str | None:
    """Why a post to that host may not go to this address of it; None when it may."""
    found = meant(ip_address(address.partition("%")[0]))
    if is_loopback(host):
        return None if found.is_loopback else "not this machine, as its name says"
    if found.is_loopback:
        return "this machine, though its name does not say so"
    if any(found.version == net.version and found in net for net in METADATA):
        return "link-local, or a cloud's metadata"
    if found.is_multicast or found.is_unspecified or found == IPv4Address("255.255.255.255"):
        return "no single machine"
    return None


def checked_url(url: str) -> str:
    """The URL of a gateway as it may be set; ValueError says what is wrong, without the URL, which may hold a token."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if not host or parts.scheme not in ("http", "https") or re.search("[^!-~]", url):
        raise ValueError("must be a URL such as https://gateway.bank.example/send")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must begin with https:// (http:// only on this machine)")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must hold no user name and password")
    if parts.fragment or port == 0:
        raise ValueError("must hold no #fragment and no port 0")
    try:
        wrong = refusal(host, host)
    except ValueError:
        return url  # a name: looked up, and checked, each time it is used
    if wrong:
        raise ValueError(f"leads to an address that is never used: {wrong}")
    return url
