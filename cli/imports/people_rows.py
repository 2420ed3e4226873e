"""The rows of a table of people, each on its way to becoming a lead."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from cli.imports.log_rows import Ready, Reject, Skipped, Understood, checked_id, happened, money
from cli.imports.mapping import Mapping
from cli.imports.people_mapping import NOT_SAID, MappedState, Meanings, Names, WordMeanings
from cli.imports.raw import Raw
from cli.imports.tables import absent
from cli.imports.text import same
from cli.imports.times import instant
from shared.clock import milliseconds
from shared.commands.import_rows import (
    End,
    LastActivity,
    Person,
)
from shared.commands.leads import (
    Profile,
)
from shared.events.base import rfc3339
from shared.events.leads import Channel, Money, Stage

_MANY: Final = re.compile(r"\s*[;,|\n]\s*")
_MARK: Final = re.compile(r"^(?:'|p:)(?=[+0-9(])")
"""What spreadsheets and ad forms put before a number, so that it stays one."""

_CALLED: Final = {"email": "an e-mail", "phone": "a phone", "company": "a company"}
_A_NUMBER: Final = re.compile(r"\d{6,}")
_OPAQUE: Final = re.compile(r"[a-z0-9_-]{1,64}|(?=.*\d)[A-Za-z0-9_-]{1,64}")
_KEPT: Final = 200
"""Different warnings that are counted; what else is to be said is counted as one."""


class People:
    """Reads rows by a mapping with `leads:`. `warnings` counts what was left out or taken for something."""

    def __init__(self, mapping: Mapping, header: tuple[str, ...]) -> None:
        assert mapping.leads is not None
        self._mapping, self._leads = mapping, mapping.leads
        self._wanted = mapping.leads.wanted
        self.warnings: Counter[str] = Counter()
        self.absent = absent(mapping.leads, "leads", header)

    def understand(self, raws: Iterable[Raw]) -> Iterator[Understood]:
        for raw in raws:
            words = _Words(dict(zip(self._wanted, raw.cells, strict=True)))
            raw = raw._replace(
                lead=words.first(self._leads.lead), time=words.first(self._leads.created.column)
            )
            try:
                if raw.wrong is not None:
                    raise ValueError(raw.wrong)
                yield self._row(raw, words)
            except ValueError as error:
                yield Reject(raw, _sentence(error))

    def _row(self, raw: Raw, words: _Words) -> Ready | Skipped:
        leads, mapping = self._leads, self._mapping
        state = self._state(words)
        if state.kind == "ignore":
            return Skipped(raw)
        lead_id, at = checked_id(mapping.lead_prefix, self._id(words)), self._created(raw)
        last = self._moment(words, leads.last_activity.column) if leads.last_activity else None
        person = Person(
            profile=self._profile(words),
            channel=self._channel(words),
            stage=state.stage or Stage.NEW,
            origin=self._word(words, "origin", leads.origin),
            campaign=self._word(words, "campaign", leads.campaign),
            segment=self._word(words, "segment", leads.segment),
            tier=self._word(words, "tier", leads.tier),
            value=self._value(words, state),
            owner=self._owner(words),
            last_activity=None
            if last is None or leads.last_activity is None
            else LastActivity(at=last, kind=leads.last_activity.kind, result=leads.last_activity.result),
            end=self._end(words, state, last or at),
        )
        what = person.model_dump_json(exclude_none=True)
        body = f'{{"row":{raw.row},"lead_id":"{lead_id}","at":"{rfc3339(at)}","what":{what}}}'
        return Ready(raw, lead_id, body.encode(), (0, milliseconds(at), 0))

    def _id(self, words: _Words) -> str:
        """The table's own, or one that tells nobody who it is but comes out the same each time."""
        if self._leads.key is None:
            return words.first(self._leads.lead)
        key = same(words.first(self._leads.key))
        if not key:
            return ""
        assert self._leads.salt is not None
        return hmac.new(self._leads.salt.encode(), key.encode(), hashlib.sha256).hexdigest()[:20]

    def _profile(self, words: _Words) -> Profile:
        leads = self._leads
        email = self._fitting("email", words.first(leads.email))
        phone = self._fitting("phone", words.first(leads.phone))
        company = self._fitting("company", words.first(leads.company))
        name = (
            " ".join(word for each in leads.name or () if (word := words.first(each)))
            or company
            or email
            or phone
        )
        if name is None:
            raise ValueError("it names nobody: there is no name, e-mail, phone or company in it")
        return Profile(name=name[:200], email=email, phone=phone, company=company)

    def _fitting(self, field: str, word: str) -> str | None:
        """The first of what a cell holds that a profile can keep."""
        candidates = [_MARK.sub("", each) for each in (word, *_MANY.split(word))] if word else []
        for each in candidates:
            try:
                Profile.model_validate({"name": "x", field: each})
            except ValidationError:
                continue
            return each
        if word:
            self._warn(f"{_CALLED[field]} that cannot be kept was left out")
        return None

    def _state(self, words: _Words) -> MappedState:
        for rule in self._leads.stage:
            word = words.first(rule.column)
            state = rule.means(word) or rule.default
            if state is None:
                if word:
                    self._warn(
                        f"{word[:40]!r} in {' or '.join(rule.column or ())} is no stage by the mapping"
                    )
            elif state.kind != "pass":
                return state
        return MappedState(kind="stage", stage=Stage.NEW)

    def _channel(self, words: _Words) -> Channel:
        channel = self._leads.channel
        word = words.first(channel.column)
        found = channel.means(word) or channel.default
        if found is None:
            raise ValueError(
                f"the mapping does not say what channel {word[:40]!r} is; add it to channel.map, or a default"
            )
        return found

    def _word(self, words: _Words, part: str, choice: WordMeanings | None) -> str | None:
        if choice is None:
            return None
        word = words.first(choice.column)
        found = choice.means(word) or (slug(word) if word else None) or choice.default
        if word and found is None:
            self._warn(f"{part} {word[:40]!r} is no word of a list and was left out")
        return found

    def _owner(self, words: _Words) -> str | None:
        owner: Meanings[str] | None = self._leads.owner
        if owner is None:
            return None
        word = words.first(owner.column)
        found = owner.means(word) or owner.default or (word if _OPAQUE.fullmatch(word) else None)
        if word and found is None:
            self._warn(f"owner {word[:40]!r} has no id in owner.map: their leads come without an owner")
        return found

    def _created(self, raw: Raw) -> datetime:
        if not raw.time and self._leads.created.default is not None:
            return self._default(self._leads.created.default)
        return happened(self._mapping, raw.time)

    def _default(self, text: str) -> datetime:
        try:
            return self._mapping.instant(text)
        except ValueError:
            return instant(text, (), self._mapping.zone)

    def _moment(self, words: _Words, column: Names | None) -> datetime | None:
        word = words.first(column)
        return happened(self._mapping, word) if word else None

    def _end(self, words: _Words, state: MappedState, otherwise: datetime) -> End | None:
        if state.kind not in ("won", "lost"):
            return None
        closed = self._leads.closed
        at = (self._moment(words, closed.column) if closed else None) or (
            self._default(closed.default) if closed and closed.default else otherwise
        )
        if state.kind == "won":
            return End(at=at, outcome="won")
        reason = state.reason or self._word(words, "lost_reason", self._leads.lost_reason) or NOT_SAID
        return End(at=at, outcome="lost", reason=reason)

    def _value(self, words: _Words, state: MappedState) -> Money | None:
        word = words.first(self._leads.value)
        if not word:
            return None
        worth = money(word, self._mapping)
        if state.kind == "won" or state.stage in (Stage.PROPOSAL, Stage.NEGOTIATION):
            return worth
        self._warn("what a lead is worth was left out where there is neither an offer nor a sale yet")
        return None

    def _warn(self, text: str) -> None:
        self.warnings[
            text if text in self.warnings or len(self.warnings) < _KEPT else "and other things"
        ] += 1


class _Words:
    """What a row says, by column."""

    def __init__(self, cells: dict[str, str]) -> None:
        self._cells = cells

    def first(self, columns: Names | None) -> str:
        """The first of the columns that says something."""
        return next((word for name in columns or () if (word := self._cells[name])), "")


def slug(word: str) -> str | None:
    """A cell's words as a word of a vocabulary: `Paid Social` is `paid_social`."""
    plain = unicodedata.normalize("NFKD", word).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:64]
    return slug if slug[:1].isalpha() and not _A_NUMBER.search(slug) else None


def _sentence(error: ValueError) -> str:
    if isinstance(error, ValidationError):
        first: Any = error.errors(include_url=False)[0]
        return f"{first['loc'][-1] if first['loc'] else 'it'}: {first['msg']}"
    return str(error)
