"""The words of sales in Spanish and English, without accents and capitals, and what they say of an activity."""

from __future__ import annotations

import re
from typing import Final

from shared.events.followup import ActivityKind as Kind
from shared.events.followup import ActivityResult as Result
from shared.events.followup import Direction, Objection


def _word(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})(?!\w)")


INBOUND: Final = (
    (
        _word(
            r"(?:ella|el|cliente|nos|me) (?:ha llamado|llamo)|llamada entrante|nos llama|me llama|"
            r"inbound call|"
            r"(?:she|he|they|customer|client) (?:called|rang|phoned)(?: (?:us|me|back))?|called (?:me|"
            r"us)(?: back)?"
        ),
        Kind.CALL,
    ),
    (
        _word(
            r"(?:ella|el|cliente|nos|me) (?:ha escrito|escribio|ha respondido|respondio|"
            r"contesto) (?:por )?(?:whatsapp|chat|mensaje)|"
            r"(?:she|he|they|customer|client) (?:texted|messaged)(?: (?:us|me))?|texted (?:me|"
            r"us)"
        ),
        Kind.MESSAGE,
    ),
    (
        _word(
            r"(?:nos|me) (?:ha escrito|escribio)|respondio (?:el|al|por) (?:correo|mail|e-?mail)|"
            r"(?:she|he|they|customer|client) (?:e-?mailed|wrote|replied)(?: (?:us|me|back))?|"
            r"wrote (?:to )?(?:me|us)|replied"
        ),
        Kind.EMAIL,
    ),
    (
        _word(
            r"vino (?:a la tienda|a vernos|a la oficina)|paso por (?:la tienda|aqui|la oficina)|"
            r"(?:came by|dropped in|walked in)(?: the (?:shop|store|office))?"
        ),
        Kind.VISIT,
    ),
)
"""The other side came to us, and how."""

DIRECTIONS: Final = (
    (_word(r"entrante|inbound|incoming"), Direction.INBOUND),
    (_word(r"saliente|outbound|outgoing"), Direction.OUTBOUND),
)

DONE: Final = (
    (
        _word(
            r"(?:he |le |les |la |lo )*(?:llame|llamado|telefonee|hable por telefono)|called|rang|"
            r"phoned"
        ),
        Kind.CALL,
    ),
    (
        _word(
            r"(?:le |les |he )*(?:(?:mande|envie|mandado|enviado|escribi|escrito) (?:un |el |por )?(?:correo|"
            r"mail|e-?mail)|"
            r"(?:envie|mande|enviado|mandado) (?:la |una |el |un )?(?:oferta|propuesta|presupuesto|"
            r"informacion|catalogo))|"
            r"(?:correo|mail|e-?mail|oferta|propuesta|presupuesto) (?:enviad[oa]|mandad[oa])|(?:e-?mail|"
            r"offer|proposal|quote) sent|"
            r"(?:e-?mailed|mailed)(?: (?:an? |the )?(?:offer|proposal|quote|brochure|info))?|(?:sent|"
            r"wrote) (?:an? |the )?(?:e-?mail|mail|offer|proposal|quote|brochure|info)"
        ),
        Kind.EMAIL,
    ),
    (
        _word(
            r"(?:le |les |he )*(?:(?:mande|envie|mandado|enviado|escribi|escrito) (?:un |por )?(?:whatsapp|"
            r"wasap|mensaje|sms)|escribi)|"
            r"texted|messaged|(?:sent|wrote) (?:an? )?(?:whatsapp|message|text|sms)|wrote"
        ),
        Kind.MESSAGE,
    ),
    (
        _word(
            r"(?:nos )?reuni(?:mos)?|reunido|(?:la |le )?conoci|met(?: with)?|had a meeting|"
            r"had (?:a |an )?(?:coffee|lunch|breakfast|dinner)(?: with)?|"
            r"(?:tome|tomamos) (?:un )?cafe|(?:comi|comimos) con"
        ),
        Kind.MEETING,
    ),
    (
        _word(
            r"(?:le |la |lo |los )*(?:visite|visitado)|visited|(?:fui|estuve) (?:a verl[oae]s?|en su (?:casa|"
            r"oficina|tienda))|went to see"
        ),
        Kind.VISIT,
    ),
    (
        _word(
            r"(?:le |les )*(?:hice|ensene|hicimos|di) (?:una |la )?demo|(?:gave|showed|did|ran) (?:an? |"
            r"the )?demo|demoed"
        ),
        Kind.DEMO,
    ),
    (_word(r"anote|anotado|noted"), Kind.NOTE),
)
"""Past tense: this was done."""

