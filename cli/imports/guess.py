"""A mapping proposed for a table that nobody has described, with what it is unsure of."""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from cli.imports.amounts import amount, told_sign
from cli.imports.columns import assigned, formats
from cli.imports.mapping_parser import load_mapping, parse_mapping
from cli.imports.sample import Sample, sample
from cli.imports.tables import lacking
from cli.imports.text import same
from cli.imports.vocabulary import CHANNELS, STAGES, looked_up, plain
from shared.clock import utc_now
from shared.errors import Refused

SHIPPED: Final = Path(__file__).parent / "mappings"
_PROGRAMS: Final = ("hubspot", "salesforce", "pipedrive")
_SIGNS: Final = {"€": "EUR", "£": "GBP", "US$": "USD", "$": "USD"}
"""What a sign is taken for; a bare dollar is said to be unsure."""
_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,40}")
_REASON: Final = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class ProposedMapping:
    """A mapping as YAML, and its doubts, which stand in it as comments too."""

    text: str
    doubts: tuple[str, ...]


def propose(path: Path) -> ProposedMapping:
    """Raises `Refused` when the file is no table, or its columns say nothing that can be brought in."""
    table = sample(path)
    if (program := _program(table.header)) is not None:
        return _of_program(program, table)
    parts, doubts = assigned(table)
    draft = _Draft(table, parts, [*table.doubts, *doubts])
    if parts.keys() & {"name", "first_name", "email", "phone"}:
        _people(draft)
    elif {"lead", "activity", "created"} <= parts.keys():
        _events(draft)
    else:
        raise Refused(
            "nothing-guessed",
            f"{path} has neither people (a name, an e-mail or a phone) nor what happened to them (an id, a time and "
            f"an activity) in columns that can be told: {', '.join(table.header)[:300]}; see docs/imports.md",
        )
    _settings(draft, path)
    text = draft.text()
    parse_mapping(text, "the proposal")
    return ProposedMapping(text, tuple(draft.doubts))


class _Draft:
    def __init__(self, table: Sample, parts: dict[str, list[int]], doubts: list[str]) -> None:
        self.table, self.parts, self.doubts = table, parts, doubts
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)

    def doubt(self, text: str) -> None:
        self.doubts.append(text)

    def names(self, *parts: str) -> list[str]:
        return [self.table.header[place] for part in parts for place in self.parts.get(part, ())]

    def values(self, part: str) -> list[str]:
        return [value for place in self.parts.get(part, ()) for value in self.table.column(place)]

    def words(self, part: str) -> list[str]:
        """What stands in a column of a list, the most frequent first, once in whatever case."""
        seen: dict[str, str] = {}
        counted: Counter[str] = Counter(
            seen.setdefault(value.casefold(), value) for value in self.values(part)
        )
        return [word for word, _ in counted.most_common()]

    def column(self, part: str) -> None:
        if names := self.names(part):
            self.line(f"  {part}: {_list(names)}")

    def text(self) -> str:
        used = {place for places in self.parts.values() for place in places}
        unused = [name for place, name in enumerate(self.table.header) if place not in used]
        head = [
            "# Proposed from the header and the first rows: look it over. docs/imports.md tells what all of it means."
        ]
        head += [f"# NOT SURE: {doubt}" for doubt in dict.fromkeys(_one_line(doubt) for doubt in self.doubts)]
        if unused:
            head.append(f"# Not used: {_one_line(', '.join(unused))}")
        return "\n".join([*head, *self.lines]) + "\n"


def _of_program(program: str, table: Sample) -> ProposedMapping:
    """The mapping that is shipped for a program's exports, with the owners and the times that this one has."""
    text = (SHIPPED / f"{program}.yaml").read_text("utf-8")
    leads = parse_mapping(text).leads
    assert leads is not None
    places = {same(name): place for place, name in reversed(list(enumerate(table.header)))}

    def here(part: str) -> list[int]:
        names = (same(name) for group in leads.parts.get(part, ()) for name in group)
        return [places[name] for name in names if name in places]

    doubts = [*table.doubts, f"this looks like an export of {program}: what is shipped for it is proposed"]
    if owners := list(dict.fromkeys(value for place in here("owner") for value in table.column(place))):
        lines = [f"      {_word(owner)}: {_rep(owner)}" for owner in owners]
        column = _list([table.header[place] for place in here("owner")])
        owner = "\n".join([f"  owner:\n    column: {column}\n    map:", *lines])
        text = re.sub(r"(?m)^  owner: .*$", lambda _: owner, text)
        doubts.append(_owner_doubt(owners[0]))
    dated = [place for part in ("created", "last_activity", "closed") for place in here(part)]
    found, doubt = formats([value for place in dated for value in table.column(place)])
    text = re.sub(r"(?m)^time_format: .*$", lambda _: f"time_format: {json.dumps(found or ['iso'])}", text)
    if program != "pipedrive":
        text = re.sub(r"(?m)^time_zone: .*$", f"time_zone: {_zone()}", text)
    text += "".join(f"{line}\n" for line in _how_written(table))
    doubts += [doubt] if doubt is not None else []
    text = "".join(f"# NOT SURE: {_one_line(each)}\n" for each in doubts) + text
    parse_mapping(text, "the proposal")
    return ProposedMapping(text, tuple(doubts))


