"""What a fact means to a lead's heat, and which crossings there are to send. Pure.

Heat is a function of the set of facts, the rules and an instant (`services.scoring.scorecard`). What has been sent of
it, the band and the crossings, follows the order of arrival:
- A live fact takes effect when it happened, a historic one when it was recorded, a late one not before what was sent.
- A crossing by time alone that is due before a fact takes effect is sent first.
- What a historic fact changes is not sent as a crossing.
Risk is sent of customers in the same way. Of a lead that is part of another one nothing is sent, until it is split off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.scoring.processor.crossings import Crossings, crossing
from services.scoring.processor.fact_mapping import MappedFact
from services.scoring.processor.lead import NEVER, ScoredLead, Track
from services.scoring.scorecard.compiled import CompiledScorecard
from services.scoring.scorecard.compiled_rules import CompiledRules
from services.scoring.scorecard.lead_state import LeadState, fold
from services.scoring.scorecard.ties import TYING, MemberCounts, Ties
from shared.events.scoring import (
    CrossingEvent,
    RiskBand,
)

_NOTHING: Final[Crossings] = ()


def take_in(lead: ScoredLead, new: MappedFact, rules: CompiledRules) -> tuple[bool, Crossings]:
    """Fold a fact; whether it was new, and the crossings to send."""
    effect = new.effect_ms
    crossings = settle(lead, effect, rules) if lead.timer_ms <= effect else _NOTHING
    step = rules.plain.get(new.kind) or rules.step(new)
    state = lead.state
    if not fold(state, new, step.counters):
        return False, crossings
    lead.is_changed = True
    if effect > lead.as_of_ms:
        lead.as_of_ms = effect
    if step.counters or step.is_turn:
        lead.has_news = True
    if lead.ties is not None:
        return True, [*crossings, *_tied(lead, lead.ties, new, rules)]
    heat, risk = lead.heat, lead.risk
    weight = step.heat
    # Most facts are within their room: `keeps`, written out.
    if weight > 0.0 and heat.room > weight:
        heat.room -= weight
        is_settled = True
    else:
        is_settled = weight == 0.0 or heat.keeps(lead, weight)
    if risk is not None and step.risk and is_settled:
        is_settled = risk.keeps(lead, step.risk)
    if is_settled and not step.is_turn:
        return True, crossings
    if new.kind in TYING:
        lead.ties = Ties()
        return True, [*crossings, *_tied(lead, lead.ties, new, rules)]
    if risk is None and state.is_customer:
        lead.risk = Track(RiskBand.OK)
    more = _look(lead, lead.as_of_ms, rules, is_sent=not new.is_history)
    return True, [*crossings, *more] if more else crossings


def _tied(lead: ScoredLead, ties: Ties, new: MappedFact, rules: CompiledRules) -> Crossings:
    """Look anew at a lead with ties, after a fact of its own."""
    if new.kind in TYING:
        ties.hear(new)
    ties.is_history = new.is_history and ties.is_history is not False
    lead.join()
    return _look(lead, lead.as_of_ms, rules, is_sent=not new.is_history)


def take_part(lead: ScoredLead, member: str, part: MemberCounts | None, rules: CompiledRules) -> Crossings:
    """Take in what a member counts, None when it has left; the crossings to send."""
    crossings: Crossings = _NOTHING
    if part is not None and lead.timer_ms <= part.as_of_ms:
        crossings = settle(lead, part.as_of_ms, rules)
    if lead.ties is None:
        lead.ties = Ties()
    lead.is_changed = True
    if not lead.ties.take(member, part) or lead.as_of_ms == -NEVER:
        return crossings
    lead.has_news = True
    lead.join()
    as_of_ms = lead.as_of_ms if part is None else max(lead.as_of_ms, part.as_of_ms)
    is_sent = part is None or not part.is_history
    return [*crossings, *_look(lead, as_of_ms, rules, is_sent)]


def settle(lead: ScoredLead, until_ms: int, rules: CompiledRules) -> Crossings:
    """Let happen what time alone brings about up to an instant."""
    crossings: list[CrossingEvent] = []
    while lead.timer_ms <= until_ms:
        before = lead.as_of_ms
        found = _look(lead, lead.timer_ms, rules, is_sent=True)
        crossings += found
        if found or lead.timer_ms - lead.as_of_ms > (lead.as_of_ms - before) // 8:
            continue
        # The bounds hardly come nearer any more.
        state = lead.whole
        changes = [
            compiled.next_change(state.counts, state.attributes, track.band, lead.as_of_ms)
            for compiled, track in _tracks(lead, rules)
        ]
        lead.timer_ms = min((change for change in changes if change is not None), default=NEVER)
    return crossings or _NOTHING


def promote(
    lead: ScoredLead, state: LeadState, before: CompiledRules | None, after: CompiledRules, effective_ms: int
) -> Crossings:
    """Put a lead under other rules, with the state that the facts make under them; the crossings to send.

    What was due under the rules before is sent first. From the instant at which the others are in force, or from the
    last one that was looked at, they decide.
    """
    crossings = list(settle(lead, effective_ms, before)) if before is not None else []
    lead.state, lead.rules = state, after.code
    lead.join()
    lead.is_changed = True
    if lead.as_of_ms > -NEVER:
        lead.has_news = True
        crossings += _look(lead, max(lead.as_of_ms, effective_ms), after, is_sent=True)
    return crossings


def _tracks(lead: ScoredLead, rules: CompiledRules) -> Iterator[tuple[CompiledScorecard, Track]]:
    yield rules.heat, lead.heat
    if lead.risk is not None and rules.risk is not None and lead.whole.is_customer:
        yield rules.risk, lead.risk


def _look(lead: ScoredLead, instant_ms: int, rules: CompiledRules, is_sent: bool) -> list[CrossingEvent]:
    """Look at the scores of an instant, set the bands by them, and return the crossings."""
    crossings: list[CrossingEvent] = []
    lead.as_of_ms = instant_ms
    lead.timer_ms = NEVER
    if lead.ties is not None and lead.ties.is_quiet(lead.rules):
        return crossings
    kept = crossings if is_sent else None
    _look_at(rules.heat, lead.heat, lead, rules, kept)
    risk = lead.risk
    if risk is None:
        return crossings
    if lead.whole.is_customer:
        if rules.risk is not None:
            _look_at(rules.risk, risk, lead, rules, kept)
    elif risk.band != RiskBand.OK:
        # The member that was the customer has left.
        risk.band = RiskBand.OK
        if is_sent:
            risk.episode += 1
            crossings.append(_crossing(lead, risk, RiskBand.AT_RISK, 0.0, rules))
    return crossings


def _look_at(
    compiled: CompiledScorecard,
    track: Track,
    lead: ScoredLead,
    rules: CompiledRules,
    crossings: list[CrossingEvent] | None,
) -> None:
    state, instant = lead.whole, lead.as_of_ms
    points = compiled.read(state.counts).points(instant)
    constant = compiled.constant(state.attributes)
    score = compiled.total(points, constant)
    before, track.band = track.band, compiled.band(track.band, score)
    track.bounds = bounds = compiled.bounds(points, constant, track.band, instant)
    track.room = bounds.room
    if bounds.timer < lead.timer_ms:
        lead.timer_ms = int(bounds.timer)
    if track.band != before:
        lead.is_changed = lead.has_news = True
        if crossings is not None:
            track.episode += 1
            crossings.append(_crossing(lead, track, before, score, rules))


def _crossing(
    lead: ScoredLead, track: Track, before: str, score: float, rules: CompiledRules
) -> CrossingEvent:
    return crossing(lead.id, lead.as_of_ms, before, track.band, track.episode, score, rules.version)
