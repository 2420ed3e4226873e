"""What headers and cells are called in English and Spanish, for who proposes a mapping."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "lead": (
        *("record id", "lead id", "contact id", "person id", "customer id", "client id", "id", "ref", "uuid"),
        *(
            "referencia",
            "codigo",
            "codigo cliente",
            "cod cliente",
            "id cliente",
            "num cliente",
            "expediente",
            "code",
        ),
    ),
    "first_name": ("first name", "firstname", "given name", "nombre de pila", "forename"),
    "last_name": ("last name", "lastname", "surname", "family name", "apellidos", "apellido"),
    "name": (
        *(
            "name",
            "full name",
            "contact name",
            "customer",
            "customer name",
            "contact",
            "client",
            "lead",
            "lead name",
        ),
        *(
            "nombre",
            "nombre completo",
            "nombre y apellidos",
            "contacto",
            "cliente",
            "persona",
            "interesado",
            "who",
        ),
    ),
    "email": (
        "email",
        "e mail",
        "mail",
        "email address",
        "correo",
        "correo electronico",
        "correo e",
        "direccion email",
    ),
    "phone": (
        *("phone", "phone number", "mobile", "mobile phone", "cell", "tel", "telephone", "whatsapp"),
        *("telefono", "movil", "celular", "tlf", "tfno", "tlfno", "telefono movil", "numero de telefono"),
    ),
    "company": (
        *(
            "company",
            "company name",
            "organization",
            "organisation",
            "org",
            "account",
            "account name",
            "business",
        ),
        *("empresa", "organizacion", "negocio", "razon social", "compania", "nombre empresa", "sociedad"),
    ),
    "source": (
        *(
            "source",
            "lead source",
            "original source",
            "channel",
            "origin",
            "how did you hear",
            "referrer",
            "came from",
            "where from",
            "platform",
        ),
        *(
            "origen",
            "fuente",
            "canal",
            "procedencia",
            "como nos conocio",
            "como nos has conocido",
            "via",
            "medio",
        ),
    ),
    "campaign": ("campaign", "utm campaign", "campana", "promocion"),
    "stage": (
        *(
            "stage",
            "status",
            "lead status",
            "lifecycle stage",
            "deal stage",
            "pipeline",
            "state",
            "pipeline stage",
            "phase",
        ),
        *("etapa", "estado", "fase", "situacion", "embudo", "estado del lead", "estatus"),
    ),
    "owner": (
        *(
            "owner",
            "lead owner",
            "contact owner",
            "account owner",
            "account manager",
            "acct mgr",
            "rep",
            "sales rep",
            "assigned to",
            "salesperson",
        ),
        *(
            "comercial",
            "responsable",
            "vendedor",
            "propietario",
            "asignado",
            "asignado a",
            "agente",
            "gestor",
        ),
        *("lo lleva", "asesor", "atendido por", "handled by"),
    ),
    "created": (
        *(
            "created",
            "create date",
            "created date",
            "created at",
            "date created",
            "date",
            "date added",
            "created time",
            "first contact",
            "primer contacto",
            "1er contacto",
            "added",
        ),
        *(
            "entry date",
            "received",
            "fecha de alta",
            "fecha alta",
            "alta",
            "fecha de creacion",
            "creado",
            "fecha",
        ),
        *("fecha de entrada", "entrada", "recibido", "fecha registro", "first seen", "since", "desde"),
    ),
    "last_activity": (
        *(
            "last activity",
            "last activity date",
            "last contacted",
            "last contact",
            "last touch",
            "last activity time",
            "last call",
        ),
        *("ultimo contacto", "ultima actividad", "ultima llamada", "fecha ultimo contacto", "ultima gestion"),
    ),
    "closed": (
        *("close date", "closed", "closed date", "closed at", "won date", "lost date"),
        *("fecha de cierre", "fecha cierre", "cierre", "cerrado el"),
    ),
    "lost_reason": (
        "lost reason",
        "reason lost",
        "reason",
        "motivo",
        "motivo de perdida",
        "motivo perdida",
        "why lost",
    ),
    "value": (
        *(
            "value",
            "amount",
            "budget",
            "deal value",
            "deal amount",
            "price",
            "worth",
            "estimated value",
            "deal size",
        ),
        *("importe", "valor", "presupuesto", "precio", "monto", "cuantia", "valor estimado"),
    ),
    "activity": (
        *("activity", "event", "action", "step", "what", "type", "activity type", "event type"),
        *("actividad", "evento", "accion", "paso", "que", "tipo", "gestion"),
    ),
}
"""What a column's header may be called, most usual first; words without accents, in small letters."""

