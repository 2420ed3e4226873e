"""A day of a small team that sells stoves, as a script: pure, without end, and the same for the same seed.

Twenty hours of the day lie before the curtain rises and happen in their own time; from then on an hour of the day
takes `HOUR_ON_STAGE` seconds. People, companies and words are made up: the names are those of things that glow, the
addresses end in `.example` (RFC 2606), the numbers are the ones Ofcom keeps for fiction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from shared.commands.base import (
    Command,
)
from shared.commands.followup import (
    LogActivity,
    PlannedStep,
)
from shared.commands.leads import (
    CaptureLead,
    ChangeStage,
    LoseLead,
    OfferLead,
    Profile,
    WinLead,
)
from shared.commands.signals import (
    SendSignal,
)
from shared.commands.tickets import (
    OpenTicket,
    ReplyTicket,
    ResolveTicket,
)
from shared.events.followup import ActivityKind, ActivityResult, Direction, Objection
from shared.events.leads import Channel, Money, Stage
from shared.events.tickets import Author, Priority, TicketCategory

HOUR: Final = 3600.0
BEFORE: Final = 20 * HOUR
"""How far back the day begins; a fact is history only after 24 hours."""
HOUR_ON_STAGE: Final = 20.0
EVERY: Final = HOUR / 2.4
"""A new lead comes this often, in the day's own time."""

Seen = tuple[str, dict[str, str | int]]
"""The kind of a signal and its attributes."""
Act = Command | tuple[Seen, ...]
Story = Callable[[Random, str], Iterator[tuple[float, Act]]]
"""What becomes of a lead: pairs of minutes since the act before, and an act."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One request of the play, `offset` seconds after the curtain has risen; below 0 it lies in the past.

    `key` names it: as Idempotency-Key, request id, or the beginning of its signals' ids. `ticket` is the key of the
    beat that opened the ticket it is about.
    """

    offset: float
    lead_id: str
    key: str
    what: Command | tuple[SendSignal, ...]
    ticket: str | None = None


def script(seed: int, run: str, start: datetime) -> Iterator[Beat]:
    """The beats of a run in the order of their time. The curtain rises at `start`."""
    chances = Random(f"{seed}/arrivals")  # noqa: S311
    lives: list[tuple[float, int, Beat, Iterator[Beat]]] = []
    for number in count():
        arrives = -BEFORE + (number + chances.random()) * EVERY
        while lives and lives[0][0] <= _on_stage(arrives):
            _, who, beat, rest = heappop(lives)
            yield beat
            if following := next(rest, None):
                heappush(lives, (following.offset, who, following, rest))
        life = _life(seed, run, number, arrives, start)
        first = next(life)
        heappush(lives, (first.offset, number, first, life))


def entered_texts(beats: Iterable[Beat]) -> list[str]:
    """All that was entered about people or in their words, each once: none of it may be in the log."""
    found: dict[str, None] = {}
    for beat in beats:
        match beat.what:
            case CaptureLead(profile=Profile() as profile):
                words = [
                    profile.name,
                    *(profile.name or "").split(),
                    profile.email,
                    profile.phone,
                    profile.company,
                ]
            case OpenTicket():
                words = [beat.what.subject, beat.what.text]
            case ReplyTicket():
                words = [beat.what.text]
            case LogActivity():
                words = [beat.what.note]
            case _:
                words = []
        found.update(dict.fromkeys(word for word in words if word is not None))
    return list(found)


def _on_stage(seconds: float) -> float:
    return seconds if seconds < 0 else seconds * HOUR_ON_STAGE / HOUR


