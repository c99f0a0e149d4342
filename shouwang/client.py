"""A person at the API: signs in, issues commands, asks, and waits until everybody has heard."""

import asyncio
import contextlib
import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import httpx2

_SETTLE_SECONDS = 300
_LOOK_SECONDS = 0.03


class Told(Exception):  # noqa: N818
    """An answer that is a problem: its status, its code, and what it says."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        """Keep the problem."""
        fields = "; ".join(f"{f['field']}: {f['zh']} {f['en']}" for f in body.get("fields", []))
        said = f"{status} {body.get('code')}: {body.get('title')} · {body.get('detail')}"
        super().__init__(f"{said} ({fields})" if fields else said)
        self.status = status
        self.body = body


class Platform:
    """The platform as its users reach it: a base URL for each service."""

    def __init__(self, urls: Mapping[str, str], token: str | None = None) -> None:
        """Talk to these; with a `token` of an OIDC provider, as whom it names, else by the development sign-in."""
        self.urls = urls
        self.token = token
        self.http = httpx2.AsyncClient(timeout=120)

    async def close(self) -> None:
        """Close connections."""
        await self.http.aclose()

    async def request(self, method: str, path: str, **how: Any) -> httpx2.Response:
        """Ask `/<service>/…`; a problem raises Told."""
        answer = await self.http.request(method, self.urls[path.split("/")[1]] + path, **how)
        if answer.status_code >= 400:
            try:
                body = answer.json()
            except ValueError:
                body = {"code": "not-a-problem", "title": answer.text[:200]}
            raise Told(answer.status_code, body)
        return answer

    async def people(self) -> list[dict[str, Any]]:
        """Return the posts that one can sign in to."""
        path = "/registry/posts/mine" if self.token else "/registry/dev/people"
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        found: list[dict[str, Any]] = (await self.request("GET", path, headers=headers)).json()
        return found

    async def sign_in(self, post: UUID) -> "Person":
        """Sign in to a post."""
        if self.token:
            return Person(self, self.token, post=post)
        answer = await self.request("POST", "/registry/dev/sign-in", json={"post": str(post)})
        return Person(self, answer.json()["access_token"])

    async def positions(self) -> dict[str, Any]:
        """Return every service's places."""
        names = list(self.urls)
        answers = await asyncio.gather(*(self.request("GET", f"/{name}/positions") for name in names))
        return dict(zip(names, (a.json() for a in answers), strict=True))

    async def versions_folded(self) -> set[int]:
        """Return which versions of the agencies' views the running service folds."""
        consumers = (await self.request("GET", "/agency/positions")).json()["consumers"]
        return {int(name.rpartition(".")[2]) for name in consumers if name.startswith("agency.pages.")}

    async def settled(self) -> dict[str, Any]:
        """Wait until every consumer has handled all that its sources hold; returns the places.

        A service that starts again right now is waited for. Raises TimeoutError, naming who is behind or has stopped.
        """
        before: Any = None
        places: dict[str, Any] = {}
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                while True:
                    with contextlib.suppress(httpx2.TransportError):
                        places = await self.positions()
                        if not behind(places) and places == before:
                            return places
                        before = places
                    await asyncio.sleep(_LOOK_SECONDS)
        except TimeoutError:
            raise TimeoutError("; ".join(behind(places)[:20]) or "somebody does not answer") from None


def behind(places: Mapping[str, Any]) -> list[str]:
    """Name the consumers that have not reached their sources' heads."""
    heads: dict[tuple[str, str], int] = {}
    for service, told in places.items():
        for partition, seq in told.get("heads", {}).items():
            source, at = ("reference", "0") if int(partition) == 24 else (service, partition)
            heads[source, at] = seq
        for partition, seq in told.get("feed_heads", {}).items():
            heads["feed", partition] = seq
        for partition, seq in told.get("look_heads", {}).items():
            heads[service, partition] = seq
    late = []
    for told in places.values():
        for name, consumer in told["consumers"].items():
            for (source, partition), seq in heads.items():
                if source in consumer["sources"] and consumer["places"].get(f"{source}.{partition}", 0) < seq:
                    late.append(f"{name} {source}.{partition}")
    return late


class Person:
    """Somebody signed in."""

    def __init__(
        self, platform: Platform, token: str, purpose: str = "case-work", post: UUID | None = None
    ) -> None:
        """Act with this token, from this post where it names none."""
        self._platform = platform
        self.headers = {"Authorization": f"Bearer {token}", "X-Purpose": purpose}
        if post is not None:
            self.headers["X-Post"] = str(post)

    async def do(
        self, path: str, key: str | None = None, *, at_least: str | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Issue a command: `do("registry/register-child", …)`; returns what it did.

        `at_least` is the token of an answer that it rests on: the service waits until it has heard of it.
        """
        headers = {**self.headers, "Idempotency-Key": key or str(uuid4())}
        params = {} if at_least is None else {"at_least": at_least}
        answer = await self._platform.request("POST", f"/{path}", json=fields, headers=headers, params=params)
        done: dict[str, Any] = answer.json()
        return done

    async def ask(self, path: str, **params: Any) -> Any:
        """Ask a question: `ask("agency/worklist")`."""
        return (await self.fetch(path, **params)).json()

    async def fetch(self, path: str, **params: Any) -> httpx2.Response:
        """Ask for a file."""
        told = {k: v for k, v in params.items() if v is not None}
        return await self._platform.request("GET", f"/{path}", params=told, headers=self.headers)

    async def put(self, path: str, told: Any) -> Any:
        """Say how something is to be: `put("registry/imports/columns", […])`."""
        return (await self._platform.request("PUT", f"/{path}", json=told, headers=self.headers)).json()

    async def search(self, **wanted: str) -> Any:
        """Search children."""
        return await self.post("agency/search", wanted)

    async def post(self, path: str, told: Any) -> Any:
        """Ask with what must not stand in a URL: `post("agency/candidates", {…})`."""
        return (await self._platform.request("POST", f"/{path}", json=told, headers=self.headers)).json()

    async def post_lines(self, path: str) -> list[dict[str, Any]]:
        """Have something done that is told line by line: `post_lines("registry/imports/…/undo")`."""
        answer = await self._platform.request("POST", f"/{path}", headers=self.headers)
        return [json.loads(line) for line in answer.content.splitlines()]

    async def send_file(self, path: str, content: bytes, **params: Any) -> httpx2.Response:
        """Send a file."""
        told = {k: v for k, v in params.items() if v is not None}
        headers = {**self.headers, "Content-Type": "application/octet-stream"}
        return await self._platform.request("POST", f"/{path}", content=content, params=told, headers=headers)
