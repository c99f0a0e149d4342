"""All event classes, gathered: importing this fills `schemas.event.EVENTS`."""

from schemas import assessment, notification, platform, reference, registry, reporting
from schemas.event import EVENTS

__all__ = ["EVENTS", "assessment", "notification", "platform", "reference", "registry", "reporting"]