def _life(seed: int, run: str, number: int, arrives: float, start: datetime) -> Iterator[Beat]:
    """All beats of one lead."""
    rng = Random(f"{seed}/{number}")  # noqa: S311
    lead_id, rep = f"sim-{seed}-{run}-{number}", REPS[number % len(REPS)]
    (story,) = rng.choices([each for each, _ in STORIES], [weight for _, weight in STORIES])
    now, ticket = arrives, None

    def beat(turn: int, act: Act) -> Beat:
        nonlocal ticket
        key = f"{lead_id}-{turn}"
        at = start + timedelta(seconds=now) if now < 0 else None
        if isinstance(act, tuple):
            what: Command | tuple[SendSignal, ...] = tuple(
                SendSignal(
                    id=f"{key}-{place}",
                    lead_id=lead_id,
                    kind=kind,
                    at=at and at - timedelta(seconds=20 * (len(act) - 1 - place)),
                    attributes=attributes,
                )
                for place, (kind, attributes) in enumerate(act)
            )
            return Beat(_on_stage(now), lead_id, key, what)
        what = act.model_copy(update={"at": at})
        if isinstance(what, LogActivity):
            promised = _promised(what, start + timedelta(seconds=_on_stage(now)))
            what = what.model_copy(update={"rep": rep, "next": promised})
        if isinstance(act, OpenTicket):
            ticket = key
        about = ticket if isinstance(act, ReplyTicket | ResolveTicket) else None
        return Beat(_on_stage(now), lead_id, key, what, about)

    yield beat(0, _arrival(rng, number, lead_id))
    for turn, (minutes, act) in enumerate(story(rng, lead_id), 1):
        now += minutes * 60
        yield beat(turn, act)


def _arrival(rng: Random, number: int, lead_id: str) -> CaptureLead:
    # Both lists have coprime lengths, so that a pair comes again only after all others.
    first, last = FIRST_NAMES[number % len(FIRST_NAMES)], LAST_NAMES[number % len(LAST_NAMES)]
    company = f"{last} {rng.choice(TRADES)}" if rng.random() < 0.4 else None
    origin, channel, campaign, cost = rng.choice(WAYS)
    return CaptureLead(
        lead_id=lead_id,
        profile=Profile(
            name=f"{first} {last}",
            email=f"{first}.{last}@{(company or 'post').split()[-1]}.example".lower(),
            phone=f"+44 20 7946 0{number % 1000:03}",
            company=company,
        ),
        channel=channel,
        origin=origin,
        campaign=campaign,
        acquisition_cost=Money(minor=cost),
    )


def eager(rng: Random, lead_id: str) -> Iterator[tuple[float, Act]]:
    """Knows what it wants, and mostly gets it."""
    yield rng.uniform(3, 8), _browses(rng, "pricing_viewed", "form_started")
    yield rng.uniform(2, 20), _contact(rng, ActivityKind.CALL, ActivityResult.INTERESTED, 0.8)
    yield 1, ChangeStage(stage=Stage.QUALIFIED)
    yield rng.uniform(15, 60), (("demo_requested", {"model": rng.choice(MODELS)}),)
    yield rng.uniform(60, 180), _contact(rng, ActivityKind.DEMO, ActivityResult.ANSWERED, 0.6)
    yield rng.uniform(20, 90), OfferLead(value=_price(rng))
    yield rng.uniform(30, 120), (("email_opened", {}), ("email_clicked", {"link": "offer"}))
    end = rng.random()
    if end < 0.3:
        return
    yield rng.uniform(60, 300), ChangeStage(stage=Stage.NEGOTIATION)
    if end < 0.8:
        yield rng.uniform(60, 240), (("offer_accepted", {}),)
        yield rng.uniform(5, 30), WinLead(value=_price(rng))
        if end > 0.7:
            yield from _asks(rng, lead_id)
    else:
        yield rng.uniform(120, 300), LoseLead(reason=rng.choice(["no_budget", "bought_elsewhere"]))


def curious(rng: Random, lead_id: str) -> Iterator[tuple[float, Act]]:
    """Looks around for long; is called late, or not at all."""
    yield rng.uniform(3, 30), _browses(rng)
    if rng.random() < 0.6:
        result = rng.choice([ActivityResult.ANSWERED, ActivityResult.NO_ANSWER])
        yield rng.uniform(60, 300), _contact(rng, ActivityKind.CALL, result, 0.5)
    for _ in range(rng.randint(1, 5)):
        yield rng.uniform(60, 240), rng.choice([_browses(rng), (("email_opened", {}),)])


