"""Ports on loopback for servers of ours, none of which the system hands to outgoing connections.

While a server is down its clients try it again and again, each time from a port that the system picks. Were the server's
own port among those, one of them would sooner or later be given it, and the server could not come back.
"""

import random
import socket
from collections.abc import Container, Iterator
from pathlib import Path

HOST = "127.0.0.1"
_LOWEST = 10_000
_HIGHEST = 32_767
"""Linux hands out 32768 and up, macOS and the standard (RFC 6335) 49152 and up."""
_HANDED_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")


def is_free(port: int) -> bool:
    """Whether a server could listen there now; what is left of ended connections is no hindrance."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_handed_out(port: int) -> bool:
    """Whether the system may give this port to an outgoing connection."""
    return port >= _first_handed_out()


def free_port(but: Container[int] = ()) -> int:
    """Choose a free port, none of `but`; where the system hands out nearly all of them, any that it gives."""
    return next(port for port in _candidates() if port not in but and is_free(port))


def _candidates() -> Iterator[int]:
    highest = min(_HIGHEST, _first_handed_out() - 1)
    if highest > 2 * _LOWEST:
        yield from random.sample(range(_LOWEST, highest), 100)
    while True:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        yield port


def _first_handed_out() -> int:
    try:
        return int(_HANDED_OUT.read_text().split()[0])
    except (OSError, ValueError):
        return _HIGHEST + 1