TO_DO: Final = (
    (
        _word(
            r"(?:volver a |vuelvo a |hay que |tengo que |le )*(?:llamar(?:l[aeo]s?)?|llamo|rellamar|"
            r"telefonear)|"
            r"(?:call|ring|phone)(?:ing)? (?:back|again|her|him|them)(?: (?:back|again))?|to call|will call|"
            r"follow-?up call|(?:will )?try(?:ing)?(?: (?:again|him|her|them))*|let'?s (?:talk|speak)|"
            r"(?:volver a |vuelvo a |volvere a )?(?:reintentar|reintento|probar|intentar)(?:lo)?"
            r"(?: (?:de nuevo|otra vez))?|volvemos a hablar|hablaremos"
        ),
        Kind.CALL,
    ),
    (
        _word(
            r"(?:le |hay que |tengo que )*(?:enviar|mandar|envio|mando|preparar)(?:l[aeo]s?)?(?: (?:la |una |"
            r"el |un )?(?:oferta|propuesta|presupuesto|"
            r"correo|mail|e-?mail|informacion|info|catalogo|contrato))?|(?:to |will )?(?:send|e-?mail|"
            r"mail)(?:ing)?(?: (?:him|her|them))?"
            r" (?:an? |the )?(?:offer|proposal|quote|e-?mail|mail|info|brochure|contract|details|prices?)|"
            r"will (?:e-?mail|send)|"
            r"send (?:her|him|them)"
        ),
        Kind.EMAIL,
    ),
    (
        _word(
            r"(?:le )?escribir(?:l[aeo]s?)?|mandar (?:un )?(?:whatsapp|wasap|mensaje|sms)|(?:to |"
            r"will )?(?:text|message|write)(?: to)? (?:her|him|them)|"
            r"send (?:an? )?(?:whatsapp|message|text|sms)|will (?:text|message|write)"
        ),
        Kind.MESSAGE,
    ),
    (_word(r"(?:nos )?(?:reunirnos|vemos|veremos)|quedar|to meet|will meet|let'?s meet"), Kind.MEETING),
    (
        _word(
            r"visitar(?:l[aeo]s?)?|pasar a verl[aeo]s?|paso a verl[aeo]s?|ir a verl[aeo]s?|to visit|"
            r"will visit|go (?:and )?see (?:her|him|them)"
        ),
        Kind.VISIT,
    ),
    (
        _word(
            r"(?:hacer|ensenar)(?:l[aeo]s?)? (?:una |la )?demo|to show (?:an? |the )?demo|(?:give|"
            r"show) (?:an? |the )?demo"
        ),
        Kind.DEMO,
    ),
)
"""Not done yet: this is what comes next."""

MERE_NOTE: Final = re.compile(r"\s*(?:nota|note|n\.b\.)\s*:")
"""A line that only keeps a thought: nothing in it is read."""

WANTED: Final = (
    (
        _word(
            r"oferta|propuesta|presupuesto|offer|proposal|quote|info|information|informacion|prices?|precios"
        ),
        Kind.EMAIL,
    ),
    (_word(r"demo"), Kind.DEMO),
)
"""What is asked for, beside a time ahead: what comes next is to send or show it."""

TALKED: Final = _word(
    r"hable|hablamos|hablado|charlamos|spoke|talked|had a chat|buzon|voice ?mail|v\.?m|comunica(?:ba)?|no lo coge|"
    r"numero equivocado|wrong number|colgo|hung up|line (?:is |was )?busy|no pick ?up|apagado|switched off"
)
"""Said of a call, mostly."""

AGAIN: Final = _word(
    r"volver|vuelvo|otra vez|de nuevo|again|go back|come back|back|"
    r"reschedule|reprogramar|reagendar"
)
"""What comes next is the same again."""

NAMED: Final = (
    (_word(r"llamada|tel(?:efono)?|call|phone(?: call)?"), Kind.CALL),
    (_word(r"correo|e-?mail|mail"), Kind.EMAIL),
    (_word(r"whatsapp|wasap|wsp|mensaje|sms|message|text|chat"), Kind.MESSAGE),
    (_word(r"reunion|junta|videollamada|meeting|zoom|teams|video ?call"), Kind.MEETING),
    (_word(r"visita|visit"), Kind.VISIT),
    (_word(r"demo(?:stracion|nstration)?|presentacion"), Kind.DEMO),
    (_word(r"nota|note"), Kind.NOTE),
)
"""A noun: done or to do, as the rest of the line says."""