def _how_written(table: Sample) -> list[str]:
    sign = "tab" if table.delimiter == "\t" else table.delimiter
    return [
        *([f'delimiter: "{sign}"'] if sign != "," else []),
        *([f"encoding: {table.encoding}"] if table.encoding is not None else []),
    ]


def _owner_doubt(owner: str) -> str:
    return f"owners are known here by the ids of their keys: {_word(owner)} is taken for {_rep(owner)}"


def _people(draft: _Draft) -> None:
    draft.line("leads:")
    if "lead" in draft.parts and not _all_differ(draft):
        draft.parts.pop("lead")
    if "lead" in draft.parts and all(_ID.fullmatch(value) for value in draft.values("lead")):
        draft.line(f"  lead: {_list(draft.names('lead'))}")
    elif "lead" in draft.parts:
        draft.line(f"  key: {_list(draft.names('lead'))}")
        draft.line(f"  salt: {secrets.token_hex(12)}  # keep it: with another one all would come in again")
    else:
        keys = draft.names("email", "phone") or draft.names("name", "first_name", "last_name")
        draft.line(f"  key: {_list(keys)}")
        draft.line(f"  salt: {secrets.token_hex(12)}  # keep it: with another one all would come in again")
        draft.doubt(f"there is no column of ids: people are told apart by {' or '.join(keys)}")
    names = (
        draft.names("first_name", "last_name")
        if "last_name" in draft.parts and "first_name" in draft.parts
        else []
    )
    if names := names or draft.names("name", "last_name") or draft.names("first_name"):
        draft.line(f"  name: [{', '.join(_word(name) for name in names)}]")
    for part in ("email", "phone", "company"):
        draft.column(part)
    _channel(draft)
    if names := draft.names("campaign"):
        draft.line(f"  campaign: {_list(names)}")
    _stage(draft)
    _owner(draft)
    _created(draft)
    if names := draft.names("last_activity"):
        draft.line(f"  last_activity: {{column: {_list(names)}, kind: call}}")
        draft.doubt(
            f"what {_list(names)} tells of is taken for a call: kind may be email, message, meeting or visit"
        )
    draft.column("closed")
    draft.column("lost_reason")
    draft.column("value")


def _channel(draft: _Draft) -> None:
    if not (names := draft.names("source")):
        draft.line("  channel: {default: web}")
        draft.doubt("no column says where leads come from: all are taken for the channel web")
        return
    draft.line(f"  channel:\n    column: {_list(names)}\n    map:")
    for word in draft.words("source"):
        channel = looked_up(word, CHANNELS)
        draft.line(f"      {_word(word)}: {channel or 'web  # NOT SURE'}")
        if channel is None:
            draft.doubt(f"the source {word!r} is taken for the channel web")
    draft.line("    default: web")
    draft.line(f"  origin: {_list(names)}")


def _stage(draft: _Draft) -> None:
    if not (names := draft.names("stage")):
        draft.line("  stage: {default: new}")
        draft.doubt("no column says how far leads are: all are taken for new")
        return
    draft.line(f"  stage:\n    column: {_list(names)}\n    map:")
    for word in draft.words("stage"):
        stage = looked_up(word, STAGES)
        meaning = stage or "new  # NOT SURE"
        if stage == "lost" and "lost_reason" not in draft.parts:
            meaning = f"{{lost: {_reason(word)}}}"
        draft.line(f"      {_word(word)}: {meaning}")
        if stage is None:
            draft.doubt(f"the stage {word!r} is taken for new")
    draft.line("    default: new")


def _owner(draft: _Draft) -> None:
    if not (names := draft.names("owner")):
        return
    draft.line(f"  owner:\n    column: {_list(names)}\n    map:")
    words = draft.words("owner")
    for word in words:
        draft.line(f"      {_word(word)}: {_rep(word)}")
    draft.doubt(_owner_doubt(words[0]))


def _created(draft: _Draft) -> None:
    if names := draft.names("created"):
        default = ", default: " + _month_ago() if len(draft.values("created")) < len(draft.table.rows) else ""
        draft.line(f"  created: {{column: {_list(names)}{default}}}")
        if default:
            draft.doubt("some rows do not say when they came: these are dated to the month before")
        return
    draft.line(f"  created: {{default: {_month_ago()}}}")
    draft.doubt("no column says when leads came: all are dated to the month before")


def _events(draft: _Draft) -> None:
    lead, time, activity = (_list(draft.names(part)) for part in ("lead", "created", "activity"))
    person, value = draft.names("owner"), draft.names("value")
    draft.line(f"columns:\n  lead: {lead}\n  time: {time}\n  activity: {activity}")
    if person:
        draft.line(f"  person: {_list(person)}")
    if value:
        draft.line(f"  value: {_list(value)}")
    first = _first_activities(draft)
    draft.line("map:")
    for word in draft.words("activity"):
        meaning, is_sure = _meaning(word, word in first)
        draft.line(f"  {_word(word)}: {meaning}{'' if is_sure else '  # NOT SURE'}")
        if not is_sure:
            draft.doubt(f"the activity {word!r} is taken for {meaning}")


