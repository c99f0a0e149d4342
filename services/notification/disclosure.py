"""The disclosure rules: event type × role × data class × clause. Default deny."""

from functools import cache, lru_cache
from uuid import UUID

from pydantic import ValidationError
from yaml import YAMLError

from schemas.disclosure import ANY_TYPE, SHIPPED, Rule, hash_of, read_table
from schemas.envelope import Envelope
from schemas.notification import AccessEnded, AccessGranted, Role
from schemas.platform import FactCorrected
from schemas.reporting import RecusalSet
from services.kernel.errors import StoreDown


class Disclosure:
    """The table, with the hash of its content: every feed row names it."""

    def __init__(self, content: bytes) -> None:
        """Read the table; a rule that isn't understood is a pydantic ValidationError."""
        self._table = read_table(content)
        self.content_hash = hash_of(content)

    def find_rule(self, event_type: str, role: Role) -> Rule | None:
        """Return the rule for a role; None is no."""
        own = self._table.get(event_type, {}).get(role)
        return own or self._table.get(ANY_TYPE, {}).get(role)

    def shown(self, envelope: Envelope, role: Role) -> tuple[list[int], Rule] | None:
        """Return (places of the blocks that a role is shown, the rule), or None where it isn't shown the event."""
        rule = self.find_rule(envelope.type, role)
        corrects = envelope.data.get("corrects_type") if envelope.type == FactCorrected.type else None
        if rule is None and corrects is not None:
            rule = self._of_correction(envelope, corrects, role)
        if rule is None:
            return None
        return [i for i, b in enumerate(envelope.blocks) if b.data_class in rule.classes], rule

    def _of_correction(self, envelope: Envelope, corrects: str, role: Role) -> Rule | None:
        """A correction is for whoever may read what it corrects; where it shows nothing, it is not for that role."""
        rule = self.find_rule(corrects, role)
        if rule is None or any(b.data_class not in rule.classes for b in envelope.blocks):
            return None
        return rule


def concerns(envelope: Envelope, agency: UUID) -> bool:
    """Tell whether an event is for this agency: nobody is told who else may know, and no recused body that it is one."""
    if envelope.type == RecusalSet.type:
        return bool(envelope.data["recused"] != str(agency))
    if envelope.type in {AccessGranted.type, AccessEnded.type}:
        return bool(envelope.data["agency"] == str(agency))
    return True


@cache
def disclosure_table() -> Disclosure:
    """Return the shipped table: it holds until another is adopted."""
    return Disclosure(SHIPPED.read_bytes())


class TableUnreadable(StoreDown):
    """本版本读不懂已采用的告知规则表,暂停告知,未遗失任何记录:请退回原版本,另行采用新表后再升级。 · This release can't read the adopted table: nobody is told anything until it can, nothing is lost. Go back to the release before, adopt another table, then upgrade."""  # noqa: E501


@lru_cache(8)
def adopted_table(content: str | None) -> Disclosure:
    """Return the table of an adopted text, or the shipped one where none was adopted. Raises TableUnreadable."""
    if content is None:
        return disclosure_table()
    try:
        return Disclosure(content.encode())
    except (ValidationError, YAMLError) as error:
        raise TableUnreadable from error
