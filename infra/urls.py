"""How a PostgreSQL is named, ours or somebody else's: a URL for each database and user."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote, urlsplit, urlunsplit


class Server(Protocol):
    """Any PostgreSQL that we can name a database of."""

    def url(self, database: str, user: str | None = None, password: str | None = None) -> str:
        """A URL for asyncpg or libpq; without a user it is the administrator's."""
        ...


@dataclass(frozen=True)
class External:
    """A PostgreSQL 15 to 18 that somebody else runs, known by its administrator's URL."""

    base: str

    def url(self, database: str, user: str | None = None, password: str | None = None) -> str:
        parts = urlsplit(self.base)
        place = parts.netloc.rpartition("@")[2]
        netloc = parts.netloc if user is None else f"{login(user, password)}@{place}"
        # urlunsplit would drop the // of a URL that names its socket in the query
        rest = urlunsplit(("", "", f"/{quote(database, safe='')}", parts.query, ""))
        return f"{parts.scheme}://{netloc}{rest}"


def login(user: str, password: str | None) -> str:
    return quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
