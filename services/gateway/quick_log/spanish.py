"""The Spanish of reps, of Spain and Latin America. The notation is explained in `lexicon`."""

from __future__ import annotations

from typing import Any, Final

from services.gateway.quick_log.lexicon import Aspect, Sort, words
from services.gateway.quick_log.model import DayPart, Edge, Unit
from shared.events.followup import ActivityKind as Kind
from shared.events.followup import ActivityResult as Result
from shared.events.followup import Direction, Objection

_NUMBERS = words(
    "uno|un|una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis "
    "diecisiete dieciocho diecinueve veinte veintiuno|veintiun|veintiuna veintidos veintitres veinticuatro "
    "veinticinco veintiseis veintisiete veintiocho veintinueve treinta treinta_y_uno"
)
_WEEKDAYS = words(
    "lunes|lun martes|mart miercoles|mie|mier|mierc jueves|jue|juev viernes|vier|vie|viern "
    "sabado|sab|sabados "
    "domingo|dom|domingos"
)
_MONTHS = words(
    "enero|ene febrero|feb marzo abril|abr mayo junio|jun julio|jul agosto|ago|agto "
    "septiembre|setiembre|sep|sept|set "
    "octubre|oct noviembre|nov diciembre|dic|dbre"
)

TIMES: Final[dict[tuple[Sort, Any], str]] = {
    **{(Sort.NUMBER, number): word for number, word in enumerate(_NUMBERS, 1)},
    (Sort.NUMBER, 40): "cuarenta",
    (Sort.NUMBER, 45): "cuarenta y cinco",
    (Sort.NUMBER, 50): "cincuenta",
    (Sort.NUMBER, 60): "sesenta",
    (Sort.NUMBER, 90): "noventa",
    (Sort.SOME, 2): "un|una|1? par_de|parcito_de",
    (Sort.SOME, 3): "unos|unas|algunos|algunas|pocos|unos_pocos|unos_cuantos",
    **{(Sort.WEEKDAY, number): day for number, day in enumerate(_WEEKDAYS)},
    (Sort.SHORT_TUESDAY, 1): "mar",
    **{(Sort.MONTH, number): month for number, month in enumerate(_MONTHS, 1)},
    (Sort.OFFSET, (0, None)): "hoy|oy; hoy_mismo|hoy_dia; dia de hoy",
    (Sort.OFFSET, (1, None)): "mañana|mñn|mñna|manyana|mañan|mnn; dia de mañana",
    (Sort.OFFSET, (2, None)): "pasado|psdo mañana|mñn|mñna|manyana?; pasadomañana|pmñn",
    (Sort.OFFSET, (-1, None)): "ayer; dia de ayer",
    (Sort.OFFSET, (-2, None)): "anteayer|antier|antes_de_ayer|antesdeayer|antiayer",
    (Sort.OFFSET, (-1, DayPart.NIGHT)): "anoche; ayer noche",
    (Sort.OFFSET, (-2, DayPart.NIGHT)): "anteanoche|antenoche|antes_de_anoche",
    (Sort.OFFSET, (7, None)): "de? hoy en ocho",
    (Sort.OFFSET, (15, None)): "de? hoy en quince",
    (Sort.OFFSET, (8, None)): "de? mañana en ocho",
    (Sort.FIRST, 1): "primero|primer",
    (Sort.FEAST, (1, 6)): "reyes; dia de reyes",
    (Sort.FEAST, (1, 1)): "año nuevo; fin de año",
    (Sort.FEAST, (12, 25)): "navidad|navidades; nochebuena",
    (Sort.FEAST, (0, 0)): "semana_santa|pascua",
    (Sort.FEAST, (12, 8)): "la? inmaculada; puente de diciembre|la_inmaculada|la_constitucion",
    (Sort.FEAST, (10, 12)): "el? pilar",
    (Sort.FEAST, (11, 1)): "todos_los_santos",
    (Sort.UNIT, Unit.MINUTE): "minuto|minutos|minutito|minutitos|min|mins|mn",
    (Sort.UNIT, Unit.HOUR): "hora|horas|horita|horitas|h|hs|hr|hrs",
    (Sort.UNIT, Unit.DAY): "dia|dias; dias naturales",
    (Sort.UNIT, Unit.WORKDAY): "dia|dias laborable|laborables|habil|habiles|laboral|laborales",
    (Sort.UNIT, Unit.WEEK): "semana|semanas|sem|semanita|semanitas",
    (Sort.UNIT, Unit.MONTH): "mes|meses|mesecito|mesecitos",
    (Sort.UNIT, Unit.QUARTER): "trimestre|trimestres",
    (Sort.UNIT, Unit.YEAR): "año|años",
    (Sort.UNIT, Unit.WEEKEND): "finde|fines_de_semana",
    (Sort.WHILE, 1_800): "media hora|horita; 1/2 hora",
    (Sort.WHILE, 900): "cuarto de hora; un cuarto de hora",
    (Sort.WHILE, 2_700): "tres cuartos de hora; 3 cuartos de hora",
    (Sort.WHILE, 5_400): "hora|h|horita y media; una|1 hora|h|horita y media",
    (Sort.WHILE, 4_500): "hora y cuarto; una|1 hora y cuarto",
    (Sort.WHILE, 1_296_000): "quincena; una|1 quincena",
    (Sort.PERIOD, (Unit.WEEKEND, 0, None)): "este? fin_de_semana|finde|fin_de_sem",
    (Sort.PERIOD, (Unit.WEEK, 1, None)): "otra semana; semana proxima|entrante|siguiente; la que viene|entra",
    (Sort.PERIOD, (Unit.MONTH, 1, None)): "mes proximo|entrante|siguiente",
    (Sort.PERIOD, (Unit.MONTH, None, Edge.END)): """
        fin|final|finales|fines de|del mes; cierre de mes; el? ultimo dia de|del mes
    """,
    (Sort.PERIOD, (Unit.WEEK, None, Edge.END)): "final|finales de semana",
    (Sort.PERIOD, (Unit.YEAR, None, Edge.END)): "final|finales|fines de|del año",
    (Sort.PERIOD, (Unit.DAY, 0, None)): """
        mas tarde|tardecito; al_rato|ahorita|ahora_despues; dentro de un rato|ratito; en un rato|ratito;
        luego mas tarde
    """,
    (Sort.PART, DayPart.EARLY): "a? primera|1ª|1a hora; a? primerisima hora; temprano|tempranito",
    (Sort.PART, DayPart.DAWN): "madrugada",
    (Sort.PART, DayPart.LATE_MORNING): "a? media|medias mañana; antes de comer|almorzar",
    (Sort.PART, DayPart.NOON): "mediodia|medio_dia|mediodía",
    (Sort.PART, DayPart.AFTERNOON): """
        tarde|tardes|tardecita; sobremesa; despues de comer|almorzar; a media tarde
    """,
    (Sort.PART, DayPart.CLOSE): """
        a? ultima|ultimisima hora; final|finales del dia; fin del dia; al final del dia; antes de cerrar;
        al cierre
    """,
    (Sort.PART, DayPart.NIGHT): "noche|nochecita; despues de cenar",
    (Sort.PART, DayPart.MIDNIGHT): "medianoche|media_noche",
    (Sort.EDGE, Edge.START): """
        a? primeros|principios|principio|comienzos|comienzo|inicios|inicio|primera_semana|1ª_semana|
        primera_quincena de|del; desde inicios de
    """,
    (Sort.EDGE, Edge.MIDDLE): "a? mediados|mitad|mitades|segunda_quincena de|del",
    (Sort.EDGE, Edge.END): "a? finales|final|fines|fin|ultimos|ultima_semana de|del",
    (Sort.THIS, None): "este|esta|estos|estas",
    (Sort.COMING, None): "proximo|proxima|prox|siguiente|otro|px|pxmo",
    (Sort.COMING, 1): """
        que_viene|q_viene|ke_viene|que_entra|entrante|proximo|proxima|siguiente|prox|que_sigue|q_entra
    """,
    (Sort.FIRST, 2): "segundo",
    (Sort.FIRST, 3): "tercer|tercero",
    (Sort.LAST, None): "ultimo",
    (Sort.PAST, None): "pasado|pasada|anterior; ultimo|ultima",
    (Sort.AT, None): """
        a|sobre|hacia|pa|para|desde|por las|la; a eso de las|la; a partir de las|la; tipo|onda las;
        como|cerca_de|tirando a las|la; alrededor|aproximadamente a|de? las|la; como tipo; @ las|la?;
        a las|la aprox|tipo
    """,
    (Sort.NEAR, None): "tipo|como|sobre|aprox|onda",
    (Sort.IN, None): """
        en|dentro_de|de_aqui_a|de_aca_a|pasadas|pasados|dentro_unos|dntro_de
    """,
    (Sort.MONTHLY, None): """
        en|para|hasta|pa|a_partir_de|desde|durante|en_el_mes_de|antes_de|despues_de|tras
    """,
    (Sort.SINCE, None): "hace",
    (Sort.AGO, None): "atras",
    (Sort.ON, None): "el|la|los|las|dia|para|pa|en|al|a|por|de|del",
    (Sort.FROM, None): "de|desde",
    (Sort.TO, None): "a|hasta",
    (Sort.BETWEEN, None): "entre",
    (Sort.UNTIL, None): "hasta|asta; hasta que pase",
    (Sort.BEFORE, None): "antes_de|antes_del; como muy tarde|tardar",
    (Sort.AFTER, None): """
        despues_de|despues_del|tras|pasado|pasados|pasadas; a la vuelta de; cuando pase|pasen
    """,
    (Sort.FROM, 1): "no? a_partir_de|a_partir_del|desde; no|nunca antes_de|antes_del|hasta",
    (Sort.OF, None): "de|del",
    (Sort.AND, None): "y|e|con",
    (Sort.MINUS, None): "menos",
    (Sort.HALF_PAST, 30): "media|medio|1/2",
    (Sort.HALF_PAST, 15): "cuarto",
    (Sort.OCLOCK, None): "en_punto|horas|h|hs|hr|hrs|clavadas",
    (Sort.COUNTED, None): """
        unidades|uds|ud|u|euros|euro|eur|dolares|usd|pesos|mxn|soles|mil|millones|por_ciento|porciento|
        veces|vez|cada|cajas|piezas|pzas|personas|empleados|metros|kilos|kg|litros|puntos|licencias|
        usuarios|palets|por_unidad|la_unidad|tiendas|locales|años|plazas|copias|equipos|puestos|coches|
        pisos|botellas|socios|dueños|intentos|intento|opciones|hijos|ofertas|presupuestos|llamadas|
        correos|visitas|mensajes|modelos|camiones|k
    """,
    (Sort.NAMING, None): """
        con|don|doña|d|sr|sra|señor|señora|srta|contacto|pregunta_por|preguntar_por|atiende|soy|jefe|jefa|
        hermano|hermana|mujer|marido|hijo|hija|secretaria|de_parte_de|llamado|llamada
    """,
    (Sort.NAMING, 1): "a|para|de",
    (Sort.SUBJECT, None): """
        no|me|nos|quiere|pide|dice|esta|tiene|ha|va|contesta|contesto|llamo|responde|interesado|
        interesada|dijo|le|se|es|prefiere|necesita|y
    """,
}

