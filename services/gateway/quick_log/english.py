"""The English of reps, of Britain and America. The notation is explained in `lexicon`."""

from __future__ import annotations

from typing import Any, Final

from services.gateway.quick_log.lexicon import Aspect, Sort, words
from services.gateway.quick_log.model import DayPart, Edge, Unit
from shared.events.followup import ActivityKind as Kind
from shared.events.followup import ActivityResult as Result
from shared.events.followup import Direction, Objection

_NUMBERS = words(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen "
    "eighteen nineteen twenty|twentieth twenty_one twenty_two twenty_three twenty_four twenty_five "
    "twenty_six "
    "twenty_seven twenty_eight twenty_nine thirty|thirtieth thirty_one|thirty_first"
)
_ORDINALS = words(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth"
)
_WEEKDAYS = words(
    "monday|mon|mondays tuesday|tue|tues|tuesdays wednesday|wed|weds|wednesdays|wensday|wendsday|wednsday "
    "thursday|thu|thur|thurs|thursdays friday|fri|fridays saturday|sat|saturdays sunday|sun|sundays"
)
_MONTHS = words(
    "january|jan february|feb march|mar april|apr may june|jun july|jul august|aug september|sep|sept "
    "october|oct "
    "november|nov december|dec"
)

TIMES: Final[dict[tuple[Sort, Any], str]] = {
    **{(Sort.NUMBER, number): word for number, word in enumerate(_NUMBERS, 1)},
    (Sort.NUMBER, 40): "forty",
    (Sort.NUMBER, 45): "forty_five",
    (Sort.NUMBER, 50): "fifty",
    (Sort.NUMBER, 60): "sixty",
    (Sort.NUMBER, 90): "ninety",
    (Sort.SOME, 1): "a|an",
    (Sort.SOME, 2): "a|the? couple of?",
    (Sort.SOME, 3): "a? few; several",
    **{(Sort.FIRST, number): word for number, word in enumerate(_ORDINALS, 1)},
    **{(Sort.WEEKDAY, number): day for number, day in enumerate(_WEEKDAYS)},
    **{(Sort.MONTH, number): month for number, month in enumerate(_MONTHS, 1)},
    (Sort.OFFSET, (0, None)): "today|2day|tday",
    (Sort.OFFSET, (0, DayPart.EVENING)): "tonight|tonite|2nite",
    (Sort.OFFSET, (1, None)): """
        tomorrow|tomorow|tommorow|tommorrow|tmrw|tmr|tmw|tmrrw|tomo|2moro|2morrow|2mrw|tomoro|tmo
    """,
    (Sort.OFFSET, (2, None)): "the? day|morning|afternoon after tomorrow|tmrw",
    (Sort.OFFSET, (8, None)): "tomorrow week; a week tomorrow",
    (Sort.OFFSET, (7, None)): "today week; a week today|from_today|from_now",
    (Sort.OFFSET, (-1, None)): "yesterday|yest|yday|ystrdy",
    (Sort.OFFSET, (-2, None)): "the? day before yesterday",
    (Sort.OFFSET, (-1, DayPart.NIGHT)): "last night|evening",
    (Sort.FEAST, (12, 25)): "christmas|xmas",
    (Sort.FEAST, (1, 1)): "new_year|new_years|new_year's|the_new_year",
    (Sort.FEAST, (0, 1)): "easter",
    (Sort.FEAST, (7, 4)): "the? 4th_of_july|fourth_of_july|july_4th",
    (Sort.FEAST, (11, -4)): "thanksgiving",
    (Sort.QUARTER, None): "q",
    (Sort.UNIT, Unit.MINUTE): "minute|minutes|min|mins|m",
    (Sort.UNIT, Unit.HOUR): "hour|hours|hr|hrs|h",
    (Sort.UNIT, Unit.DAY): "day|days",
    (Sort.UNIT, Unit.WORKDAY): "business|working|work day|days; workdays|workday",
    (Sort.UNIT, Unit.WEEK): "week|weeks|wk|wks",
    (Sort.UNIT, Unit.WEEKEND): "weekend|weekends|wkend",
    (Sort.UNIT, Unit.MONTH): "month|months|mth|mths",
    (Sort.UNIT, Unit.QUARTER): "quarter|quarters",
    (Sort.UNIT, Unit.YEAR): "year|years|yr|yrs",
    (Sort.WHILE, 3_600): "the hour",
    (Sort.WHILE, 1_800): "half an|1? hour|hr; a half hour",
    (Sort.WHILE, 900): "a|an? quarter of_an? hour",
    (Sort.WHILE, 2_700): "three quarters of an hour",
    (Sort.WHILE, 5_400): "an|one|1? hour|hr and a half; one and a half hours|hour; hour and half",
    (Sort.WHILE, 1_209_600): "a|one? fortnight",
    (Sort.WHILE, 2_419_200): "two|2 fortnights",
    (Sort.PERIOD, (Unit.WEEKEND, 0, None)): "the|this|on|at? the|this? weekend|wkend",
    (Sort.PERIOD, (Unit.WEEK, 2, None)): "the? week after next",
    (Sort.PERIOD, (Unit.MONTH, 2, None)): "the? month after next",
    (Sort.PERIOD, (Unit.MONTH, None, Edge.END)): "eom; end|close of the? month|mth; month end",
    (Sort.PERIOD, (Unit.WEEK, None, Edge.END)): "eow; end|close of the? week|wk; later this week",
    (Sort.PERIOD, (Unit.MONTH, 0, Edge.END)): "later this month; end of this month",
    (Sort.PERIOD, (Unit.QUARTER, None, Edge.END)): "eoq; end|close of the|this? quarter",
    (Sort.PERIOD, (Unit.YEAR, None, Edge.END)): "eoy; end of the|this? year; year end; later this year",
    (Sort.PERIOD, (Unit.DAY, 0, None)): "later today|on?; a bit later; in_a_bit|in_a_while; asap",
    (Sort.PART, DayPart.EARLY): """
        first thing|first_thing_in_the_morning|thing_in_the_am; early morning; bright and early
    """,
    (Sort.PART, DayPart.MORNING): "morning|mornings|am",
    (Sort.PART, DayPart.LATE_MORNING): "mid|late morning; before lunch; midmorning",
    (Sort.PART, DayPart.NOON): "noon|midday|noontime",
    (Sort.PART, DayPart.LUNCH): "lunch|lunchtime; lunch time; after lunch; early afternoon",
    (Sort.PART, DayPart.AFTERNOON): "afternoon|afternoons|arvo|aft|pm; mid afternoon; midafternoon",
    (Sort.PART, DayPart.LATE_AFTERNOON): "late afternoon; tea time|teatime",
    (Sort.PART, DayPart.CLOSE): """
        eod|cob; end of the|play|business|today|my? day?; close of business|play; end of day; last thing;
        after work
    """,
    (Sort.PART, DayPart.EVENING): "evening|evenings|eve; after dinner",
    (Sort.PART, DayPart.NIGHT): "night|nite",
    (Sort.PART, DayPart.MIDNIGHT): "midnight",
    (Sort.EDGE, Edge.START): """
        beginning|start|early|first_week|1st_week of|in|next?; early|beginning of; at? the beginning|start of
    """,
    (Sort.EDGE, Edge.MIDDLE): "mid|middle of|next?; the? middle of",
    (Sort.EDGE, Edge.END): "end|late|last_week of|in|next?; at? the end of",
    (Sort.THIS, None): "this|this_coming",
    (Sort.NEXT, None): "next|nxt",
    (Sort.COMING, None): "coming|following",
    (Sort.LAST, None): "last|this_past|past",
    (Sort.AT, None): "at|@; at? about|around|approx|circa|roughly|say",
    (Sort.NEAR, None): "around|about|approx|circa|say|roughly",
    (Sort.IN, None): "in|within|in_about|in_another|in_the_next|give_it|give_him|give_her|give_them",
    (Sort.MONTHLY, None): """
        in|until|till|til|by|during|from|since|before|after|this|sometime_in|for|around
    """,
    (Sort.AGO, None): "ago|back",
    (Sort.HENCE, None): "from now|today; later; time",
    (Sort.ON, None): "on|the|for|in|by|of|to|during|come|sometime|every|until_the|at",
    (Sort.FROM, None): "from",
    (Sort.TO, None): "to|till|until|til|and|or",
    (Sort.BETWEEN, None): "between|btw|betw|btwn",
    (Sort.UNTIL, None): "until|till|til|untill; through|thru",
    (Sort.BEFORE, None): "before|b4|no_later_than",
    (Sort.AFTER, None): "after|past",
    (Sort.FROM, 1): "not before|until; from|starting|as_of|as_from|since",
    (Sort.OF, None): "of|the|in",
    (Sort.AND, None): "and|oh",
    (Sort.HALF_TO, 30): "half past; half",
    (Sort.HALF_TO, 15): "a? quarter past|after",
    (Sort.HALF_TO, -15): "a? quarter to|till|before|of",
    (Sort.HALF_TO, 10): "ten|10 past",
    (Sort.HALF_TO, -10): "ten|10 to|till",
    (Sort.HALF_TO, 20): "twenty|20 past",
    (Sort.HALF_TO, -20): "twenty|20 to|till",
    (Sort.HALF_TO, 5): "five|5 past",
    (Sort.HALF_TO, -5): "five|5 to|till",
    (Sort.OCLOCK, None): "o'clock|oclock|sharp|h|hrs|hours|ish",
    (Sort.COUNTED, None): """
        units|unit|euros|euro|eur|dollars|usd|gbp|pounds|quid|bucks|k|grand|percent|pct|each|per|apiece|
        times|people|users|seats|boxes|pieces|pcs|licenses|licences|owners|stores|shops|employees|staff|
        copies|pallets|items|attempts|options|kids|cars|vans|trucks|sites|offices|thousand|million|m2|x|
        models|quotes|offers|calls|emails|samples|partners|decision|managers|bottles|percent_off|off|
        dollar|days|years|contacts|orders|phones|laptops|chairs|machines
    """,
    (Sort.NAMING, None): """
        with|met|mr|mrs|ms|dr|spoke_to|talked_to|speak_to|talk_to|contact|ask_for|asked_for|reached|miss|
        contact_is|boss|wife|husband|partner|assistant|manager|named|called_by|and_met|saw
    """,
    (Sort.NAMING, 1): "to|from|by|emailed|texted|called|visited|email|text|call|ring|phoned|rang",
    (Sort.SUBJECT, None): """
        is|was|wants|has|said|says|didn't|doesn't|called|asked|will|needs|didnt|doesnt|didn|answered|
        replied|likes|liked|not|and|would|thinks|told|picked|asks|wanted|hung|isn't
    """,
}