RESULTS: Final = (
    (
        _word(
            r"(?:numero )?(?:equivocado|erroneo|no existe)|numero (?:malo|incorrecto)|wrong (?:number|"
            r"person)|bad number|"
            r"number (?:does not|doesn'?t) exist|not in service"
        ),
        Result.WRONG_NUMBER,
    ),
    (
        _word(
            r"(?:(?:dejo|deje|dejado) (?:un )?mensaje(?: en)?(?: el)? ?)?(?:buzon(?: de voz)?|contestador)|"
            r"salta (?:el )?contestador|(?:dejo|deje|dejado) (?:un )?mensaje|"
            r"(?:left (?:an? )?)?(?:voice ?mail|vm)|left (?:an? )?message"
        ),
        Result.VOICEMAIL,
    ),
    (
        _word(
            r"no (?:me |lo |la |le )*(?:contest[aeo]n?|coge(?:n)?|cogio|respond(?:e|en|io)|atiende(?:n)?|"
            r"atendio|descuelga)|sin (?:respuesta|contestar)|"
            r"comunica(?:ba)?|nadie|(?:no|without) answer|"
            r"no (?:reply|response|one there)|"
            r"(?:did not|didn'?t|doesn'?t|does not) (?:answer|pick up|reply)|not answering|(?:line )?(?:is |was )?busy|"
            r"(?:not|wasn'?t) (?:there|reachable)|unreachable|n/a|na|"
            r"(?:no|without) pick ?up|(?:esta )?apagado|fuera de cobertura|switched off|no[- ]shows?|"
            r"no (?:vino|aparecio|se presento)|(?:me |nos )(?:dio|han dado|ha dado) planton"
        ),
        Result.NO_ANSWER,
    ),
    (
        _word(
            r"(?:ya )?no (?:le[s]? )?interesa|no (?:esta )?interesad[oa]s?|"
            r"no (?:lo )?quiere[n]?(?: nada| que (?:le|la|los|las) llame(?:mos)?(?: mas)?)?|"
            r"sin interes|"
            r"(?:is |are )?(?:not|no longer) interested|no interest|doesn'?t want (?:it|to)"
        ),
        Result.NOT_INTERESTED,
    ),
    (
        _word(
            r"(?:pide |dice )?que (?:le |la |lo )?(?:llame|llamemos|llamen)|(?:asks?|asked|wants?) (?:me |"
            r"us )?(?:to call back|a call ?back|to be called)(?: later)?|"
            r"call me back|no (?:era|es) (?:un )?buen momento|(?:not|wasn'?t) a good (?:time|moment)"
        ),
        Result.CALL_BACK,
    ),
    (
        _word(
            r"cita(?: (?:cerrada|concertada|confirmada))?|agendad[oa]|(?:hemos )?quedado|"
            r"quedamos(?: en vernos)?|appointment(?: (?:set|made|booked))?|"
            r"booked|acordamos|hemos acordado|agreed (?:to|on) (?:a )?(?:meet|meeting|visit)|confirmed"
        ),
        Result.APPOINTMENT,
    ),
    (
        _word(
            r"(?:muy |esta )*interesad[oa]s?|le[s]? interesa|(?:le ha |le )gust(?:ado|o)|quiere[n]? (?:una |"
            r"la |el |un |ver (?:la |una )?)?(?:oferta|propuesta|presupuesto|demo|precios?|"
            r"mas informacion|comprar|seguir)|pide[n]? (?:una |la |el |un )?(?:oferta|propuesta|presupuesto|"
            r"precios?|mas informacion)|(?:very )?interested|keen|"
            r"wants? (?:an? |the |to see (?:an? |the )?|to )?(?:offer|proposal|quote|demo|prices?|buy|"
            r"(?:more )?info(?:rmation)?|go on)|"
            r"(?:asks?|asked) for (?:an? |the )?(?:offer|proposal|quote|demo|prices?|"
            r"(?:more )?info(?:rmation)?)|likes? it|liked it|"
            r"(?:went|fue|ha ido) (?:very |muy )?(?:well|bien)"
        ),
        Result.INTERESTED,
    ),
    (
        _word(
            r"objeci(?:on|ones)(?: (?:de|con|por|al?))?(?: el)?|objects?(?: to)?|objection(?:s)?(?: (?:on|"
            r"about|to|:))?|se queja (?:de|del)"
        ),
        Result.OBJECTION,
    ),
    (
        _word(
            r"contesto|contesta|respondio|cogio|hable(?: con)?|hablamos|hablado|charlamos|answered|picked up|"
            r"(?:me )?colgo|hung up|"
            r"spoke(?: (?:with|to))?|talked(?: (?:with|to))?|"
            r"reached|had a chat"
        ),
        Result.ANSWERED,
    ),
    (_word(r"hecho|hecha|listo|done|ok"), Result.DONE),
)
"""What came of it; of several in a line the first one here counts."""