_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")

NOT_THESE: Final = re.compile(
    r"\b(next|proxim[oa]|modified|updat\w*|modificad[oa]|actualiza\w*|birth\w*|nacimiento)\b"
)
"""Headers of dates that are not what they seem."""

CHANNELS: Final[tuple[tuple[str, str], ...]] = (
    ("chat", r"\bchat|whatsapp|messenger|telegram|\bbot\b"),
    ("social", r"social|facebook|\bfb\b|instagram|\big\b|tik ?tok|linkedin|twitter|youtube|\bredes\b|\bx\b"),
    (
        "store",
        r"store|shop|tienda|walk|feria|\bfair|trade ?show|expo|event|showroom|mostrador|visita|in person|presencial",
    ),
    ("phone", r"phone|\bcall|llama|telef|offline|referr|recomend|\bamig|boca|word of mouth|partner|conocido"),
    (
        "web",
        r"web|organic|search|google|form|internet|online|direct|landing|\bads?\b|seo|sem\b|mail|site|portal|campa",
    ),
)
"""What a source's words say of the channel; the first that fits counts."""

STAGES: Final[tuple[tuple[str, str], ...]] = (
    ("new", r"not contacted|sin contactar|no contactad|sin llamar|to call|por llamar|untouched"),
    (
        "lost",
        r"not converted|unqualified|no cualific|no calific|\blost|perdid|descart|rechaz|no (le )?interes|bad timing"
        r"|disqualif|\bdead|\bbaja\b|anulad|cancel|closed lost|no compra|junk|spam|\bno\b$",
    ),
    (
        "won",
        r"\bwon|ganad|customer|client|vendid|\bsold|bought|compr[ao]|converted|firmad|signed|evangelist|cerrad[oa]$",
    ),
    ("negotiation", r"negoti|negocia|contrat|contract|cierre"),
    ("proposal", r"propos|propuest|presupuest|quot|ofert|offer|opportunit|oportunid|evalua|open deal"),
    (
        "qualified",
        r"qualif|cualific|calific|interesad|interested|\bdemo|\bcita|reunion|meeting|caliente|\bhot\b|\bsql\b|\bmql\b",
    ),
    (
        "contacted",
        r"contact|attempt|call|llamad|connected|seguimiento|progress|en curso|working|nurtur|follow|templad|hablad",
    ),
    ("new", r"new|nuev|open|abiert|lead|subscri|pendient|alta|registr|\bcold\b|fri[oa]|prospect"),
)
"""What a status says of where a lead stands; the first that fits counts."""


def plain(text: str) -> str:
    """Words without accents and signs, in small letters: `¿Cómo nos conoció?` is `como nos conocio`."""
    bare = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", " ", bare).strip()


def fits(header: str, part: str) -> int:
    """How well a header names a part: 0 not at all, the more the surer; from 1,000 it is the very word."""
    best = 0
    for words in {plain(header), plain(_CAMEL.sub(" ", header))}:
        for rank, phrase in enumerate(PARTS[part]):
            if words == phrase:
                best = max(best, 2_000 - rank)
            elif f" {phrase} " in f" {words} ":
                best = max(best, 10 * len(phrase) - rank)
    return best


def looked_up(word: str, table: tuple[tuple[str, str], ...]) -> str | None:
    return next((meaning for meaning, pattern in table if re.search(pattern, plain(word))), None)
