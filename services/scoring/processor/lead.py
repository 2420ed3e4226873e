"""A lead in a scoring worker's memory, and its state record. Pure."""

from __future__ import annotations

from struct import Struct
from typing import Final

from services.scoring.processor.crossings import HEAT_BANDS, LEVELS, RISK_BANDS, band_of
from services.scoring.scorecard.band_bounds import BandBounds
from services.scoring.scorecard.lead_state import LeadState
from services.scoring.scorecard.record import seal, unseal
from services.scoring.scorecard.ties import MemberCounts, Ties
from shared.clock import milliseconds
from shared.events.scoring import (
    Band,
    CrossingEvent,
    RiskBand,
    RiskEvent,
)

FORMAT: Final = 3
NEVER: Final = 2**63 - 1
NO_WAKE: Final = 2**32 - 1

_HEAD: Final = Struct(">BqIqIBI")
_REST: Final = Struct(">qIqIBI")
_RISK: Final = Struct(">BI")
_WITH_RISK: Final = 0x80
_TIMER: Final = Struct(">qI")


class Track:
    """Where a lead stands on one scorecard, by the last crossing."""

    __slots__ = ("band", "bounds", "episode", "room")

    def __init__(self, band: str, episode: int = 0) -> None:
        self.band = band
        self.episode = episode
        self.room = 0.0
        """Weights of facts that come to less than this do not lift the lead out of its band."""
        self.bounds: BandBounds | None = None
        """As of the last look; None before the first."""

    def keeps(self, lead: ScoredLead, weight: float) -> bool:
        """Whether the band surely stays, up to the lead's timer, with a fact of that weight counted."""
        bounds = self.bounds
        if bounds is None:
            return False
        if weight > 0.0:
            bounds.warm(self.room - weight, lead.as_of_ms)
            self.room = bounds.room
        else:
            bounds.cool(-weight)
        if bounds.timer < lead.timer_ms:
            lead.timer_ms = int(bounds.timer)
        return lead.timer_ms > lead.as_of_ms


class ScoredLead:
    """A lead in a scoring worker's memory.

    `as_of_ms` is the latest instant that was looked at: no crossing is sent for one before it. Time alone takes no
    score out of its band before `timer_ms`. The risk of a lead is tracked once it has become a customer.
    """

    __slots__ = (
        "as_of_ms",
        "has_news",
        "heat",
        "heat_sequence",
        "id",
        "is_changed",
        "is_listed",
        "record",
        "risk",
        "rules",
        "state",
        "ties",
        "timer_ms",
        "wakes",
        "whole",
    )  # fmt: skip

    def __init__(self, lead_id: str, state: LeadState) -> None:
        self.id = lead_id
        self.state = state
        self.ties: Ties | None = None
        """What it has to do with other leads; mostly nothing."""
        self.whole = state
        """What its scores are read of: its state, and what its members count."""
        self.heat = Track(Band.COLD)
        self.risk = Track(RiskBand.OK) if state.is_customer else None
        self.rules = 0
        """The code of the rules that it is kept under."""
        self.as_of_ms = -NEVER
        self.timer_ms = NEVER
        self.heat_sequence = 0
        """The sequence of the last heat that was sent of it; readers drop what is not above the last they saw."""
        self.record = b""
        """The last state record that was made of it."""
        self.wakes = NO_WAKE
        """The second for which a worker is to be woken up for it; the worker's."""
        self.is_changed = False
        """Whether its record is out of date; `has_news` when its heat is to be sent as well."""
        self.has_news = False
        self.is_listed = False

    @classmethod
    def new(cls, lead_id: str) -> ScoredLead:
        return cls(lead_id, LeadState())

    def join(self) -> None:
        """Read its scores of its state and ties as they are now."""
        self.whole = self.state if self.ties is None else self.ties.joined(self.state)
        if self.risk is None and self.whole.is_customer:
            self.risk = Track(RiskBand.OK)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is sent of it for now."""
        return self.ties is not None and self.ties.is_quiet(self.rules)

    def part(self) -> MemberCounts:
        """What it tells the lead that it is part of."""
        assert self.ties is not None, "it is part of none"
        state, ties = self.state, self.ties
        return MemberCounts(
            turn=ties.turn,
            rules=self.rules,
            as_of_ms=self.as_of_ms,
            is_history=ties.is_history is True,
            is_customer=state.is_customer,
            attributes=state.attributes,
            counts=state.counts,
        )

    def resume(self, crossing: CrossingEvent) -> None:
        """Stand where a crossing left it."""
        track = self.heat
        if isinstance(crossing, RiskEvent):
            self.risk = track = self.risk or Track(RiskBand.OK)
        track.episode = crossing.episode
        track.band = band_of(crossing)
        self.as_of_ms = max(self.as_of_ms, milliseconds(crossing.at))

    def encode(self) -> bytes:
        """The state record."""
        heat, risk = self.heat, self.risk
        out = bytearray(
            _HEAD.pack(
                FORMAT,
                self.timer_ms,
                self.rules,
                self.as_of_ms,
                self.heat_sequence,
                LEVELS[heat.band] | (0 if risk is None else _WITH_RISK),
                heat.episode,
            )
        )
        if risk is not None:
            out += _RISK.pack(LEVELS[risk.band], risk.episode)
        self.state.pack(out)
        return seal(out)

    @classmethod
    def decode(cls, lead_id: str, record: bytes) -> ScoredLead:
        """Raises `Undecodable` (state-unreadable)."""
        reader = unseal(record, FORMAT)
        timer, rules, as_of, sequence, heat, episode = reader.take(_REST)
        risk = reader.take(_RISK) if heat & _WITH_RISK else None
        lead = cls(lead_id, LeadState.unpack(reader))
        lead.timer_ms, lead.rules, lead.as_of_ms, lead.heat_sequence = timer, rules, as_of, sequence
        lead.heat.band, lead.heat.episode = HEAT_BANDS[heat & ~_WITH_RISK], episode
        if risk is not None:  # it may have become a customer by a member alone
            lead.risk = lead.risk or Track(RiskBand.OK)
            lead.risk.band, lead.risk.episode = RISK_BANDS[risk[0]], risk[1]
        return lead


def timer_in(record: bytes, at: int = 0) -> tuple[int, int]:
    """The timer of a state record that begins at `at`, and the code of its rules, without reading the rest of it."""
    timer, rules = _TIMER.unpack_from(record, at + 1)
    return timer, rules
