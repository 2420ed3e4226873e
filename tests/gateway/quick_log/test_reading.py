"""The table of lines is the contract: each with what is read from it, told in one line."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.gateway.quick_log import Language, Proposal, parse
from shared.events.followup import ActivityKind

MADRID = ZoneInfo("Europe/Madrid")
TUESDAY_11 = datetime(2026, 11, 24, 10, tzinfo=UTC)
"""Eleven in the morning in Madrid."""

# Kind, direction, length, result, objection, when it was (if not now) → what is next, and when (what was taken for
# granted) ✗ what was not understood
TABLE = [
    ("llamé, no contesta, mañana 10am", "es call no_answer → call Wed 25 Nov 10:00 (action)"),
    ("met Ana, wants proposal friday", "en meeting interested → email Fri 27 Nov 09:00 (time) ✗ Ana"),
    ("call 12 min, interested, send offer tomorrow 9:30", "en call 720s interested → email Wed 25 Nov 09:30"),
    (
        "visita, objeción precio, volver el martes",
        "es visit objection price → visit Tue 1 Dec 09:00 (next_week, time)",
    ),
    (
        "llamada 5 min, interesado, enviar propuesta el jueves a las 12",
        "es call 300s interested → email Thu 26 Nov 12:00",
    ),
    ("llamé y no lo coge, volver a llamar en 2 horas", "es call no_answer → call Tue 24 Nov 13:00"),
    (
        "buzón de voz, probar otra vez pasado mañana por la tarde",
        "es call voicemail → call Thu 26 Nov 16:00 (time, kind)",
    ),
    (
        "me llamó ella, quiere presupuesto, enviar oferta hoy a las 17h",
        "es call inbound interested → email Tue 24 Nov 17:00",
    ),
    (
        "llamada entrante 8 minutos, cita el viernes a las 11:30",
        "es call inbound 480s appointment → meeting Fri 27 Nov 11:30",
    ),
    (
        "hablé con Marta 20 min, tiene que consultarlo con su jefe, llamar el lunes",
        "es call 1200s objection authority → call Mon 30 Nov 09:00 (time, kind) ✗ Marta",
    ),
    ("número equivocado", "es call wrong_number (kind)"),
    (
        "le mandé un whatsapp, contesta que mañana",
        "es message answered → message Wed 25 Nov 09:00 (time, action)",
    ),
    (
        "reunión 1h30, muy interesados, demo el 3 de diciembre a las 10",
        "es meeting 5400s interested → demo Thu 3 Dec 10:00",
    ),
    ("visité la tienda, ya tiene proveedor", "es visit objection competitor ✗ tienda"),
    ("correo enviado, esperar respuesta", "es email ✗ esperar respuesta"),
    ("envié la oferta, llamar dentro de 3 días", "es email → call Fri 27 Nov 09:00 (time)"),
    ("llamé, no le interesa", "es call not_interested"),
    (
        "llamé, muy caro, más adelante, en 2 meses",
        "es call objection price → call Sun 24 Jan 09:00 (time, action)",
    ),
    ("nota: prefiere que le llamen por la tarde", "es note"),
    ("llamé ayer, no contestó", "es call no_answer at Mon 23 Nov 09:00 (time)"),
    ("demo hecha, le gustó, llamar el 5 a las 5", "es demo interested → call Sat 5 Dec 17:00 (afternoon)"),
    ("llamar mañana por la mañana", "es → call Wed 25 Nov 09:00 (time)"),
    ("quedamos el martes que viene a las 16:00", "es appointment → meeting Tue 1 Dec 16:00 (next_week)"),
    ("comunica, reintentar en 30 min", "es call no_answer → call Tue 24 Nov 11:30 (kind)"),
    ("llamé a las 9:15, sin respuesta", "es call no_answer at Tue 24 Nov 09:15"),
    (
        "visita media hora, interesado, volver la semana que viene",
        "es visit 1800s interested → visit Mon 30 Nov 09:00 (day, time)",
    ),
    ("mañana", "es → ? Wed 25 Nov 09:00 (time)"),
    ("mañana a las 9", "es → ? Wed 25 Nov 09:00"),
    ("el lunes por la mañana", "es → ? Mon 30 Nov 09:00 (time)"),
    ("martes", "es → ? Tue 1 Dec 09:00 (next_week, time)"),
    (
        "hablamos media hora, cita 3/4 a las 10",
        "es call 1800s appointment → meeting Sat 3 Apr 10:00 (day_first, kind)",
    ),
    ("llamé 2 veces, nadie", "es call no_answer ✗ 2 veces"),
    ("called, no answer, try again tomorrow 10am", "en call no_answer → call Wed 25 Nov 10:00"),
    ("called, voicemail, call back in 2 hours", "en call voicemail → call Tue 24 Nov 13:00"),
    (
        "she called, wants demo next thursday at 4pm",
        "en call inbound interested → demo Thu 26 Nov 16:00 (nearest)",
    ),
    ("emailed the proposal, follow-up call in 3 days", "en email → call Fri 27 Nov 09:00 (time)"),
    ("wrong number", "en call wrong_number (kind)"),
    ("call 5 min, not interested", "en call 300s not_interested"),
    (
        "spoke 15 minutes, too expensive, call back next month",
        "en call 900s objection price → call Tue 1 Dec 09:00 (day, time, kind)",
    ),
    ("meeting 1 h, agreed to meet friday 15:00", "en meeting 3600s appointment → meeting Fri 27 Nov 15:00"),
    ("visited the shop, they already have a supplier", "en visit objection competitor ✗ shop"),
    ("sent offer, call her on dec 3 at 11:30", "en email → call Thu 3 Dec 11:30"),
    ("texted, busy, tomorrow afternoon", "en message no_answer → message Wed 25 Nov 16:00 (time, action)"),
    (
        "demo 45 min, liked it, send contract by monday",
        "en demo 2700s interested → email Mon 30 Nov 09:00 (time)",
    ),
    (
        "called yesterday, answered, needs to ask her boss, call back in a week",
        "en call objection authority at Mon 23 Nov 09:00 → call Tue 1 Dec 09:00 (time)",
    ),
    ("customer called 3 min, asks for quote", "en call inbound 180s interested"),
    ("note: gate code changed", "en note"),
    ("left voicemail", "en call voicemail (kind)"),
    ("call back friday", "en → call Fri 27 Nov 09:00 (time)"),
    ("call friday 5", "en → call Fri 27 Nov 17:00 (afternoon)"),
    ("in half an hour", "en → ? Tue 24 Nov 11:30"),
    (
        "met with the team, objection on price, next tuesday at noon",
        "en meeting objection price → meeting Tue 1 Dec 12:00 (nearest, action) ✗ team",
    ),
    (
        "called at 9:15, busy, call again at 16:30",
        "en call no_answer at Tue 24 Nov 09:15 → call Tue 24 Nov 16:30",
    ),
    ("she replied, interested", "en email inbound interested"),
    ("no answer", "en no_answer"),
    ("asdf qwer zxcv", "en ✗ asdf qwer zxcv"),
    ("42", "en ✗ 42"),
    ("llamé pero no contesta, and call back tomorrow", "en call no_answer → call Wed 25 Nov 09:00 (time)"),
    ("called 31 feb", "en call ✗ 31 feb"),
    ("10am", "en → ? Wed 25 Nov 10:00 (tomorrow)"),
    ("17/13", "en ✗ 17/13"),
    (
        "talked to Bob 10 min, wants info, email him tomorrow",
        "en call 600s interested → email Wed 25 Nov 09:00 (time, kind) ✗ Bob",
    ),
    ("call, answered, ring back last friday", "en call answered at Fri 20 Nov 09:00 (time)"),
    ("llamé, contestó, propuesta para el viernes 27", "es call answered → email Fri 27 Nov 09:00 (time)"),
    (
        "vino a la tienda, quiere ver la demo, sábado 12h",
        "es visit inbound interested → visit Sat 28 Nov 12:00 (action)",
    ),
    (
        "llamada saliente 3 min, contestó, le mando la oferta el 30/11",
        "es call outbound 180s answered → email Mon 30 Nov 09:00 (time)",
    ),
    ("outgoing call, no reply, call again thu at noon", "en call outbound no_answer → call Thu 26 Nov 12:00"),
    ("el cliente ha llamado, no le interesa", "es call inbound not_interested"),
    (
        "llamé, no se fía, visita el lunes a primera hora",
        "es call objection trust → visit Mon 30 Nov 09:00 (time)",
    ),
    ("LLAMÉ, NO CONTESTA, MAÑANA 10AM", "es call no_answer → call Wed 25 Nov 10:00 (action)"),
    ("llame no contesta manana 10am", "es call no_answer → call Wed 25 Nov 10:00 (action)"),
    ("called no answer tomorrow 10am", "en call no_answer → call Wed 25 Nov 10:00 (action)"),
    ("texted her, tomorrow tomorrow", "en message → message Wed 25 Nov 09:00 (time, action) ✗ tomorrow"),
    ("llamé, mañana o pasado mañana", "es call → call Wed 25 Nov 09:00 (time, action) ✗ pasado mañana"),
    ("llamé 99 h, mañana 25:00", "es call → call Wed 25 Nov 09:00 (time, action) ✗ 99 h | 25:00"),
    ("¿?¡! ... ;;; ,,,", "en"),
    ("SELECT * FROM leads; DROP TABLE leads", "en ✗ SELECT * FROM leads | DROP TABLE leads"),
    ("<script>alert(1)</script>", "en ✗ script>alert | 1 | script"),
    ("llamé, pide que le llame el jueves a las 18:00", "es call call_back → call Thu 26 Nov 18:00 (action)"),
    ("called, asked me to call back friday 11am", "en call call_back → call Fri 27 Nov 11:00 (action)"),
    ("called, she does not need it, not now", "en call objection need"),
    (
        "no contesta, le dejo mensaje en el buzón, vuelvo a probar mañana",
        "es call voicemail → call Wed 25 Nov 09:00 (time, kind)",
    ),
    (
        "está de vacaciones hasta el 10, llamar el 11",
        "es → call Fri 11 Dec 09:00 (time) ✗ vacaciones hasta el 10",
    ),
    (
        "she's on holiday until dec 7, call back then",
        "en → call Mon 7 Dec 09:00 (time) ✗ holiday",
    ),
    ("tel. apagado, reintento esta tarde a las 6", "es call no_answer → call Tue 24 Nov 18:00"),
    ("colgó, no quiere que le llamemos más", "es call not_interested (kind)"),
    ("no era buen momento, mejor el lunes", "es call_back → ? Mon 30 Nov 09:00 (time)"),
    (
        "acordamos videollamada el martes 1 a las 9:30",
        "es meeting appointment → meeting Tue 1 Dec 09:30 (kind)",
    ),
    ("no le interesa, ya compró en otro sitio", "es not_interested competitor"),
    ("left vm, will try tmrw morning", "en call voicemail → call Wed 25 Nov 09:00 (time, kind)"),
    (
        "had coffee with Sarah, very keen, sending contract thursday",
        "en meeting interested → email Thu 26 Nov 09:00 (time) ✗ Sarah",
    ),
    ("no show for the demo, reschedule next tue 3pm", "en demo no_answer → demo Tue 1 Dec 15:00 (nearest)"),
    (
        "called twice no pickup, trying again at 4",
        "en call no_answer → call Tue 24 Nov 16:00 (afternoon) ✗ twice",
    ),
    (
        "budget frozen till Q1, check back in january",
        "en call objection price → call Fri 1 Jan 09:00 (day, time, kind) ✗ till Q1",
    ),
    ("demo went well, call fri", "en demo interested → call Fri 27 Nov 09:00 (time)"),
    ("he hung up", "en call answered (kind)"),
    ("line busy, again in 20 min", "en call no_answer → call Tue 24 Nov 11:20 (kind)"),
    ("just sent the proposal, let's talk next wednesday", "en email → call Wed 25 Nov 09:00 (nearest, time)"),
    ("bought from a competitor", "en objection competitor"),
    ("", "en"),
]


def told(proposal: Proposal) -> str:
    """A proposal in one line, as the table has it; times as the clock shows them in Madrid."""

    def clock(at: datetime) -> str:
        return f"{at.astimezone(MADRID):%a %-d %b %H:%M}"

    length = proposal.duration_seconds and f"{proposal.duration_seconds}s"
    words: list[object] = [proposal.language, proposal.kind, proposal.direction, length]
    words += [proposal.result, proposal.objection, proposal.at and f"at {clock(proposal.at)}"]
    if (step := proposal.next_step) is not None:
        words.append(f"→ {step.action or '?'} {clock(step.due)}")
    if proposal.assumed:
        words.append(f"({', '.join(proposal.assumed)})")
    if proposal.not_understood:
        words.append(f"✗ {' | '.join(proposal.not_understood)}")
    return " ".join(str(word) for word in words if word)


@pytest.mark.parametrize(("line", "read"), TABLE)
def test_a_line_is_read_as_the_table_says(line: str, read: str) -> None:
    assert told(parse(line, TUESDAY_11, MADRID)) == read


def test_the_table_is_long_and_in_both_languages() -> None:
    assert len(TABLE) >= 60
    for language in Language:
        assert sum(read.startswith(language) for _, read in TABLE) >= 25


@pytest.mark.parametrize(
    ("line", "zone", "now", "due"),
    [
        ("call tomorrow 10am", "America/New_York", "2026-11-24T23:30:00-05:00", "2026-11-25T10:00:00-05:00"),
        ("call tomorrow 10am", "Asia/Tokyo", "2026-11-24T23:30:00+00:00", "2026-11-26T10:00:00+09:00"),
        ("call tomorrow 9:00", "Europe/Madrid", "2026-03-28T12:00:00+01:00", "2026-03-29T09:00:00+02:00"),
        ("call tomorrow 2:30am", "Europe/Madrid", "2026-03-28T12:00:00+01:00", "2026-03-29T03:30:00+02:00"),
        ("call tomorrow 2:30am", "Europe/Madrid", "2026-10-24T12:00:00+02:00", "2026-10-25T02:30:00+02:00"),
        ("call in 24 hours", "Europe/Madrid", "2026-10-24T12:00:00+02:00", "2026-10-25T11:00:00+01:00"),
        ("call on the 31", "Europe/Madrid", "2026-01-31T12:00:00+01:00", "2026-03-31T09:00:00+02:00"),
        ("call feb 29", "Europe/Madrid", "2027-11-24T12:00:00+01:00", "2028-02-29T09:00:00+01:00"),
        (
            "llamar el 2 de enero a las 10",
            "Atlantic/Canary",
            "2026-12-30T12:00:00+00:00",
            "2027-01-02T10:00:00+00:00",
        ),
    ],
)
def test_a_time_is_that_of_the_clock_on_the_writers_wall(line: str, zone: str, now: str, due: str) -> None:
    proposal = parse(line, datetime.fromisoformat(now), ZoneInfo(zone))

    assert proposal.next_step is not None
    assert proposal.next_step.due == datetime.fromisoformat(due)


def test_what_is_known_of_the_writers_language_wins_over_a_guess() -> None:
    assert parse("demo", TUESDAY_11, MADRID).language is Language.EN
    assert parse("demo", TUESDAY_11, MADRID, Language.ES).language is Language.ES


def test_a_mere_note_is_kept_and_not_read() -> None:
    proposal = parse("nota: dice que llamó el lunes 10 min, sin interés", TUESDAY_11, MADRID)

    assert proposal == Proposal(Language.ES, ActivityKind.NOTE)
