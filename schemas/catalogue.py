"""All event classes, gathered: importing this fills `schemas.event.EVENTS`."""

from schemas import assessment, notification, reference, registry, reporting
from schemas.event import EVENTS

__all__ = ["EVENTS", "assessment", "notification", "reference", "registry", "reporting"]