def _meaning(word: str, is_first: bool) -> tuple[str, bool]:
    """What an activity is likely to mean, and whether its words say so."""
    if is_first:
        return "{captured: web}", False
    stage = looked_up(word, STAGES)
    if stage == "lost":
        return f"{{lost: {_reason(word)}}}", True
    if stage in ("won", "contacted"):
        return stage, True
    if stage == "proposal":
        return "offered", True
    if stage in ("qualified", "negotiation"):
        return f"{{stage: {stage}}}", True
    return f"{{signal: {_reason(word)[:40]}}}", False


def _first_activities(draft: _Draft) -> set[str]:
    """The activity with which most leads begin, in the order of the times, or of the rows where times do not sort."""
    lead, time, activity = (draft.parts[part][0] for part in ("lead", "created", "activity"))
    first: dict[str, tuple[str, str]] = {}
    for row in draft.table.rows:
        if row[lead] and row[activity]:
            first.setdefault(row[lead], (row[time], row[activity]))
            if re.match(r"\d{4}-", row[time]):
                first[row[lead]] = min(first[row[lead]], (row[time], row[activity]))
    counted = Counter(each for _, each in first.values())
    return {counted.most_common(1)[0][0]} if counted else set()


def _settings(draft: _Draft, path: Path) -> None:
    stem = re.sub(r"[^a-z0-9]+", "-", plain(path.name.partition(".")[0])).strip("-")[:20] or "table"
    draft.line(f"lead_prefix: {stem}-")
    draft.lines += _how_written(draft.table)
    found, doubt = formats(
        [*draft.values("created"), *draft.values("last_activity"), *draft.values("closed")]
    )
    zone = _zone()
    draft.line(
        f"time_zone: {zone}  # of times that do not say theirs; this machine's: correct it if theirs is another"
    )
    if found:
        draft.line(f"time_format: [{', '.join(json.dumps(each) for each in found)}]")
    if doubt is not None:
        draft.doubt(doubt)
    if "value" in draft.parts:
        _money(draft)


def _money(draft: _Draft) -> None:
    values = draft.values("value")
    signs = told_sign(values)
    if len(signs) == 1:
        draft.line(f'decimal: "{signs.pop()}"')
    elif unclear := next((value for value in values if _is_unclear(value)), None):
        draft.line('# decimal: ","  # or "."')
        draft.doubt(f"{unclear} can be read in two ways: say decimal, or its row will be rejected")
    marks = " ".join([*draft.names("value"), *values[:200]])
    sign = next((sign for sign in _SIGNS if sign in marks), "")
    currency = _SIGNS.get(sign, "EUR")
    if sign in ("", "$"):
        draft.doubt(f"amounts do not say which currency they are in: they are taken for {currency}")
    draft.line(f"currency: {currency}")


def _is_unclear(value: str) -> bool:
    try:
        amount(value, None)
    except ValueError as error:
        return "may be" in str(error)
    return False


def _program(header: Sequence[str]) -> str | None:
    """The program whose shipped mapping finds its id, its time and most of what is in the header."""
    for name in _PROGRAMS:
        leads = load_mapping(SHIPPED / f"{name}.yaml").leads
        assert leads is not None
        here = [part for part in leads.parts if leads.parts[part] and not lacking(leads, header, part)]
        if {"lead", "created", "name", "stage"} <= set(here):
            return name
    return None


def _all_differ(draft: _Draft) -> bool:
    values = [row[draft.parts["lead"][0]] for row in draft.table.rows]
    return len(set(values)) == len(values) and all(values)


def _zone() -> str:
    target = Path("/etc/localtime")
    name = str(target.resolve()).partition("zoneinfo/")[2] if target.is_symlink() else ""
    return name if name and not name.startswith("Etc/") else "UTC"


def _month_ago() -> str:
    return f"{(utc_now().replace(day=1) - timedelta(days=1)).replace(day=1):%Y-%m-%d}"


def _rep(word: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", plain(word.partition("@")[0])).strip("-")[:64] or "nobody"


def _reason(word: str) -> str:
    slug = re.sub(r"\d{6,}", "", plain(word)).replace(" ", "_").strip("_")[:60]
    return slug if _REASON.fullmatch(slug) else "other"


def _list(names: Sequence[str]) -> str:
    return _word(names[0]) if len(names) == 1 else f"[{', '.join(_word(name) for name in names)}]"


def _word(text: str) -> str:
    """A word as YAML takes it."""
    return (
        text
        if re.fullmatch(r"[^\W\d_][\w ()/.-]*[\w)]|[^\W\d_]", text)
        else json.dumps(text, ensure_ascii=False)
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