def silent(rng: Random, lead_id: str) -> Iterator[tuple[float, Act]]:
    """Left a number and never picks it up."""
    for _ in range(rng.randint(1, 3)):
        yield rng.uniform(10, 150), _contact(rng, ActivityKind.CALL, ActivityResult.NO_ANSWER, 0.2)
    yield rng.uniform(60, 200), _contact(rng, ActivityKind.EMAIL, ActivityResult.DONE, 0.3)
    if rng.random() < 0.5:
        yield rng.uniform(60, 300), _contact(rng, ActivityKind.CALL, ActivityResult.OBJECTION, 0.9)
        if rng.random() < 0.5:
            yield rng.uniform(60, 240), LoseLead(reason=rng.choice(["no_answer", "no_interest"]))


def talkative(rng: Random, lead_id: str) -> Iterator[tuple[float, Act]]:
    """Asks in the chat until someone makes an appointment."""
    for _ in range(rng.randint(1, 3)):
        yield rng.uniform(1, 20), tuple(("chat_message", {"length": rng.randint(8, 200)}) for _ in range(2))
    yield rng.uniform(5, 60), _contact(rng, ActivityKind.MESSAGE, ActivityResult.ANSWERED, 0.5)
    yield rng.uniform(30, 200), _contact(rng, ActivityKind.CALL, ActivityResult.APPOINTMENT, 0.9)
    yield rng.uniform(120, 400), _contact(rng, ActivityKind.VISIT, ActivityResult.DONE, 0.7)
    if rng.random() < 0.6:
        yield rng.uniform(30, 120), OfferLead(value=_price(rng))


def troubled(rng: Random, lead_id: str) -> Iterator[tuple[float, Act]]:
    """Has a stove of ours that does not do as it should."""
    yield from _asks(rng, lead_id)
    yield rng.uniform(60, 200), _browses(rng)
    if rng.random() < 0.4:
        yield rng.uniform(30, 200), _contact(rng, ActivityKind.VISIT, ActivityResult.INTERESTED, 0.8)


def leaving(rng: Random, lead_id: str) -> Iterator[tuple[float, Act]]:
    """Wants no more mail."""
    yield rng.uniform(30, 200), (("email_opened", {}),)
    yield rng.uniform(30, 200), (("unsubscribed", {}),)
    yield rng.uniform(30, 300), LoseLead(reason="unsubscribed")


def _browses(rng: Random, *then: str) -> tuple[Seen, ...]:
    pages: list[Seen] = [("page_viewed", {"page": rng.choice(PAGES)}) for _ in range(rng.randint(1, 3))]
    pages += [(kind, {"model": rng.choice(MODELS)}) for kind in then]
    return tuple(pages)


def _contact(rng: Random, kind: ActivityKind, result: ActivityResult, noted: float) -> LogActivity:
    objection = rng.choice(OBJECTIONS)
    return LogActivity(
        kind=kind,
        result=result,
        direction=Direction.OUTBOUND,
        objection=objection if result is ActivityResult.OBJECTION else None,
        duration_seconds=rng.randint(20, 900) if kind is not ActivityKind.EMAIL else None,
        note=rng.choice(NOTES[result]) if rng.random() < noted else None,
    )


def _promised(activity: LogActivity, now: datetime) -> PlannedStep | None:
    """Who makes an appointment says when; what else comes next is left to the playbook."""
    if activity.result is not ActivityResult.APPOINTMENT:
        return None
    at = (now + timedelta(hours=3)).replace(minute=30, second=0, microsecond=0)
    return PlannedStep(action=ActivityKind.VISIT, due=at)


def _asks(rng: Random, lead_id: str) -> Iterator[tuple[float, Act]]:
    """A ticket; the later ones of the day are still open."""
    category, priority, subject, text, reply = rng.choice(TROUBLES)
    yield (
        rng.uniform(10, 120),
        OpenTicket(lead_id=lead_id, category=category, priority=priority, subject=subject, text=text),
    )
    yield rng.uniform(20, 120), ReplyTicket(author=Author.AGENT, text=reply)
    if rng.random() < 0.5:
        yield rng.uniform(20, 120), ReplyTicket(author=Author.CUSTOMER, text=rng.choice(THANKS))
    if rng.random() < 0.6:
        yield rng.uniform(60, 300), ResolveTicket(resolution=rng.choice(["solved", "part_sent"]))


def _price(rng: Random) -> Money:
    return Money(minor=rng.randrange(900, 4200, 10) * 100)


