"""What the page of the heat board says, in English and Spanish. Pure."""

from __future__ import annotations

from typing import Final

from services.gateway.text.catalogue import Words

WORDS: Final[Words] = {
    "nav_board": ("Board", "Tablero"),
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
}  # fmt: skip
