"""The key ring: one master a person, wrapped; one act on it makes all that is sealed about them dark."""

import sqlite3
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from schemas.fields import DataClass
from services.kernel.keys.ciphers import SUITES
from services.kernel.keys.service import Pair
from services.kernel.keys.wrapping import OtherWrapping, Passphrase, Wrapping, WrongPassphrase
from services.kernel.world import World

CLASSES = [c.value for c in DataClass if c is not DataClass.OPEN]
_SALT = 16
_CACHED = 50_000
_LOOK_SECONDS = 0.001


class KeyRing:
    """A SQLite file apart from the cluster, so that no backup of the cluster can bring a key back.

    Each row holds a subject's master, wrapped under a key made from the passphrase or by a key service, and one salt a
    class: class keys follow by HKDF, so one class can be erased by its salt alone. The suite is that of the day on which
    the ring was made, whatever blocks are sealed with since. Looked-up keys stay in memory until another process writes
    to the file: SQLite's `data_version`, asked once a millisecond at most, tells, so an erasure is felt at once.
    """

    def __init__(self, path: Path, by: str | Wrapping, world: World, suite: str = "aes") -> None:
        """Open the ring, or create it under `suite`; `by` is a passphrase, or what wraps in its place.

        Raises WrongPassphrase, OtherWrapping, KeysDown.
        """
        self._world = world
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, dict[str, bytes]] = OrderedDict()
        self._version = 0
        self._looked = 0.0
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
        path.chmod(0o600)
        self._db.execute("pragma journal_mode=wal")
        self._db.execute("pragma synchronous=full")
        self._db.execute("pragma secure_delete=on")
        self._db.executescript(
            "create table if not exists meta (name text primary key, value blob not null);"
            "create table if not exists ring (subject text primary key, state text not null,"
            " master blob, salts blob) without rowid;"
        )
        # A ring that has a salt and no suite is older than suites.
        older = self._db.execute("select 1 from meta where name = 'salt'").fetchone()
        self._db.execute(
            "insert or ignore into meta values ('suite', ?)", (b"aes" if older else suite.encode(),)
        )
        (kept,) = self._db.execute("select value from meta where name = 'suite'").fetchone()
        self._suite = SUITES[kept.decode()](world)
        self._wrapping = self._passphrase(self._salt(), by) if isinstance(by, str) else by
        if self._wrapped("search") is None:
            told = (self._wrapping.name.encode(),)
            self._db.execute("insert or ignore into meta values ('wrapping', ?)", told)
        if self.protected_by(path) != self._wrapping.name:
            raise OtherWrapping
        self.search_key = self._secret("search")
        """Key of search tokens and identity claims: HMAC-SHA256."""

    def _passphrase(self, salt: bytes, passphrase: str) -> Passphrase:
        return Passphrase(self._suite, salt, passphrase)

    @staticmethod
    def protected_by(path: Path) -> str:
        """Return the name of what wraps a ring: that of its first day, or of its last rotation."""
        with closing(sqlite3.connect(path)) as ring:
            row = ring.execute("select value from meta where name = 'wrapping'").fetchone()
        return row[0].decode() if row else Passphrase.name  # older than key services

    def _salt(self) -> bytes:
        self._db.execute("insert or ignore into meta values ('salt', ?)", (self._world.secret(_SALT),))
        salt: bytes = self._db.execute("select value from meta where name = 'salt'").fetchone()[0]
        return salt

    def _secret(self, name: str) -> bytes:
        if self._wrapped(name) is None:
            (wrapped,) = self._wrapping.wrap([(self._world.secret(32), name)])
            self._db.execute("insert or ignore into meta values (?, ?)", (name, wrapped))
        (secret,) = self._wrapping.unwrap([(self._wrapped(name), name)])
        return secret

    def _wrapped(self, name: str) -> Any:
        row = self._db.execute("select value from meta where name = ?", (name,)).fetchone()
        return row and row[0]

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def ensure(self, subjects: Iterable[str]) -> None:
        """Give every subject without a row a new master; one durable transaction for all of them."""
        with self._lock:
            missing = [s for s in dict.fromkeys(subjects) if s not in self._cache]
            known = {row[0] for row in self._rows(missing, "subject")}
            made = [(self._world.secret(32), subject) for subject in missing if subject not in known]
            if made:
                fresh = [
                    (subject, master, self._world.secret(_SALT * len(CLASSES)))
                    for (_, subject), master in zip(made, self._wrapping.wrap(made), strict=True)
                ]
                self._db.execute("begin immediate")
                self._db.executemany("insert or ignore into ring values (?, 'active', ?, ?)", fresh)
                self._db.execute("commit")

    def keys(self, pairs: Iterable[Pair]) -> dict[Pair, bytes]:
        """Return the class keys of these pairs; erased and unknown ones are absent."""
        wanted = list(pairs)
        with self._lock:
            self._forget_what_others_changed()
            lacking: dict[str, set[str]] = {}
            for subject, name in wanted:
                if name not in self._cache.get(subject, ()):
                    lacking.setdefault(subject, set()).add(name)
            active = [
                (subject, master, salts)
                for subject, master, salts, state in self._rows(
                    list(lacking), "subject, master, salts, state"
                )
                if state == "active"
            ]
            masters = (
                self._wrapping.unwrap([(master, subject) for subject, master, _ in active]) if active else []
            )
            for (subject, _, salts), master in zip(active, masters, strict=True):
                made = self._class_keys(master, salts, lacking[subject])
                self._cache.setdefault(subject, {}).update(made)
            found = {(s, c): keys[c] for s, c in wanted if (keys := self._cache.get(s)) and c in keys}
            while len(self._cache) > _CACHED:
                self._cache.popitem(last=False)
        return found

    def _forget_what_others_changed(self) -> None:
        if (now := time.monotonic()) < self._looked + _LOOK_SECONDS:
            return
        self._looked = now
        version = self._db.execute("pragma data_version").fetchone()[0]
        if version != self._version:
            self._version = version
            self._cache.clear()

    def rotate(self, by: str | Wrapping) -> None:
        """Wrap every master anew, under another passphrase or by something else, all or none. Nobody else may have it open.

        Class keys stay as they are, so nothing that is sealed changes.
        """
        salt = self._world.secret(_SALT)
        to = self._passphrase(salt, by) if isinstance(by, str) else by
        with self._lock:
            self._db.execute("begin exclusive")
            try:
                held = self._db.execute(
                    "select master, subject from ring where master is not null"
                ).fetchall()
                named = [(self._wrapped("search"), "search"), *held]
                secrets = zip(self._wrapping.unwrap(named), (name for _, name in named), strict=True)
                search, *masters = to.wrap(list(secrets))
                rows = [(master, subject) for master, (_, subject) in zip(masters, held, strict=True)]
                self._db.executemany("update ring set master = ? where subject = ?", rows)
                self._db.executemany(
                    "insert or replace into meta values (?, ?)",
                    [("search", search), ("salt", salt), ("wrapping", to.name.encode())],
                )
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")
            self._db.execute("pragma wal_checkpoint(truncate)")
            self._wrapping = to

    def sealed(self, subjects: Iterable[str]) -> set[str]:
        """Return those of the subjects whose keys are withheld until they are unsealed."""
        with self._lock:
            return {
                subject
                for subject, state in self._rows(list(subjects), "subject, state")
                if state == "sealed"
            }

    def seal(self, subject: str) -> None:
        """Withhold a subject's keys from everybody. What was erased stays erased."""
        self._change(subject, "state = 'sealed'", "active")

    def unseal(self, subject: str) -> None:
        """Give a subject's keys out again."""
        self._change(subject, "state = 'active'", "sealed")

    def erase(self, subject: str, classes: Collection[str] | None = None) -> None:
        """Destroy a subject's key, the master and all salts, or the salts of some classes. Nothing brings it back."""
        if classes is None:
            self._change(subject, "state = 'erased', master = null, salts = null", "active", "sealed")
            return
        with self._lock:
            self._db.execute("begin immediate")
            for _, salts in self._rows([subject], "subject, salts"):
                if salts is not None:
                    left = bytearray(salts)
                    for name in classes:
                        at = CLASSES.index(name) * _SALT
                        left[at : at + _SALT] = bytes(_SALT)
                    self._db.execute("update ring set salts = ? where subject = ?", (bytes(left), subject))
            self._db.execute("commit")
            self._forget(subject)

    def erased(self, classes: Collection[str]) -> set[str]:
        """Return the subjects that were erased whole, or of whom one of these classes was."""
        places = [CLASSES.index(name) * _SALT + 1 for name in classes]
        where = " or ".join(["state = 'erased'", *["substr(salts, ?, ?) = zeroblob(?)"] * len(places)])
        with self._lock:
            found = self._db.execute(
                f"select subject from ring where {where}", [n for at in places for n in (at, _SALT, _SALT)]
            ).fetchall()
        return {row[0] for row in found}

    def _change(self, subject: str, to: str, *states: str) -> None:
        marks = ",".join("?" * len(states))
        with self._lock:
            self._db.execute(
                f"update ring set {to} where subject = ? and state in ({marks})", (subject, *states)
            )
            self._forget(subject)

    def _forget(self, subject: str) -> None:
        self._db.execute("pragma wal_checkpoint(truncate)")  # no page of before stays in the log
        self._cache.pop(subject, None)

    def _rows(self, subjects: list[str], columns: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = []
        for start in range(0, len(subjects), 500):
            part = subjects[start : start + 500]
            marks = ",".join("?" * len(part))
            rows += self._db.execute(
                f"select {columns} from ring where subject in ({marks})", part
            ).fetchall()
        return rows

    def _class_keys(self, secret: bytes, salts: bytes, names: Iterable[str]) -> dict[str, bytes]:
        own = {name: salts[i * _SALT : (i + 1) * _SALT] for i, name in enumerate(CLASSES) if name in names}
        return {name: self._suite.class_key(secret, salt, name) for name, salt in own.items() if any(salt)}


__all__ = ["KeyRing", "WrongPassphrase"]