_HER = "him|her|them|me|us|it|you"
_WILL = (
    "will|to|i'll|we'll|i'd|we'd|gonna|going_to|must|should|need_to|needs_to|have_to|let's|lets|can|would|ill|shall|"
    "please|pls"
)
_A = "a|an|the|our|my|his|her|their|another"
_SHE = "she|he|they|customer|client|prospect|lead"

TASKS: Final[dict[tuple[Sort, Any], str]] = {
    (Sort.TASK, (Kind.CALL, Aspect.DONE)): f"""
        called|rang|phoned|dialed|dialled|calld {_HER}?;
        called|rang|phoned {_HER} back;
        gave|given {_HER} a call|ring|buzz;
        tried|trying calling|to_call|ringing|phoning; tried him|her|them; have|has|i've|ive called;
        calling|ringing
    """,
    (Sort.TASK, (Kind.CALL, Aspect.TO_DO)): f"""
        {_WILL} call|ring|phone|dial {_HER}? back|again?;
        call|ring|phone|calling|ringing {_HER} back|again?;
        call|ring|phone|calling|ringing back|again {_HER}?; follow_up call; followup call;
        {_WILL}? try|trying|retry {_HER}? again?; let's|lets|to|will talk|speak|chat;
        {_WILL}? give|giving {_HER}? a call|ring|buzz|shout; speak|talk again|then; ringback; callback;
        call back him|her|them; to be called; redial; reach out; {_WILL} follow_up|followup;
        follow_up|followup with_him|with_her|with_them; {_WILL} reach_out|contact|chase; chase;
        {_WILL} check_in; touch base; catch up; check back|in; circle back
    """,
    (Sort.TASK, (Kind.EMAIL, Aspect.DONE)): f"""
        emailed|mailed|e_mailed {_HER}?; email|offer|proposal|quote|contract|info|brochure|invoice sent|
        mailed|emailed
    """,
    (Sort.SEND, Aspect.DONE): f"sent|wrote|forwarded|shared|submitted {_HER}? over|out?",
    (Sort.SEND, Aspect.TO_DO): f"""
        {_WILL}? send|sending|resend|forward|prepare|share|write|shoot|submit|get|give|drop|ping|snd
        {_HER} over|out?; {_WILL}? send|sending|resend|forward|prepare|share|shoot|submit|snd|draft over|
        out?
    """,
    (Sort.TASK, (Kind.EMAIL, Aspect.TO_DO)): f"""
        {_WILL} email|mail|e_mail {_HER}?; email|mail|emailing|e_mail {_HER}; send|sending email|mail
    """,
    (Sort.TASK, (Kind.MESSAGE, Aspect.DONE)): f"""
        texted|messaged|whatsapped|dm'd|txted|pinged|msgd {_HER}?; wrote to? {_HER}?;
        text|message|whatsapp sent
    """,
    (Sort.TASK, (Kind.MESSAGE, Aspect.TO_DO)): f"""
        {_WILL} text|message|write|whatsapp|txt|dm|ping|msg to? {_HER}?;
        text|message|write|whatsapp|txt|msg|ping to? {_HER}; texting
    """,
    (Sort.TASK, (Kind.MEETING, Aspect.DONE)): """
        met with|up_with?; had a|an meeting|coffee|lunch|breakfast|dinner|zoom with?;
        had coffee|lunch|breakfast|dinner with?; sat down with; saw her|him|them; zoomed|skyped with?
    """,
    (Sort.TASK, (Kind.MEETING, Aspect.TO_DO)): f"""
        {_WILL} meet|see up? {_HER}?; meet|meeting {_HER}; meet|see up? with? again?; meeting up with;
        grab|have|get coffee|lunch|dinner|breakfast; have a coffee
    """,
    (Sort.TASK, (Kind.VISIT, Aspect.DONE)): """
        visited; went to_see|by|over_to|round_to|to; stopped|dropped|swung by|in_on; popped in|round
    """,
    (Sort.TASK, (Kind.VISIT, Aspect.TO_DO)): f"""
        {_WILL}? visit|drop_by|stop_by|swing_by|pop_in|drop_in|pop_round {_HER}?; go and? see {_HER}?;
        come by|over; site visit
    """,
    (Sort.TASK, (Kind.DEMO, Aspect.DONE)): f"""
        gave|showed|did|ran|presented {_HER}? {_A}? demo|presentation; demoed;
        demo|presentation done|given
    """,
    (Sort.TASK, (Kind.DEMO, Aspect.TO_DO)): f"""
        {_WILL}? show|give|do|run|book|schedule|present|arrange|set_up {_HER}? {_A}? demo|presentation;
        {_WILL} demo; demo for
    """,
    (Sort.TASK, (Kind.NOTE, Aspect.DONE)): "noted",
    (Sort.TASK, (Kind.CALL, Aspect.NAMED)): "call|phone|telephone|calls|ring call?; cold call",
    (Sort.TASK, (Kind.EMAIL, Aspect.NAMED)): "email|emails|mail|e_mail",
    (Sort.TASK, (Kind.MESSAGE, Aspect.NAMED)): "whatsapp|message|text|sms|chat|txt|dm|msg|linkedin",
    (Sort.TASK, (Kind.MEETING, Aspect.NAMED)): """
        meeting|meet|zoom|teams|video_call|videocall|coffee|lunch|mtg|call_in_person
    """,
    (Sort.TASK, (Kind.VISIT, Aspect.NAMED)): "visit|visits",
    (Sort.TASK, (Kind.DEMO, Aspect.NAMED)): "demo|demonstration|presentation",
    (Sort.TASK, (Kind.NOTE, Aspect.NAMED)): "note",
    (Sort.THING, Kind.MESSAGE): "whatsapp|message|text|sms|txt|msg|dm",
    (Sort.THING, Kind.EMAIL): """
        email|mail|offer|proposal|quote|quotation|brochure|info|information|contract|details|price|prices|
        pricing|invoice|catalog|catalogue|specs|samples|deck|link|docs|documents|paperwork|agreement|
        estimate|nda|datasheet|recap|references
    """,
    (Sort.THING, Kind.DEMO): "demo|demonstration|presentation",
    (Sort.THING, Kind.MEETING): "meeting|appointment",
    (Sort.THING, Kind.VISIT): "visit|site_visit",
    (Sort.INBOUND, Kind.CALL): f"""
        {_SHE} called|rang|phoned us|me|back? back?; called|rang|phoned me|us back?;
        inbound|incoming call; got|had a call from; returned my|our|the call; called|rang|phoned back
    """,
    (Sort.INBOUND, Kind.MESSAGE): f"""
        {_SHE} texted|messaged|whatsapped us|me|back?; texted|messaged me|us back?; texted|messaged back
    """,
    (Sort.INBOUND, Kind.EMAIL): f"""
        {_SHE} emailed|wrote|replied|responded us|me|back?; wrote|emailed to? me|us back?; replied;
        wrote back; replied by|to|via my? email
    """,
    (Sort.INBOUND, Kind.VISIT): f"""
        {_SHE}? came|dropped|walked|stopped|popped by|in the|our? shop|store|office|showroom?;
        came to the|our shop|store|office|showroom
    """,
    (Sort.WAY, Direction.INBOUND): "inbound|incoming",
    (Sort.WAY, Direction.OUTBOUND): "outbound|outgoing",
    (Sort.RESULT, Result.WRONG_NUMBER): """
        wrong|bad|invalid|incorrect number|person|nr|no|num|#;
        number|line? does_not|doesn't|doesnt exist|work; not|number_not in service;
        number|line disconnected; disconnected
    """,
    (Sort.RESULT, Result.VOICEMAIL): f"""
        left|leaving|got|straight_to|went_to|to|hit {_A}|his? voicemail|vm|vmail|voice_mail|answerphone|
        answering_machine|v_m; voicemail|vm|voice_mail|vmail|answerphone|answering_machine|v/m|lvm;
        left|leaving {_A}|me? message|msg
    """,
    (Sort.RESULT, Result.NO_ANSWER): """
        no|without answer|reply|response|ans|pickup|pick_up|one_there|luck|joy|show|shows; n a; na;
        did|does|was|is? not|never answer|answering|pick_up|picking_up|reply|respond|there|reachable|in|
        around|available|show|turn_up|answered|replied;
        didn't|doesn't|wasn't|isn't|not|didnt|doesnt|isnt|wasnt|won't answer|pick_up|reply|respond|there|
        reachable|in|around|available|show|turn_up|answering; unreachable;
        line|phone? is|was? busy|engaged|off; rang|ringing|rings out;
        couldn't|could_not|cant|can't get_through|reach|get_hold_of|get_a_hold_of him|her|them?;
        switched off; unavailable; noshow; stood me up; nobody|no_one there|home|picked_up|answered?;
        keeps ringing; gone|went cold|quiet|dark; phone off; out of_the? office
    """,
    (Sort.RESULT, Result.NOT_INTERESTED): """
        is|are|was|still? not|no_longer|never interested|keen; isn't|aren't|wasn't interested|keen;
        no interest; doesn't|does_not|don't|do_not|doesnt|didn't want it|to|any|anything?;
        not for him|her|them; uninterested; doesn't|does_not|don't|didn't want us|me? to call|be_called|
        be_contacted|us_to_call|me_to_call|a_call; not a fit; do not contact; said no;
        passed on it|us|this; lost interest; not going_ahead|moving_forward|proceeding|buying
    """,
    (Sort.RESULT, Result.CALL_BACK): f"""
        asks|asked|wants|wanted|said|says|told|requested|requests|prefers {_HER}? to_call_back|
        a_call_back|a_callback|to_be_called|a_call|me_to_call|us_to_call|to_call|call_back|to_call_again|
        me_to_ring|to_ring|to_try_again|to_ring_back|call_her_back|call_him_back later|again?;
        not|wasn't|isn't|bad a? good? time|moment; asked|wants|asks me|us to call|ring|phone back|again?;
        in a|another meeting; can't|cannot|couldn't|could_not talk|speak; driving; was|is busy; too busy;
        busy now|right_now|today|at_the_moment; call me back
    """,
    (Sort.RESULT, Result.APPOINTMENT): """
        appointment|appt set|made|booked|confirmed|scheduled?; booked|scheduled in?;
        agreed|agree to|on a? meet|meeting|visit|demo|call; confirmed;
        meeting|visit|demo|call set|booked|confirmed|scheduled;
        set|booked|scheduled up? a|an|the|for meeting|visit|demo|call|appointment|appt?;
        penciled|pencilled in; arranged to? meet?; meeting on|for
    """,
    (Sort.RESULT, Result.INTERESTED): f"""
        is|are|was|very|really|quite|super|so|seems|still|definitely? very|really|super? interested|keen;
        wants|want|asked_for|asks_for|needs|need|wanted|requested|requests|would_like|asking_for|
        wants_to_see|wants_to_have|interested_in|likes|loves|loved {_A}|more|some|to_see_a|to_see_the|
        to_see_our? offer|proposal|quote|demo|price|prices|pricing|info|information|brochure|contract|
        samples|sample|meeting|trial|visit|details|quotation|catalogue|catalog|presentation|estimate|
        references|product; wants|wanted|ready|going|keen|happy to? buy|proceed|sign|go_ahead|
        move_forward|go_on|renew|order|see_it|try_it;
        likes|liked|loves|loved it|this|the_product|the_demo|the_offer|us?;
        went|going very|really? well|great|good|fine;
        sounds|sounded good|interested|keen|positive|promising;
        good|great meeting|call|chat|fit|feedback; positive
    """,
    (Sort.RESULT, Result.OBJECTION): """
        objection|objections|objects|objected|pushback|pushed_back|concerned|concerns|worried on|about|to|
        with?; complains|complained about|of
    """,
    (Sort.RESULT, Result.ANSWERED): """
        answered; picked|picks up; hung|hangs up on_me?; spoke|spoken with|to?; talked|talking with|to?;
        reached; had a? good|quick|short|nice|long? chat|talk|conversation with?;
        got|get through|hold_of; chatted with|to?
    """,
    (Sort.RESULT, Result.DONE): "done|ok|completed",
    (Sort.OBJECTION, Objection.PRICE): """
        is|was|a_bit|way? too|very|a_bit|bit|rather|quite|so? expensive|pricey|dear|costly;
        too much|high money?; price|pricing too_high|too_steep?; the price|cost; cost|costs;
        no|out_of|over|not_in|without|lacks? budget|money; budget is? frozen|cut|gone|tight;
        wants|want|asked_for|asks_for|needs a? better|lower|cheaper|bigger? price|discount; cheaper;
        can't|cannot afford it?
    """,
    (Sort.OBJECTION, Objection.TIMING): """
        not now|yet|right_now|ready|this_year; later|next this? year; bad|poor|wrong time|timing;
        not the? right time; timing; too early|soon; not a priority
    """,
    (Sort.OBJECTION, Objection.COMPETITOR): """
        a|the? competitor|competitors|competition;
        already? has|have|using|uses|with|got a|an|another|someone? supplier|provider|vendor|one|else;
        other|another|better|cheaper offer|supplier|provider|vendor;
        bought it? from a|the? competitor|competition|somebody_else|someone_else;
        went|gone|going|signed with|elsewhere a|the|another? competitor|competition|somebody_else|
        someone_else|supplier|vendor?; happy with current|their_current|his_current|her_current|
        what_they_have supplier|provider?
    """,
    (Sort.OBJECTION, Objection.AUTHORITY): """
        must|has_to|needs_to|wants_to|need_to|have_to|got_to|will|going_to ask|consult|check_with|talk_to|
        speak_to|run_it_by|discuss_with|check|discuss_it_with|speak_with|talk_with his|her|their|the boss|
        wife|husband|partner|board|team|manager|partners|director|ceo|boss_first?;
        not|no the|a? decision maker; boss|wife|husband|board|partner|manager decides|decide;
        needs|need approval|sign_off
    """,
    (Sort.OBJECTION, Objection.NEED): """
        no|don't_see_a|doesn't_see_a need; does_not|doesn't|don't|do_not|doesnt|dont need it|this|any|us?
    """,
    (Sort.OBJECTION, Objection.TRUST): """
        no|lack_of|without trust|confidence; does_not|doesn't|don't|doesnt trust us|it?;
        bad review|reviews; sceptical|skeptical
    """,
    (Sort.TALKED, None): """
        spoke|talked|chat|chatted|voicemail|vm|vmail|answerphone|hung|lvm; wrong number;
        line busy|is_busy|engaged; pickup; pick up|picked_up; switched off; picked up
    """,
    (Sort.AGAIN, None): """
        again|reschedule|rescheduled|rebook|postpone|postponed|move_it|push|pushed; go|come back; back;
        followup; follow up; move to; rearrange; resume; remind|reminder
    """,
    (Sort.NOT, None): """
        not|no|don't|never|won't|can't|cannot|dont|wont|cant|doesn't|didn't|isn't|doesnt|didnt|nor|
        couldn't|shouldn't
    """,
    (Sort.WILL, None): """
        that|wants|want|will|would|i'll|we'll|he'll|she'll|they'll|better|prefers|prefer|can|could|free|
        available|needs|asks|decides|decide|decision|back|returns|return|to|let's|lets|by|due|follow|
        remind|reminder|meeting_on|appointment|appt|booked|scheduled|agreed|confirmed|confirm|should|
        starts|start|begins|delivery|sign|signing|signs|is|are|check|revisit|review|retry|reschedule|move|
        push|moved|pushed|rescheduled|postponed|postpone|rebook|resume|expects|expecting|plans|planning|
        going|has_to|have_to|must|gets|maybe|closes|close|pencilled|penciled|waiting|ping|chase|next_step|
        deadline|comes|coming|pays|pay
    """,
    (Sort.WAS, None): """
        said|told|asked|answered|replied|came|was|were|had|got|went|spoke|spoken|talked|left|didn't|did|
        reached|picked|hung|bought|signed|wanted|promised|chatted|gave|tried|rang|dropped|walked|stopped|
        popped|complained|stood|received|requested|made|missed|noted|paid|ordered|renewed|liked|loved|
        cancelled|canceled|didnt|happened|held|took|ran
    """,
    (Sort.CLAUSE, None): "and|then|but|so|because|however|also|plus",
    (Sort.EMPTY, None): """
        a|about|am|an|and|any|as|at|be|been|but|by|for|from|had|has|have|her|his|him|i|i'm|i'll|i'd|im|in|
        is|it|it's|its|if|let's|lets|me|my|of|on|or|our|out|over|please|pls|she|she's|he|he's|so|some|
        that|the|their|them|then|there|they|they're|this|to|up|us|was|we|we'll|will|with|would|just|when|
        who|you|your|also|o'clock|time|do|did|does|are|were
    """,
}

NOTE: Final = ("note", "fyi", "nb")
"""Before a colon: a line that only keeps a thought."""
AHEAD: Final[tuple[str, ...]] = ()
BEHIND: Final = ("ed",)
"""How a verb ends whose time lies ahead or behind, where it is no word of this file."""
