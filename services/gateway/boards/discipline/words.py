"""What the page of the discipline board says, in English and Spanish. Pure."""

from __future__ import annotations

from typing import Final

from services.gateway.text.catalogue import Words

WORDS: Final[Words] = {
    "nav_discipline": ("Discipline", "Disciplina"),
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
    "when": ("When", "Cuándo"),
    "measured": ("Measured", "Medido"),
    "working_time": ("Working time", "Horario laboral"),
    "on_time": ("on time", "a tiempo"),
    "late": ("late", "tarde"),
    "missed": ("missed", "incumplido"),
    "nothing_behind": ("Nothing is behind this figure.", "No hay nada detrás de esta cifra."),
}  # fmt: skip