OBJECTIONS: Final = (
    (
        _word(
            r"(?:muy |demasiado |le parece |es )*caro|(?:de |del |el )?precio|(?:no tiene |sin |falta |"
            r"falta de )presupuesto|no (?:tiene|hay) dinero|"
            r"(?:too |very )?expensive|(?:the )?price|(?:no|out of) (?:budget|money)|"
            r"budget (?:is )?frozen|too much money|"
            r"cost"
        ),
        Objection.PRICE,
    ),
    (
        _word(
            r"(?:mas adelante|no es (?:el )?momento|ahora no|mal momento|sin prisa|despues de (?:verano|"
            r"navidad|las vacaciones))|"
            r"not now|later this year|bad time|bad timing|(?:no|not the right|wrong) time|timing|too early|"
            r"after (?:the )?(?:summer|holidays|christmas)"
        ),
        Objection.TIMING,
    ),
    (
        _word(
            r"(?:la )?competencia|ya tiene (?:proveedor|uno|otro)|con otro(?: proveedor)?|otra (?:empresa|"
            r"oferta)|competitor|competition|"
            r"(?:already )?(?:has|have) (?:a |another )?(?:supplier|provider|one)|other offer|"
            r"another (?:supplier|provider|offer)|(?:ya )?(?:lo )?(?:compro|ha comprado) en otr[oa](?: sitio| tienda)?|"
            r"(?:bought (?:it )?from|went with) (?:a |the )?(?:competitor|competition|somebody else|someone else)"
        ),
        Objection.COMPETITOR,
    ),
    (
        _word(
            r"(?:tiene que|debe|quiere|lo tiene que|ha de) (?:consultar(?:lo)?|hablar(?:lo)?|"
            r"preguntar(?:lo)?)(?: (?:con|a) (?:su |la |el )?(?:jef[ea]|socio|mujer|marido|pareja|familia|"
            r"director))?|"
            r"decide (?:su|el|la) (?:jef[ea]|socio|mujer|marido|pareja|director)|no decide|(?:must|has to|"
            r"needs to|wants to) (?:ask|consult|check with)(?: (?:his|her|their|the) (?:boss|wife|husband|"
            r"partner|board|team))?|"
            r"(?:not the |no )decision maker|boss decides"
        ),
        Objection.AUTHORITY,
    ),
    (
        _word(r"no lo necesita[n]?|no hace falta|no need|does not need(?: it)?|doesn'?t need(?: it)?"),
        Objection.NEED,
    ),
    (
        _word(
            r"no se fia|desconfia|(?:no|lack of|sin) (?:trust|confianza)|(?:does not|doesn'?t) trust(?: us)?|"
            r"bad reviews?|malas opiniones"
        ),
        Objection.TRUST,
    ),
)
"""What stands against it."""

EMPTY: Final = frozenset(
    re.findall(
        r"\w+",
        "a al con de del e el en ella es esta ha he la las le les lo los me mi nos para pero por porque que se si su "
        "sus tambien un una y ya about an and at be but by for from had has have her him his i in is it my of on or "
        "our she that the their them then they this to us was we will with",
    )
)
"""Words that carry nothing by themselves."""

SPANISH: Final = _word(
    r"llame|llamada|llamar|llamo|visita|visite|reunion|correo|manana|pasado|lunes|martes|miercoles|jueves|"
    r"viernes|sabado|"
    r"domingo|contesta|contesto|interesad[oa]|quiere|oferta|propuesta|presupuesto|precio|caro|objecion|"
    r"hable|hablamos|"
    r"buzon|mensaje|enviar|envie|mande|mandar|volver|nota|cita|equivocado|el|la|los|las|de|con|que|no lo|y|"
    r"dentro de|"
    r"en|comunica|reintentar|nadie|hecha|hecho|semana|mes|ayer|hoy|tarde|hora|horas|minutos|le|un|una|por|"
    r"para"
)
ENGLISH: Final = _word(
    r"call|called|visit|visited|meeting|met|mailed|tomorrow|monday|tuesday|wednesday|thursday|friday|"
    r"saturday|sunday|"
    r"answer|answered|interested|wants|offer|proposal|quote|price|expensive|objection|spoke|talked|"
    r"voicemail|message|"
    r"send|sent|back|again|note|appointment|wrong|number|the|with|and|next|week|month|yesterday|today|"
    r"morning|afternoon|"
    r"hour|hours|minutes|an|for|to|of|in|on|at|she|he|they|left"
)
