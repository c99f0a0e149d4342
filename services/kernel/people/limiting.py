"""How much a body may ask in a minute: one system that runs wild doesn't keep the others waiting."""

from uuid import UUID

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from services.kernel.errors import TooMany


class Limits:
    """Counts requests of each body, in this process. Reports of danger are never counted (`Command.intake`)."""

    def __init__(self, per_minute: int = 0) -> None:
        """Allow so many a minute; 0 is no limit."""
        self._item = RateLimitItemPerMinute(per_minute) if per_minute else None
        self._counts = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, body: UUID) -> None:
        """Count one request. Raises TooMany, which says when to come back."""
        if self._item is not None and not self._counts.hit(self._item, str(body)):
            raise TooMany(most_a_minute=self._item.amount)
