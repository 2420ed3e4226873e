"""What several pages say, in English and Spanish; what only one board says stands with it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from services.gateway.quick_log import Language

Words = Mapping[str, tuple[str, str]]
"""By key, in the order of `Language`."""

Say = Callable[..., str]
"""`say("due_in", long="5 min")`; what is not in the catalogue is said as it is."""

COMMON: Final[Words] = {
    # The frame
    "skip": ("Skip to content", "Ir al contenido"),
    "nav": ("Pages", "Páginas"),
    "connecting": ("connecting…", "conectando…"),
    "sign_out": ("Sign out", "Salir"),
    "simulated": ("simulated", "simulado"),
    # Time
    "now": ("now", "ahora"),
    "due_in": ("in {long}", "en {long}"),
    "due_late": ("{long} late", "{long} tarde"),
    "ago": ("{long} ago", "hace {long}"),
    "just_now": ("just now", "ahora mismo"),
    "days": ("days", "días"),
    # On several pages
    "made_up": ("This lead was made up by the demo", "Este contacto es inventado por la demo"),
    "day_now": ("Now", "Ahora"),
    "rep": ("Rep", "Comercial"),
    "no_contact_yet": ("nobody was in touch yet", "sin contacto todavía"),
    "open_tickets": ("{count} open", "{count} abiertas"),
    "why": ("Why here:", "Por qué aquí:"),
    "why_agreed": ("agreed with them", "acordado con ellos"),
    "why_heat": ("heat {points}", "calor {points}"),
    "all": ("All", "Todo"),
    "back": ("Back", "Volver"),
    "lead": ("Lead", "Contacto"),
    "facts": ("Events", "Hechos"),
    "more": ("More", "Más"),
    # The calendar
    "feed": ("In your calendar", "En tu calendario"),
    "feed_why": (
        "A secret link shows these steps, without names, in the calendar you use. It is shown once.",
        "Un enlace secreto muestra estos pasos, sin nombres, en tu calendario. Se muestra una sola vez.",
    ),
    "feed_make": ("Make a link", "Crear un enlace"),
    "feed_title": ("Next steps of {rep}", "Próximos pasos de {rep}"),
    "feed_lead": ("lead {lead}", "contacto {lead}"),
    # Words of sales
    "call": ("call", "llamada"),
    "email": ("e-mail", "correo"),
    "message": ("message", "mensaje"),
    "meeting": ("meeting", "reunión"),
    "visit": ("visit", "visita"),
    "demo": ("demo", "demo"),
    "note": ("note", "nota"),
    "answered": ("answered", "contesta"),
    "no_answer": ("no answer", "no contesta"),
    "interested": ("interested", "interesado"),
    "appointment": ("appointment", "cita"),
    "wrong_number": ("wrong number", "número equivocado"),
    "done": ("done", "hecho"),
    "call_back": ("asks to be called", "pide que le llamen"),
    "voicemail": ("voicemail", "buzón de voz"),
    "not_interested": ("not interested", "no le interesa"),
    "price": ("price", "precio"),
    "timing": ("timing", "momento"),
    "competitor": ("competitor", "competencia"),
    "authority": ("who decides", "quién decide"),
    "need": ("no need", "no lo necesita"),
    "trust": ("trust", "confianza"),
    "other": ("other", "otra"),
    "web": ("web", "web"),
    "chat": ("chat", "chat"),
    "social": ("social", "redes"),
    "store": ("store", "tienda"),
    "phone": ("phone", "teléfono"),
    "new": ("new", "nuevo"),
    "contacted": ("contacted", "contactado"),
    "qualified": ("qualified", "cualificado"),
    "proposal": ("proposal", "propuesta"),
    "negotiation": ("negotiation", "negociación"),
    "channel": ("Channel", "Canal"),
    "origin": ("Origin", "Origen"),
    "campaign": ("Campaign", "Campaña"),
    "nobody": ("nobody", "nadie"),
    "unknown": ("not known", "sin dato"),
}  # fmt: skip


def sayer(language: Language, *more: Words) -> Say:
    """What says the common words, and more, in one language."""
    place, known = list(Language).index(language), dict(COMMON)
    for words in more:
        known.update(words)

    def say(key: str, **values: object) -> str:
        found = known.get(key)
        return found[place].format(**values) if found is not None else key.replace("_", " ")

    return say


def language_of(asked: str | None, accepted: str) -> Language:
    """What was asked for, or else the first that `Accept-Language` wants and we have; English otherwise."""
    if asked in list(Language):
        return Language(asked)
    wanted: list[tuple[float, str]] = []
    for part in accepted.lower().split(","):
        name, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((-float(quality or 1), name.partition("-")[0]))
        except ValueError:
            continue
    found = (name for _, name in sorted(wanted, key=lambda each: each[0]) if name in list(Language))
    return Language(next(found, Language.EN))