_MESSAGE = (
    "whatsapp|whatsap|wasap|guasap|wsp|wpp|wa|wassap|mensaje|mensajito|sms|audio|msj|msg|watsapp|telegram"
)
_PAPER = (
    "correo|mail|email|e_mail|correito|oferta|propuesta|presupuesto|ppto|pto|presu|cotizacion|coti|"
    "informacion|info|"
    "catalogo|contrato|factura|tarifa|tarifas|precios|dossier|ficha|documentacion|folleto|proforma|"
    "muestras|pdf|link|"
    "enlace|condiciones|doc|docs|datos|resumen|borrador|listado"
)
_HIM = "me|le|les|la|las|lo|los|se|nos|te"
_AUX = "he|hemos|ha|han|habia|habiamos"
_MUST = "hay_que|tengo_que|tenemos_que|toca|voy_a|vamos_a|debo|quedo_en|quedamos_en|pendiente|pdte|pendiente_de|ire_a|x"
_OTHER = "ella|el|cliente|nos|me|clienta|señor|señora"


def _done(first: str, plural: str, participle: str) -> str:
    """`llamé` with or without its accent, `llamamos`, `he llamado`."""
    return f"{_HIM}? {_HIM}? {first}|{plural}; {_AUX} {participle}; {_HIM}? {_HIM}? {_AUX} {participle}"


