"""From YAML to playbooks. A mistake is told with its line and with what would be right; nothing is guessed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Set
from dataclasses import asdict, replace
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final, cast

from services.followup.domain.playbooks import (
    COMPLAINT,
    END,
    REPLIED,
    TEAM,
    UNSUBSCRIBED,
    Delay,
    EntryRule,
    Owners,
    Playbook,
    Playbooks,
    PlaybookStep,
    Rep,
    Task,
    Within,
)
from shared.business_time import Calendar
from shared.calendar_parser import calendar
from shared.events.followup import ActivityKind, ActivityResult
from shared.events.leads import Channel, Stage
from shared.events.tickets import TicketCategory
from shared.yaml_lines import Lines, Listing, Node, Scalar, plain

MOST_PLAYBOOKS: Final = 100
MOST_STEPS: Final = 50
LONGEST_DELAY: Final = 3_650
"""Days."""

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_KINDS: Final = {str(kind) for kind in ActivityKind}
_RESULTS: Final = {str(result) for result in ActivityResult}
_OF_LEAD: Final = {"channel", "stage", "segment", "tier", "origin", "campaign"}
_OF_ENTRY: Final[Mapping[str, Set[str]]] = {
    "captured": set(),
    "won": set(),
    "lost": {"reason"},
    "signal": {"kind", "status"},
    "ticket_opened": {"category", "priority", "status"},
    "ticket_resolved": {"resolution", "status"},
}
_WORDS: Final[Mapping[str, Set[str]]] = {
    "channel": {str(channel) for channel in Channel},
    "stage": {str(stage) for stage in Stage},
    "category": {str(category) for category in TicketCategory},
    "status": {"open", "won", "lost"},
}


def default_text() -> str:
    return files("services.followup").joinpath("default.yaml").read_text("utf-8")


def default_book() -> Playbooks:
    """The playbooks that ship with this package."""
    return read(default_text(), "default.yaml")


def read(text: str, source: str = "playbooks") -> Playbooks:
    """The playbooks written in `text`, laid out as default.yaml explains. Raises LineError."""
    return _Reader(Lines("playbooks-wrong", source)).book(text)


class _Reader:
    def __init__(self, lines: Lines) -> None:
        self._at = lines
        self._calendars: dict[str, Calendar] = {}

    def book(self, text: str) -> Playbooks:
        root = self._at.root(text)
        sections = self._at.fields(
            root,
            "the file",
            {"calendars", "reps", "owners", "promises", "playbooks", "afterwards"},
            {"replies"},
        )
        for key, node in self._at.items(sections["calendars"], "calendars"):
            self._calendars[key.text] = calendar(self._at, node)
        reps = self._everybody(sections["reps"])
        promises = self._at.fields(
            sections["promises"],
            "promises",
            {"grace", "escalate_after", "replied", "unsubscribed", "paused"},
            {"customers"},
        )
        afterwards = dict(self._at.fields(sections["afterwards"], "afterwards", _RESULTS | {"otherwise"}))
        playbooks = self._playbooks(sections["playbooks"], reps)
        book = Playbooks(
            version="",
            reps=reps,
            owners=tuple(self._owners(node, reps) for node in self._at.list(sections["owners"], "owners")),
            customers=self._known_calendar(promises["customers"]) if "customers" in promises else None,
            grace=self._delay(promises["grace"]),
            escalate_after=self._delay(promises["escalate_after"]),
            playbooks=playbooks,
            afterwards={
                result: self._task(afterwards[result], f"afterwards {result}") for result in ActivityResult
            },
            otherwise=self._task(afterwards["otherwise"], "afterwards otherwise"),
            replied=self._task(promises["replied"], "replied"),
            unsubscribed=self._task(promises["unsubscribed"], "unsubscribed"),
            paused=self._task(promises["paused"], "paused"),
            reply_signals=self._words(sections["replies"], "replies")
            if "replies" in sections
            else frozenset(),
        )
        if book.owners[-1].conditions:
            raise self._at.error(sections["owners"], "the last of the owners must take all: {to: [team]}")
        return replace(book, version=sha256(plain(root).encode()).hexdigest()[:16])

    # --- who, and when they work

    def _everybody(self, section: Node) -> dict[str, Rep]:
        reps = {
            self._name(key, "rep"): self._rep(key.text, node) for key, node in self._at.items(section, "reps")
        }
        if TEAM not in reps:
            raise self._at.error(section, f"reps lacks {TEAM}: whose everything is that nobody has")
        return reps

    def _known_calendar(self, node: Node) -> Calendar:
        return self._calendars[self._at.choice(node, "calendar", set(self._calendars))]

    def _rep(self, name: str, node: Node) -> Rep:
        fields = self._at.fields(node, f"rep {name}", {"calendar", "manager"})
        return Rep(name, self._known_calendar(fields["calendar"]), self._name(fields["manager"], "manager"))

    def _owners(self, node: Node, reps: Mapping[str, Rep]) -> Owners:
        fields = self._at.fields(node, "an owner's line", {"to"}, _OF_LEAD)
        return Owners(
            {name: self._values(name, value) for name, value in fields.items() if name != "to"},
            self._reps(fields["to"], reps),
        )

    def _reps(self, node: Node, reps: Mapping[str, Rep]) -> tuple[str, ...]:
        return tuple(self._at.choice(each, "rep", set(reps)) for each in self._at.list(node, "the reps"))

    # --- what is done

    def _playbooks(self, node: Node, reps: Mapping[str, Rep]) -> dict[str, Playbook]:
        found: dict[str, Playbook] = {}
        thens: dict[str, Node] = {}
        for key, value in self._at.items(node, "playbooks"):
            if len(found) == MOST_PLAYBOOKS:
                raise self._at.error(key, f"there are more than {MOST_PLAYBOOKS} playbooks; take some out")
            found[self._name(key, "playbook")] = self._playbook(key.text, value, reps, thens)
        for name, node_of_then in thens.items():
            following, seen = found[name].then, [name]
            while following is not None:
                if following not in found:
                    raise self._at.error(
                        node_of_then,
                        f"there is no playbook {following}; there are {', '.join(sorted(found))}",
                    )
                if following in seen:
                    raise self._at.error(
                        node_of_then, f"a loop: {' → '.join([*seen, following])}; let one of them end"
                    )
                seen.append(following)
                following = found[following].then
        return found

    def _playbook(self, name: str, node: Node, reps: Mapping[str, Rep], thens: dict[str, Node]) -> Playbook:
        fields = self._at.fields(
            node,
            f"playbook {name}",
            {"enter", "steps"},
            {"variants", "owners", "stop_on", "pause_on", "reenter", "then"},
        )
        variants = tuple(
            (self._name(key, "variant"), self._at.number(weight, 1, 1_000))
            for key, weight in (
                self._at.items(fields["variants"], "variants") if "variants" in fields else ()
            )
        )
        if "variants" in fields and len(variants) < 2:
            raise self._at.error(fields["variants"], "an experiment needs two variants at least")
        if "then" in fields:
            thens[name] = fields["then"]
        playbook = Playbook(
            name=name,
            entry=self._entry(fields["enter"]),
            steps=self._steps(fields["steps"], {variant for variant, _ in variants}),
            variants=variants,
            owners=self._reps(fields["owners"], reps) if "owners" in fields else (),
            stops=self._reasons(fields.get("stop_on"), {REPLIED, UNSUBSCRIBED}),
            pauses=self._reasons(fields.get("pause_on"), {COMPLAINT}),
            reenter=self._reenter(fields["reenter"]) if "reenter" in fields else "never",
            then=self._at.text(fields["then"]) if "then" in fields else None,
        )
        for variant, _ in variants or [("", 0)]:
            if playbook.first(variant) is None:
                raise self._at.error(fields["steps"], f"variant {variant} has no step; give it one")
        content = asdict(playbook)
        for step in content["steps"]:
            step["deed"] = step.pop("task")  # as digests that are kept with follow-ups were made
        return replace(playbook, digest=sha256(_canonical(content).encode()).hexdigest()[:16])

    def _entry(self, node: Node) -> EntryRule:
        on_node = {key.text: value for key, value in self._at.items(node, "enter")}.get("on")
        if on_node is None:
            raise self._at.error(node, f"enter lacks on: one of {', '.join(_OF_ENTRY)}")
        on = self._at.choice(on_node, "entry", set(_OF_ENTRY))
        needed = {"kind"} if on == "signal" else set()
        fields = self._at.fields(node, f"an entry on {on}", {"on"} | needed, _OF_LEAD | _OF_ENTRY[on])
        conditions = {name: self._values(name, value) for name, value in fields.items() if name != "on"}
        return EntryRule(cast("Any", on), conditions)

    def _steps(self, node: Node, variants: Set[str]) -> tuple[PlaybookStep, ...]:
        named = list(self._at.items(node, "steps"))
        if not named:
            raise self._at.error(
                node, "steps needs at least one step, as `first_call: {do: call, after: 5m}`"
            )
        if len(named) > MOST_STEPS:
            raise self._at.error(
                named[MOST_STEPS][0], f"more than {MOST_STEPS} steps; nobody follows so many"
            )
        names = [self._name(key, "step") for key, _ in named]
        if END in names:
            raise self._at.error(
                named[names.index(END)][0], "end means the end of the cadence; choose another name"
            )
        return tuple(self._step(place, names, value, variants) for place, (_, value) in enumerate(named))

    def _step(self, place: int, names: list[str], node: Node, variants: Set[str]) -> PlaybookStep:
        fields = self._at.fields(
            node,
            f"step {names[place]}",
            {"do", "after"},
            {"hours", "grace", "automatic", "template", "on", "variant"},
        )
        automatic = "automatic" in fields and self._at.truth(fields["automatic"])
        follows: dict[ActivityResult, str] = {}
        if "on" in fields:
            branches = list(self._at.items(fields["on"], "on"))
            if not branches:
                raise self._at.error(
                    fields["on"], "an empty branch: say what follows which result, or leave it out"
                )
            for result, target in branches:
                self._at.choice(result, "result", _RESULTS)
                if not isinstance(target, Scalar) or not target.text:
                    raise self._at.error(
                        result, f"an empty branch: name the step after {result.text}, or end"
                    )
                name = self._at.choice(target, "step", {*names, END})
                if name != END and names.index(name) <= place:
                    raise self._at.error(
                        target, f"a loop: {names[place]} goes back to {name}; go to a later step, or to end"
                    )
                follows[ActivityResult(result.text)] = name
        return PlaybookStep(
            name=names[place],
            task=self._of_task(fields),
            automatic=automatic,
            template=self._name(fields["template"], "template") if "template" in fields else None,
            follows=follows,
            variants=frozenset(
                self._at.choice(each, "variant", variants)
                for each in (self._at.list(fields["variant"], "variant") if "variant" in fields else ())
            ),
        )

    def _task(self, node: Node, what: str) -> Task:
        return self._of_task(self._at.fields(node, what, {"do", "after"}, {"hours", "grace"}))

    def _of_task(self, fields: Mapping[str, Node]) -> Task:
        return Task(
            ActivityKind(self._at.choice(fields["do"], "channel", _KINDS)),
            self._delay(fields["after"]),
            cast(
                "Within",
                self._at.choice(fields["hours"], "choice of hours", {"both", "rep", "customer", "any"}),
            )
            if "hours" in fields
            else "both",
            self._delay(fields["grace"]) if "grace" in fields else None,
        )

    def _delay(self, node: Node) -> Delay:
        text = self._at.text(node)
        if text.startswith("-"):
            raise self._at.error(
                node, f"{text} lies before its entry: nothing is due before it begins; write 0m or more"
            )
        match = re.fullmatch(r"([0-9]{1,9})(b?)([smhdw])", text)
        if match is None or (match[2] and match[3] in "sw"):
            raise self._at.error(
                node, f"{text} is not a delay; write 30m, 4h, 2d, 1w, or of business time 30bm, 4bh, 2bd"
            )
        seconds = int(match[1]) * _UNITS[match[3]]
        if seconds > LONGEST_DELAY * 86_400:
            raise self._at.error(node, f"{text} is longer than ten years; give at most {LONGEST_DELAY}d")
        return Delay(seconds, "wall" if not match[2] else "days" if match[3] == "d" else "open")

    def _reenter(self, node: Node) -> Any:
        text = self._at.text(node)
        return text if text in ("never", "always") else self._delay(node).seconds

    def _reasons(self, node: Node | None, known: Set[str]) -> frozenset[str]:
        if node is None:
            return frozenset(known)
        if isinstance(node, Listing) and not node.parts:
            return frozenset()
        return frozenset(self._at.choice(each, "reason", known) for each in self._at.list(node, "reasons"))

    def _values(self, name: str, node: Node) -> frozenset[str]:
        if name in _WORDS:
            return frozenset(self._at.choice(each, name, _WORDS[name]) for each in self._at.list(node, name))
        return self._words(node, name)

    def _words(self, node: Node, what: str) -> frozenset[str]:
        return frozenset(self._name(each, what) for each in self._at.list(node, what))

    def _name(self, node: Node, what: str) -> str:
        text = self._at.text(node)
        if not re.fullmatch(r"[a-z][a-z0-9_.-]{0,39}", text):
            raise self._at.error(
                node, f"{text} is no name of a {what}; write up to 40 small letters, as first_call"
            )
        return text


def _canonical(what: Any) -> str:
    def plain(value: Any) -> Any:
        return sorted(value) if isinstance(value, frozenset) else str(value)

    return json.dumps(what, sort_keys=True, default=plain, separators=(",", ":"))
