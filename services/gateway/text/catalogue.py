"""What the pages of follow-up say, in English and Spanish. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from services.gateway.quick_log import Language

Say = Callable[..., str]
"""`say("due_in", long="5 min")`; what is not in the catalogue is said as it is."""

MESSAGES: Final[dict[str, tuple[str, str]]] = {
    # The frame
    "skip": ("Skip to content", "Ir al contenido"),
    "nav": ("Pages", "Páginas"),
    "nav_board": ("Board", "Tablero"),
    "nav_day": ("My day", "Mi día"),
    "nav_discipline": ("Discipline", "Disciplina"),
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
    # The board
    "board_title": ("Who to call now", "A quién llamar ahora"),
    "board_lead": (
        "First what is to be done now, the warmest first; then what has its time later, the soonest first.",
        "Primero lo que toca hacer ahora, lo más caliente antes; luego lo que tiene su hora, lo más próximo antes.",
    ),
    "bands": ("Bands", "Franjas"),
    "band_hot": ("Hot", "Calientes"),
    "band_warm": ("Warm", "Templados"),
    "band_cold": ("Cold", "Fríos"),
    "band_now": ("To do now", "Ahora toca"),
    "band_why_now": (
        "Late, due or unplanned; the warmest first.",
        "Con retraso, para ya o sin plan; primero el más caliente.",
    ),
    "band_later": ("Their time comes later.", "Les toca más tarde."),
    "band_why_hot": ("Call these first.", "Llama primero a estos."),
    "band_why_warm": ("Keep them warm.", "Que no se enfríen."),
    "band_why_cold": ("Going out.", "Se apagan."),
    "more_hot": ("More hot leads", "Más contactos calientes"),
    "more_warm": ("More warm leads", "Más contactos templados"),
    "more_cold": ("More cold leads", "Más contactos fríos"),
    "none_hot": ("No hot leads at the moment.", "Ningún contacto caliente de momento."),
    "none_warm": ("No warm leads at the moment.", "Ningún contacto templado de momento."),
    "none_cold": ("No cold leads at the moment.", "Ningún contacto frío de momento."),
    "turn_late": ("late", "con retraso"),
    "turn_due": ("due now", "toca ahora"),
    "turn_unplanned": ("nothing planned", "sin plan"),
    "turn_later": ("not yet: its time comes later", "aún no: tiene su hora"),
    "no_step": ("No next step", "Sin siguiente paso"),
    "made_up": ("This lead was made up by the demo", "Este contacto es inventado por la demo"),
    "some_made_up": (
        "Some of these leads are made up: a demo is playing a day of a small sales team.",
        "Algunos de estos contactos son inventados: una demo representa un día de un pequeño equipo de ventas.",
    ),
    "all_made_up": (
        "All of these leads are made up: a demo is playing a day of a small sales team.",
        "Todos estos contactos son inventados: una demo representa un día de un pequeño equipo de ventas.",
    ),
    "nothing_glows": ("Nothing glows yet", "Aún no arde nada"),
    "send_a_lead": (
        "Send a lead, and it appears here by itself:",
        "Envía un contacto y aparecerá aquí solo:",
    ),
    # The day
    "day_title": ("My day", "Mi día"),
    "day_of": ("{rep}'s day", "El día de {rep}"),
    "day_left": ("{count} to do, {late} late", "{count} por hacer, {late} con retraso"),
    "day_one_left": ("1 to do, {late} late", "1 por hacer, {late} con retraso"),
    "day_part": (
        "{first} to {last} to do, more follow; {late} of these late",
        "{first} a {last} por hacer, y siguen más; {late} de estos con retraso",
    ),
    "day_last_part": (
        "{first} to {last} to do, the last; {late} of these late",
        "{first} a {last} por hacer, los últimos; {late} de estos con retraso",
    ),
    "day_first_part": ("back to the first", "volver a los primeros"),
    "day_more": ("The next steps", "Los pasos siguientes"),
    "day_now": ("Now", "Ahora"),
    "day_now_why": ("The worthiest first, with the reason.", "Lo que más vale primero, con el motivo."),
    "day_later": ("Later today", "Más tarde"),
    "day_later_why": ("These have their time.", "Estos tienen su hora."),
    "day_done": ("All done for today.", "Todo hecho por hoy."),
    "day_done_more": (
        "What is due tomorrow appears here in the morning.",
        "Lo de mañana aparecerá aquí por la mañana.",
    ),
    "day_whose": ("Whose day?", "¿El día de quién?"),
    "day_whose_why": (
        "A rep's own key opens their day by itself. Others say whose they want to see.",
        "La clave de un comercial abre su día. Los demás dicen cuál quieren ver.",
    ),
    "day_open": ("Open", "Abrir"),
    "rep": ("Rep", "Comercial"),
    "keys_title": ("Keys", "Teclas"),
    "key_move": ("next, previous", "siguiente, anterior"),
    "key_log": ("log it", "anotar"),
    "key_no_answer": ("no answer", "no contesta"),
    "key_later": ("not done: move it to another time", "sin hacer: pasarlo a otro momento"),
    "key_call": ("call", "llamar"),
    "key_open": ("open the lead", "abrir el contacto"),
    "nobodys": ("nobody's yet", "de nadie aún"),
    "no_contact_yet": ("nobody was in touch yet", "sin contacto todavía"),
    "open_tickets": ("{count} open", "{count} abiertas"),
    "call_number": ("Call {name}", "Llamar a {name}"),
    "log": ("Log", "Anotar"),
    "log_for": ("Log for {name}", "Anotar para {name}"),
    "why": ("Why here:", "Por qué aquí:"),
    "why_late": ("late", "con retraso"),
    "why_due": ("due today", "para hoy"),
    "why_agreed": ("agreed with them", "acordado con ellos"),
    "why_heat": ("heat {points}", "calor {points}"),
    "why_value": ("offer of {value}", "oferta de {value}"),
    # Logging
    "line": ("What happened, in one line", "Qué ha pasado, en una línea"),
    "line_example": ("no answer, tomorrow 10am", "no contesta, mañana 10:00"),
    "kind": ("What", "Qué"),
    "nothing_done": ("nothing yet, only move it", "nada aún, solo moverlo"),
    "result": ("Result", "Resultado"),
    "objection": ("Objection", "Objeción"),
    "minutes": ("Minutes", "Minutos"),
    "done_at": ("When it was", "Cuándo fue"),
    "direction": ("Began by", "Empezó"),
    "direction_outbound": ("us", "nosotros"),
    "direction_inbound": ("them", "ellos"),
    "next_action": ("Next", "Siguiente"),
    "next_due": ("When", "Cuándo"),
    "next_playbook": ("as the playbook says", "lo que diga la pauta"),
    "save": ("Log and go on", "Anotar y seguir"),
    "cancel": ("Cancel", "Cancelar"),
    "logged": ("Logged for {name}", "Anotado para {name}"),
    "moved": ("Moved for {name}", "Movido para {name}"),
    "assumed": ("Taken for granted: {what}.", "Se da por hecho: {what}."),
    "assumed_time": ("the time of day", "la hora"),
    "assumed_afternoon": ("in the afternoon", "por la tarde"),
    "assumed_next_week": ("in a week, not today", "una semana, no hoy"),
    "assumed_nearest": ("the nearest day of that name", "el más próximo de ese nombre"),
    "assumed_day": ("which day of it", "qué día de ese plazo"),
    "assumed_day_first": ("day before month", "día antes del mes"),
    "assumed_tomorrow": ("tomorrow", "mañana"),
    "assumed_yesterday": ("yesterday", "ayer"),
    "assumed_spelling": ("a word misspelt", "una palabra mal escrita"),
    "assumed_action": ("the same again", "lo mismo otra vez"),
    "assumed_kind": ("what was done", "lo que se hizo"),
    "not_understood": ("Not understood, kept as a note: {what}", "Sin entender, queda como nota: {what}"),
    "not_kept": ("Not understood, and lost by a mere move: {what}", "Sin entender, y se pierde al solo mover: {what}"),
    "failed": ("That did not work: {why}", "No ha funcionado: {why}"),
    "unreachable": ("the server does not answer; try again", "el servidor no responde; inténtalo de nuevo"),
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
    # Discipline
    "discipline_title": ("Is follow-up really done?", "¿Se hace de verdad el seguimiento?"),
    "discipline_lead": (
        "Computed from what happened, not from what was reported. Every number opens.",
        "Calculado de lo que pasó, no de lo que se contó. Cada cifra se abre.",
    ),
    "period": ("Period", "Periodo"),
    "period_days": ("{days} days", "{days} días"),
    "from_to": ("{start} to {end}, beside the period before", "{start} a {end}, junto al periodo anterior"),
    "by": ("Rows", "Filas"),
    "only": ("Only {what}", "Solo {what}"),
    "all_again": ("Show all", "Ver todo"),
    "hints": ("Worth a word", "Para hablarlo"),
    "no_hints": ("No pattern that needs a word.", "Ningún patrón que haga falta hablar."),
    "hint_most": ("most of them {rep}'s: {count}", "la mayoría de {rep}: {count}"),
    "all": ("All", "Todo"),
    "before": ("before: {value}", "antes: {value}"),
    "was": ("was", "antes"),
    "leads": ("Leads", "Contactos"),
    "speed": ("Speed to lead", "Tiempo hasta el primer contacto"),
    "speed_p50": ("Half within", "La mitad en"),
    "speed_p90": ("Nine of ten within", "Nueve de diez en"),
    "business": ("{long} of working time", "{long} de horario laboral"),
    "untouched": ("Untouched", "Sin tocar"),
    "overdue": ("Overdue", "Vencidos"),
    "attempts": ("Tries per lead", "Intentos por contacto"),
    "calls_after_offer": ("Calls per offer", "Llamadas por oferta"),
    "follow_through": ("Done on time", "Hecho a tiempo"),
    "late_after_offer": ("Offers followed up late", "Ofertas seguidas tarde"),
    "gone_cold": ("Gone cold untouched", "Enfriados sin tocar"),
    "cost": ("{money} spent to get them", "{money} gastados en captarlos"),
    "of": ("{some} of {all}", "{some} de {all}"),
    "by_channel": ("Speed to lead by channel", "Primer contacto por canal"),
    "by_rows": ("By {what}", "Por {what}"),
    "contacted_of": ("Contacted", "Contactados"),
    "no_leads": ("Nothing happened in this period.", "No pasó nada en este periodo."),
    "stale_proposals": (
        "{count} proposals older than 5 days without a call",
        "{count} propuestas de más de 5 días sin llamada",
    ),
    "stale_proposals_one": (
        "1 proposal older than 5 days without a call",
        "1 propuesta de más de 5 días sin llamada",
    ),
    "no_first_try": (
        "{count} new leads waited over an hour for a first try",
        "{count} contactos nuevos llevan más de una hora sin un intento",
    ),
    "no_first_try_one": (
        "1 new lead waited over an hour for a first try",
        "1 contacto nuevo lleva más de una hora sin un intento",
    ),
    "left_interested": (
        "{count} who were interested heard nothing for 3 days",
        "{count} interesados sin noticias desde hace 3 días",
    ),
    "left_interested_one": (
        "1 who was interested heard nothing for 3 days",
        "1 interesado sin noticias desde hace 3 días",
    ),
    "given_up_early": (
        "{count} given up after fewer than 3 tries",
        "{count} abandonados con menos de 3 intentos",
    ),
    "given_up_early_one": ("1 given up after fewer than 3 tries", "1 abandonado con menos de 3 intentos"),
    "one_way_only": (
        "{count} tried 3 times or more, always the same way",
        "{count} intentados 3 veces o más, siempre igual",
    ),
    "one_way_only_one": (
        "1 tried 3 times or more, always the same way",
        "1 intentado 3 veces o más, siempre igual",
    ),
    "long_overdue": ("{count} steps more than 2 days overdue", "{count} pasos con más de 2 días de retraso"),
    "long_overdue_one": ("1 step more than 2 days overdue", "1 paso con más de 2 días de retraso"),
    # What a figure is made of
    "behind": ("{count} behind this figure", "{count} detrás de esta cifra"),
    "behind_one": ("1 behind this figure", "1 detrás de esta cifra"),
    "back": ("Back", "Volver"),
    "lead": ("Lead", "Contacto"),
    "when": ("When", "Cuándo"),
    "measured": ("Measured", "Medido"),
    "working_time": ("Working time", "Horario laboral"),
    "facts": ("Events", "Hechos"),
    "on_time": ("on time", "a tiempo"),
    "late": ("late", "tarde"),
    "missed": ("missed", "incumplido"),
    "more": ("More", "Más"),
    "nothing_behind": ("Nothing is behind this figure.", "No hay nada detrás de esta cifra."),
}  # fmt: skip


def sayer(language: Language) -> Say:
    """What says things in one language."""
    place = list(Language).index(language)

    def say(key: str, **values: object) -> str:
        found = MESSAGES.get(key)
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