STORIES: Final[tuple[tuple[Story, float], ...]] = (
    (eager, 28),
    (curious, 26),
    (silent, 18),
    (talkative, 12),
    (troubled, 10),
    (leaving, 6),
)

# Every name has five letters or more, so that it is not found in the log by chance.
FIRST_NAMES: Final = (
    "Amelia", "Bruno", "Carla", "Diego", "Elisa", "Fabio", "Greta", "Héctor", "Irene", "Jonas", "Katia", "Lucía",
    "Milena", "Nadia", "Óscar", "Paula", "Quentin", "Rosalía", "Simon", "Teodora", "Ulises", "Valeria", "Wanda",
)  # fmt: skip
LAST_NAMES: Final = (
    "Beacon", "Bellows", "Bonfire", "Brasero", "Candela", "Chimney", "Cinder", "Farol", "Firefly", "Flint",
    "Fogata", "Furnace", "Glowstone", "Hearth", "Hoguera", "Kindling", "Lantern", "Lumbre", "Pavesa", "Rescoldo",
    "Sparkle", "Tallow", "Tizón", "Torchwood",
)  # fmt: skip
TRADES: Final = ("Bakery", "Bookshop", "Guesthouse", "Joinery", "Winery")
WAYS: Final = (
    ("search", Channel.WEB, "sim_autumn_stoves", 1450),
    ("search", Channel.WEB, "sim_quiet_heating", 1890),
    ("search", Channel.CHAT, "sim_autumn_stoves", 1450),
    ("social", Channel.SOCIAL, "sim_cosy_evenings", 820),
    ("fair", Channel.STORE, "sim_home_fair", 2600),
    ("referral", Channel.PHONE, "sim_bring_a_friend", 0),
)
REPS: Final = ("desk-1", "desk-2", "desk-3")
"""They take turns with the leads; the demo's key is the first one's."""
OBJECTIONS: Final = (Objection.PRICE, Objection.AUTHORITY, Objection.TIMING)
MODELS: Final = ("compact", "corner", "grand", "quiet")
PAGES: Final = ("home", "stoves/compact", "stoves/grand", "installation", "guarantee", "stories")
NOTES: Final = {
    ActivityResult.ANSWERED: (
        "Compares two models and will ask at home; likes the quiet one.",
        "Needs it before the first frost. Chimney was swept in spring.",
        "Wants to know whether the floor carries the big one.",
    ),
    ActivityResult.INTERESTED: (
        "Wants a proposal for the corner model with installation.",
        "Has the money set aside; only the delivery date counts.",
        "Saw it at the neighbour's and wants the same in green.",
    ),
    ActivityResult.APPOINTMENT: (
        "We come by on Thursday after six to measure the flue.",
        "Meets us in the showroom on Saturday morning, with her sister.",
    ),
    ActivityResult.OBJECTION: (
        "Finds the price too high; asks again after the winter.",
        "The landlord does not allow a flue through the wall.",
    ),
    ActivityResult.NO_ANSWER: ("Only the machine; left word that we try again.",),
    ActivityResult.DONE: (
        "Sent the drawing and the photos of the oak base.",
        "Measured the flue: 150 mm, draws well.",
    ),
}
TROUBLES: Final = (
    (TicketCategory.COMPLAINT, Priority.HIGH, "The glass is black every morning",
     "We burn dry beech and still cannot see the flames after one evening.",
     "Please open the upper air a finger wide while it starts, and tell us how it looks."),
    (TicketCategory.INCIDENT, Priority.URGENT, "Smoke in the room when I open the door",
     "It began yesterday. We keep it shut until someone has looked.",
     "Please leave it cold; our fitter is with you today before five."),
    (TicketCategory.QUESTION, Priority.NORMAL, "Which logs fit the compact one?",
     "The shop sells 25 and 33 cm. Which do I take?",
     "The short ones: 25 cm leave air on both sides."),
    (TicketCategory.REQUEST, Priority.LOW, "A second ash drawer",
     "Can I order one more, to change them while one cools?",
     "Yes, it goes out with tomorrow's van."),
)  # fmt: skip
THANKS: Final = (
    "That helped, thank you!",
    "Better already. I write again if it comes back.",
    "All warm here.",
)