TASKS: Final[dict[tuple[Sort, Any], str]] = {
    (Sort.TASK, (Kind.CALL, Aspect.DONE)): f"""
        {_done("llame|yame", "llamamos|marque|marcamos|telefonee", "llamado")}; llamado; llamada hecha;
        llamando; hable por telefono; llamadas? hechas|realizada; le|la|lo timbre
    """,
    (Sort.TASK, (Kind.CALL, Aspect.TO_DO)): f"""
        {_MUST}? llamar~|rellamar~|telefonear~|marcar~;
        {_HIM}? llamo|llamaria|llamare|llamaremos|llamaria|llamaba|llamariamos;
        volver_a|vuelvo_a|volvere_a|volvemos_a {_HIM}? llamar~;
        llamale|llames|llamala|llamalo|llamadle|llamenle|yamar; llamar~ de_vuelta;
        hablar~|hablamos|hablare por telefono; volver_a|volvemos_a|volveremos_a|vuelvo_a|quedamos_en
        hablar~|contactar~; hablaremos; hablar~; contactar~;
        reintentar~|reintento|reintentare|intentar~ de_nuevo|otra_vez?;
        probar~|probare|pruebo|intentar~|intentarlo|intento|intentare de_nuevo|otra_vez|mañana?;
        volver_a|vuelvo_a|volvere_a probar~|intentar~|marcar~;
        que le|la|lo|les|me|nos? llame|llamemos|llamen; dar|dare|doy un toque;
        dar~|darle un|una toque|telefonazo|llamada; pegar~|pegarle un toque; echar~ un telefonazo;
        devolver~ la? llamada; insistir|insisto; marcar~ de_nuevo
    """,
    (Sort.TASK, (Kind.EMAIL, Aspect.DONE)): """
        correo|mail|email|oferta|propuesta|presupuesto|cotizacion|info|informacion|catalogo|contrato|
        factura enviado|enviada|mandado|mandada|entregado|entregada|env|presentada|presentado
    """,
    (Sort.SEND, Aspect.DONE): f"""
        {_done("envie|mande|pase|remiti|reenvie", "enviamos|mandamos|pasamos", "enviado|mandado|pasado")};
        enviado|enviada|mandado|mandada; {_HIM}? deje|dejamos
    """,
    (Sort.SEND, Aspect.TO_DO): f"""
        {_MUST}? enviar~|mandar~|pasar~|preparar~|remitir~|reenviar~|hacer~|hacerle;
        {_HIM}? {_HIM}? envio|mando|paso|enviare|mandare|preparo|enviamos|mandamos|enviaremos|mandaremos;
        manda|envia|mandes|envies|pases|mandale|enviale|mandales|enviales|pasale|preparale;
        que le|les|me|nos? envie|mande|pase|enviemos|mandemos|pasemos|prepare; mandaselo|enviaselo
    """,
    (Sort.TASK, (Kind.MESSAGE, Aspect.DONE)): f"""
        {_done("escribi|wasapee|whatsappee", "escribimos", "escrito")};
        whatsapp|mensaje|sms enviado|mandado
    """,
    (Sort.TASK, (Kind.MESSAGE, Aspect.TO_DO)): f"""
        {_MUST}? escribir~|whatsappear~|wasapear~; {_HIM}? escribo|escribire|escribiremos;
        escribele|escribeles|escribas; que le|les|me? escriba|escribamos
    """,
    (Sort.TASK, (Kind.MEETING, Aspect.DONE)): f"""
        nos? reuni|reunimos|reunido; {_HIM}? conoci|conocimos; me reuni;
        tuve|tuvimos|hemos_tenido reunion|una_reunion|la_reunion; tome|tomamos un? cafe;
        comi|comimos|almorce|almorzamos|cene|cenamos|desayune con; nos vimos;
        estuve|estuvimos con|reunido|reunidos; vi a|al; reunion hecha
    """,
    (Sort.TASK, (Kind.MEETING, Aspect.TO_DO)): f"""
        {_MUST}? reunirnos|reunirme|reunirse; nos vemos|veremos|reunimos_el; quedar; vernos;
        vamos a vernos|comer|reunirnos; comer|almorzar con; tomar un? cafe; comida|almuerzo|cafe con;
        le veo|vere; me reuno|reunire
    """,
    (Sort.TASK, (Kind.VISIT, Aspect.DONE)): f"""
        {_done("visite", "visitamos", "visitado")};
        fui|fuimos|estuve|estuvimos a verlo|verla|verle|verlos|verles|su_tienda|su_oficina|su_local|
        visitarlo|visitarla|visitarle|la_tienda|en_su_casa|en_su_oficina|en_su_tienda|en_la_tienda|
        en_el_local|en_su_local; pase|pasamos por su|la|el tienda|oficina|local|casa;
        visita hecha|realizada; me acerque
    """,
    (Sort.TASK, (Kind.VISIT, Aspect.TO_DO)): f"""
        {_MUST}? visitar~|visito|visitare|visitaremos;
        pasar|paso|pasare|ir|voy|ire|vamos|iremos|volver|vuelvo a verlo|verla|verle|verlos|verles;
        pasar|pasarme|paso|pasare|ir por|a su|la|el tienda|oficina|local|casa|nave;
        acercarme|acercarse|me_acerco
    """,
    (Sort.TASK, (Kind.DEMO, Aspect.DONE)): f"""
        {_HIM}? hice|hicimos|enseñe|di|mostre|presente una|la? demo|demostracion|presentacion;
        {_HIM}? {_AUX} hecho una|la? demo; demo hecha|realizada|dada
    """,
    (Sort.TASK, (Kind.DEMO, Aspect.TO_DO)): f"""
        {_MUST}? hacer~|enseñar~|mostrar~|dar~|agendar~|programar~ una|la? demo|demostracion|
        presentacion; le? enseño la? demo
    """,
    (Sort.TASK, (Kind.NOTE, Aspect.DONE)): "anote|anotado|apuntado",
    (Sort.TASK, (Kind.CALL, Aspect.NAMED)): """
        llamada|llamadita|tel|telefono|llamadas|telefonico|telefonica
    """,
    (Sort.TASK, (Kind.EMAIL, Aspect.NAMED)): "correo|correos|mail|email|e_mail",
    (Sort.TASK, (Kind.MESSAGE, Aspect.NAMED)): _MESSAGE.replace("|wa|", "|"),
    (Sort.TASK, (Kind.MEETING, Aspect.NAMED)): """
        reunion|junta|videollamada|videoconferencia|zoom|teams|meet|videocall
    """,
    (Sort.TASK, (Kind.VISIT, Aspect.NAMED)): "visita|visitas",
    (Sort.TASK, (Kind.DEMO, Aspect.NAMED)): "demo|demostracion|presentacion",
    (Sort.TASK, (Kind.NOTE, Aspect.NAMED)): "nota",
    (Sort.THING, Kind.MESSAGE): _MESSAGE,
    (Sort.THING, Kind.EMAIL): _PAPER,
    (Sort.THING, Kind.DEMO): "demo|demostracion|presentacion",
    (Sort.THING, Kind.MEETING): "reunion|cita|videollamada",
    (Sort.THING, Kind.VISIT): "visita",
    (Sort.INBOUND, Kind.CALL): f"""
        {_OTHER} ha_llamado|llamo|han_llamado|llama|llamaron|llaman; =llamó; =devolvió la_llamada?;
        ha_llamado|han_llamado el|la|un? cliente|clienta?; llamada entrante;
        me|nos devuelve|devolvio la? llamada
    """,
    (Sort.INBOUND, Kind.MESSAGE): f"""
        {_OTHER} ha_escrito|escribio|ha_respondido|respondio|contesto|contesta|escribe|manda|mando|
        ha_mandado por|un|el? whatsapp|wasap|chat|mensaje|wsp|audio;
        respondio|contesto|escribio al|el|por whatsapp|wasap|mensaje|wsp|chat
    """,
    (Sort.INBOUND, Kind.EMAIL): """
        nos|me ha_escrito|escribio|escribe|ha_respondido;
        respondio|contesto|ha_respondido|contesta|responde el|al|por|a_mi correo|mail|email
    """,
    (Sort.INBOUND, Kind.VISIT): """
        vino|vinieron|ha_venido a_la_tienda|a_vernos|a_la_oficina|a_verme|a_tienda|a_la_exposicion?;
        paso|pasaron|=pasó|ha_pasado por la|aqui|el? tienda|oficina|showroom|local?
    """,
    (Sort.WAY, Direction.INBOUND): "entrante",
    (Sort.WAY, Direction.OUTBOUND): "saliente",
    (Sort.RESULT, Result.WRONG_NUMBER): """
        numero|num|tel|telefono|tlf? equivocado|erroneo|incorrecto|malo|que_no_existe|no_existe|
        equivocada; se equivoco de numero; no es su|el|ese numero; no es el; numero de otra persona
    """,
    (Sort.RESULT, Result.VOICEMAIL): f"""
        {_HIM}? dejo|deje|dejado|he_dejado|dejamos un|mensaje|recado? mensaje|recado? en|al? el? buzon|
        contestador; buzon|contestador|buzón de_voz?; salta|salto|salto_el|salta_el contestador|buzon;
        {_HIM}? dejo|deje|dejado|he_dejado|dejamos|dejando un? mensaje|recado; a buzon
    """,
    (Sort.RESULT, Result.NO_ANSWER): f"""
        no|nunca|tampoco {_HIM}? {_HIM}? contesta|contestan|contesto|contestaron|coge|cogen|cogio|
        cogieron|responde|responden|respondio|respondieron|atiende|atienden|atendio|atendieron|descuelga|
        descolgo|ha_contestado|ha_cogido|ha_respondido|ha_atendido|han_contestado|contestaba|cojio|coje|
        agarra|agarro|cuelga el|la|al? telefono|tfno|movil|llamada?;
        no|sin contestar|respuesta|rpta|resp; no contst|cntesta|contsta|ctsta|cont;
        comunica|comunicaba|comunicando; nadie|ocupado|ocupada|apagado|apagada|apagao contesta?;
        telefono|movil|tel|linea? apagado|ocupado|ocupada|apagada|caida; fuera de cobertura;
        no da|daba señal|tono; no vino|aparecio|aparece|se_presento|ha_venido|ha_aparecido|acudio;
        me|nos dio|dieron|ha_dado|deja|dejo|dejaron plantado|planton; ilocalizable;
        no localizado|localizo|lo_localizo|le_localizo; nc|n_c; no esta|estaba; no disponible
    """,
    (
        Sort.RESULT,
        Result.NOT_INTERESTED,
    ): f"ya? no le|les? interesa|interesan; no esta|estan|estaba|es? interesado|"
    "interesada|interesados|interesadas; no lo|la? quiere|quieren nada|seguir|comprar?; "
    "no quiere|quieren|desea|desean "
    f"{_HIM}? que {_HIM}? {_HIM}? llame|llamemos|llamen|llamamos|contacte|contactemos|escriba|molesten|"
    "moleste|moleste_mas mas?; "
    "sin interes; pide|dice|pidio|dijo que no {him} llame|llamemos|llamen|molestemos mas?; "
    "descartado|descarta|"
    "no_encaja; no le|lo|la ve|veo; dice|dijo|contesta|contesto que no".replace("{him}", f"{_HIM}?"),
    (Sort.RESULT, Result.CALL_BACK): f"""
        pide|pidio|dice|dijo|quiere|prefiere|pidiendo|que? que {_HIM}? llame|llamemos|llamen;
        que le|la|lo|les|me|nos llame|llamemos|llamen; no es|era un|el? buen momento;
        no puede|podia hablar|atender|atenderme|atendernos; ahora|hoy no puede|podia;
        esta|estaba reunido|reunida|conduciendo|ocupado|ocupada|liado|liada; me|nos pilla|pillo mal;
        le pille|pillo mal|conduciendo|reunido|liado|ocupado|en_mal_momento; mal momento;
        llamar mas tarde; me|nos llama|llamara|avisa|avisara|dira|dice|devuelve el_mismo|el|la? llamada?
    """,
    (Sort.RESULT, Result.APPOINTMENT): """
        cita cerrada|concertada|confirmada|agendada|hecha|puesta?;
        agendado|agendada|concertada|agendamos|agende; hemos? quedado; quedamos en_vernos|en|para|que?;
        he_quedado; acordamos|acordado|hemos_acordado; reunion cerrada|confirmada|agendada;
        visita cerrada|concertada|confirmada
    """,
    (Sort.RESULT, Result.INTERESTED): """
        muy|bastante|esta|estan|parece|super|sigue? muy|bastante|super? interesado|interesada|interesados|
        interesadas; le|les|si_le interesa|interesan;
        le|les ha_gustado|gusto|gusta|encanto|encanta|encaja;
        quiere|quieren|pide|piden|pidio|necesita|necesitan|solicita|quiso|pidieron|solicito|busca ver|
        recibir|tener|que_le_mande|que_le_envie|una_copia_de|que_le_pase? una|la|el|un|los|las|mas|
        nuestra|nuestros? oferta|propuesta|presupuesto|ppto|pto|demo|demostracion|precio|precios|
        informacion|info|catalogo|cotizacion|coti|tarifas|tarifa|reunion|visita|contrato|muestra|muestras|
        prueba|cita|dossier|ficha|videollamada|proforma;
        quiere|quieren comprar|seguir|avanzar|probar|contratar|firmar|verlo|pedir|renovar;
        fue|ha_ido|va muy? bien|genial; hay interes; tiene|tienen|muestra interes;
        encantado|encantada|encantados; buena|buenas pinta|sensaciones|acogida
    """,
    (Sort.RESULT, Result.OBJECTION): """
        objecion|objeciones de|con|por|a|al|del? el?; se queja|quejo|quejan de|del; pega|pegas
    """,
    (Sort.RESULT, Result.ANSWERED): f"""
        contesta|contesto|respondio|responde|cogio|cojio|atendio|atiende|contestaron|coge|descolgo el|la|
        lo? telefono?; {_HIM}? hable|hablamos|hablado|charle|charlamos|able con?;
        {_HIM}? ha|he|hemos hablado|contestado|cogido|atendido con?; me? colgo; localizado|localizada;
        hablando con; me ha colgado
    """,
    (Sort.RESULT, Result.DONE): "hecho|hecha|listo|lista|ok|realizado|realizada",
    (Sort.OBJECTION, Objection.PRICE): """
        muy|demasiado|le_parece|es|lo_ve|ve|un_poco|algo|bastante|esta? muy|demasiado|algo|un_poco? caro|
        cara|caros|caras; de|del|por|el? el? precio;
        no_tiene|no_tienen|sin|falta|falta_de presupuesto|pasta|plata;
        no tiene|tienen|hay dinero|plata|presu|fondos;
        pide|quiere|piden|quieren un|el|una? descuento|dto|rebaja; se sale|va de presupuesto|precio;
        fuera de presupuesto; mas barato
    """,
    (Sort.OBJECTION, Objection.TIMING): """
        mas adelante; no es el|buen momento; ahora|de_momento|por_ahora|ahorita no; mal momento;
        sin prisa; no corre prisa; no tiene|tienen prisa; este año no
    """,
    (Sort.OBJECTION, Objection.COMPETITOR): """
        la? competencia; ya tiene|tienen|trabaja_con|trabajan_con|usa|usan proveedor|uno|otro|otra|
        a_otro; con otro|otra proveedor|empresa?; otra|mejor empresa|oferta;
        ya? lo? compro|ha_comprado|compraron|han_comprado|contrato|ha_contratado en|con|a|otro otro|otra
        sitio|tienda|lado|empresa|proveedor?; se fue|van|ha_ido|han_ido|fueron con|a otro|otra|
        la_competencia
    """,
    (Sort.OBJECTION, Objection.AUTHORITY): """
        tiene_que|debe|quiere|lo_tiene_que|ha_de|tienen_que|necesita|va_a|deben consultar|consultarlo|
        hablar|hablarlo|preguntar|preguntarlo|comentarlo|verlo con|a su|la|el|sus? jefe|jefa|socio|mujer|
        marido|pareja|familia|director|gerente|direccion|jefes|socia|socios|equipo;
        lo? decide|deciden su|el|la|los? jefe|jefa|socio|mujer|marido|pareja|director|gerente|direccion;
        no decide; no es quien decide; lo consulta|consultara con? su|el? jefe|socio|marido|mujer?
    """,
    (Sort.OBJECTION, Objection.NEED): """
        no lo|la|les|le? necesita|necesitan; no hace|le_hace falta; ya no hace_falta
    """,
    (Sort.OBJECTION, Objection.TRUST): """
        no se|me|nos? fia|fian|convence; desconfia|desconfian; no|sin|falta_de confianza;
        malas opiniones|referencias|reseñas; no lo ve claro
    """,
    (Sort.TALKED, None): """
        hable|hablamos|hablado|charlamos|charle|buzon|comunica|comunicaba|coge|cogio|colgo|apagado|
        atiende|atendio|contesta|contesto; numero equivocado
    """,
    (Sort.AGAIN, None): """
        volver|vuelvo|volvere|volvemos|volveremos|otra_vez|de_nuevo|nuevamente|reprogramar~|reagendar~|
        mover~|aplazar~|posponer~|retrasar~|cambiar~|pasar~_a|pasarla_a|insistir|retomar~|retomamos|
        seguimiento|recordar~
    """,
    (Sort.NOT, None): "no|nunca|tampoco|ni|jamas",
    (Sort.WILL, None): """
        que|quiere|quieren|pide|piden|mejor|prefiere|prefieren|puede|pueden|puedo|podemos|podra|propone|proponen|vuelve|vuelven|necesita|para|
        hay_que|tengo_que|proxima|dice_que|libre|disponible|firma|firman|firmara|decide|deciden|decidira|
        confirma|confirmara|confirmar|esperar|estara|sera|podria|quedar|quedamos|acordamos|cita|entrega|
        empieza|empiezan|avisara|avisa|viene|vienen|vendra|pasara|regresa|regresan|recordar|intentar|
        revisar|cerrar|firmar|preguntar|seguimiento|retomar|llama|llamara|manda|mandara|envia|enviara|
        nos_dice|que_le|que_la|ire|pendiente|queda|cierra|manden|llamen|le_viene_bien|le_va_bien|ok_para|
        toca|pago|pagara|paga|llega|sale|tiene|a_ver|recoge|recogera|decirme
    """,
    (Sort.WAS, None): """
        dijo|contesto|contestaron|cogio|respondio|atendio|pidio|quiso|vino|vinieron|estaba|tuve|tuvimos|
        paso|fue|fui|fuimos|colgo|queria|=llamó|=escribió|=pidió|=firmó|=compró|=pagó|compro|hubo|era|
        hizo|hice|recibio|recibi|ha|he|han|hemos|gusto|hable|hablamos|deje|estuve|conoci|aparecio|
        se_presento|pude|pudo|ya|firmo|llegaron|intente|pregunto|pregunte|nos_vimos|planton|compraron|
        pague|quedo
    """,
    (Sort.CLAUSE, None): "pero|luego|entonces|asi_que|y|aunque|porque|pq|despues",
    (Sort.EMPTY, None): """
        a|al|ante|asi|bueno|como|con|cuando|cual|de|del|desde|e|el|ella|ellos|en|es|esta|este|esto|estoy|
        favor|fue|ha|han|hasta|hay|he|la|las|le|les|lo|los|me|mi|mis|muy|nos|o|para|pero|por|porque|pues|
        q|que|qué|se|señor|señora|ser|si|sin|sobre|sr|sra|su|sus|tambien|te|tu|u|un|una|uno|unos|unas|y|
        ya|x|xq|entonces|eso|hora|dia|vez|luego|despues|aunque|mas|mejor|sea|estar|tiene|pa|otra|otro|ahi
    """,
}

NOTE: Final = ("nota", "ojo", "nb")
"""Before a colon: a line that only keeps a thought."""
AHEAD: Final = ("aré", "eré", "iré", "ará", "erá", "irá", "arán", "erán", "irán", "remos")
SURELY_BEHIND: Final = ("ó",)
BEHIND: Final = ("é", "í", "aron", "ieron", "aste", "iste", "ábamos", "íamos")
"""How a verb ends whose time lies ahead or behind, where it is no word of this file."""
