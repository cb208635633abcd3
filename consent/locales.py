"""Which words mean what, in which language, and who says so? A table; consent/keywords.py gives it effect.

Every word is written as `normalise` leaves it: small letters, no accents, no punctuation ("don't" is "dont"). A pack
named after its language alone has words that a regulator, a carrier or a provider documents; "-unsourced" packs have
words that we believe in but found no authority for, and are off unless an operator names them.

Sources, cited below by their short names:

    FCC        https://www.govinfo.gov/content/pkg/FR-2024-03-05/html/2024-04587.htm   47 CFR 64.1200(a)(10)
    CWTA       https://support.infobip.com/docs/essentials/usa-and-canada-compliance/canadian-mandatory-keyword-responses
    Twilio     https://support.twilio.com/hc/en-us/articles/223134027-Twilio-Support-for-Opt-out-Keywords-SMS-STOP-Filtering
    Proxy      https://www.twilio.com/docs/proxy/opt-out-keywords
    Telnyx     https://developers.telnyx.com/docs/messaging/messages/advanced-opt-in-out/index
    Plivo      https://www.plivo.com/docs/sms/concepts/dnd-service/
    AWS        https://docs.aws.amazon.com/sms-voice/latest/userguide/keywords-required.html
    Ring       https://developers.ringcentral.com/guide/messaging/sms/high-volume/opt-out
    Adobe      https://experienceleague.adobe.com/en/docs/journey-optimizer/using/sms/sms-opt-out
    Sinch      https://developers.sinch.com/docs/conversation/consent-management/
    Brevo      https://help.brevo.com/hc/de/articles/115001945670-Eine-Abmeldeoption-in-Ihre-SMS-integrieren
    Textizen   https://support.textizen.com/article/92-reserved-keywords
    Spoke      https://github.com/ProgressiveCoders/Spoke/issues/2184   https://github.com/politics-rewired/Spoke
"""

from collections.abc import Mapping
from dataclasses import dataclass

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    opt_out: Words = ()
    """The whole message, nothing else."""
    opt_out_all: Words = ()
    """The same, and it means the whole account."""
    openings: Words = ()
    """Plain enough to count at the start of a short sentence too. Not "cancel": people cancel appointments."""
    innocent: Words = ()
    """What begins like an opening, or like the last word of a phrase, and is none."""
    phrases: Words = ()
    """Anywhere in the message, unless it is negated: what a reasonable person reads as revocation (FCC)."""
    doubtful: Words = ()
    """Phrases that opt out and that an operator should look at."""
    opt_in: Words = ()
    """Narrow on purpose: a wrong opt-in is unlawful, a missed one costs a second text."""
    yes: Words = ()
    """Answers, that count only where a question was asked."""
    help: Words = ()
    everything: Words = ()
    """After an opening: of the whole account."""
    courtesies: Words = ()
    """Single words around a keyword that change nothing."""
    negations: Words = ()
    questions: Words = ()
    """Before a phrase they ask about it: "why did you remove me"."""


PACKS: Mapping[str, Pack] = {
    "en": Pack(
        opt_out=(
            *("stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe"),  # FCC
            *("optout", "remove", "td"),  # AWS; "optout" Twilio too
            "unsub",  # Plivo
            *("stop2quit", "stop 2 quit", "stop to quit", "stop quit"),  # Spoke: people copy "STOP2quit" from the text
            *("stop2end", "stop 2 end", "stop2cancel", "stop 2 cancel"),  # likewise
        ),
        opt_out_all=(
            *("stop all", "stopall"),  # Telnyx, Plivo; "stopall" Twilio too
            *("cancel all", "end all", "quit all", "unsubscribe all"),  # likewise
        ),
        openings=("stop", "unsubscribe", "unsub", "opt out", "optout", "revoke"),
        # Textizen met "Stop signs at dangerous intersections".
        innocent=("stop by", "stop sign", "stop signs", "stop light", "stop lights", "stop watch"),
        phrases=(
            *("remove me", "remove my name", "remove my number", "take me off", "take my number off"),  # Spoke
            *("lose my number", "delete my number", "i opt out", "dont contact me", "do not contact me"),  # Spoke
            *(
                "stop texting me",
                "stop messaging me",
                "stop contacting me",
                "stop sending me",
            ),  # Plivo: "Hey, can you…"
            *("can you stop texting", "please stop texting"),
            *("stop texting us", "stop messaging us", "stop contacting us", "stop sending us"),
            *("stop texting this number", "stop messaging this number", "stop contacting this number"),
            *("quit texting me", "quit messaging me", "quit contacting me", "quit sending me"),
            *("quit texting us", "quit messaging us", "quit contacting us", "quit sending us"),
            *("quit texting this number", "quit messaging this number", "quit contacting this number"),
            *("stop sending these", "stop sending this", "quit sending these", "quit sending this"),
            *("stop receiving", "stop getting", "stop these texts", "stop these messages", "i said stop"),
            *("opt me out", "unsubscribe me", "want to unsubscribe", "want to opt out"),
            *("like to unsubscribe", "like to opt out", "like to be removed"),
            *("dont text me", "do not text me", "dont message me", "do not message me"),
            *("no more texts", "no more messages", "leave me alone"),
            # FCC: no words of our choosing may be asked for.
            *("remove this number", "remove my phone number", "delete this number", "delete my phone number"),
            *("take this number off", "lose this number", "unsubscribe this number", "unsubscribe my number"),
            *("unsubscribe from this list", "unsubscribe from your list", "unsubscribe from these"),
            *("taken off your list", "me off your list", "me off this list", "us off your list", "us off this list"),
            *("dont send me any more", "do not send me any more", "dont send me anymore", "do not send me anymore"),
            *("dont send any more texts", "do not send any more texts"),
            *("dont send any more messages", "do not send any more messages"),
            *("dont ever text me", "do not ever text me", "dont ever contact me", "do not ever contact me"),
            *("dont ever message me", "do not ever message me"),
            *("dont text this number", "do not text this number", "never text this number"),
            *("dont message this number", "do not message this number"),
            *("dont contact this number", "do not contact this number"),
            *("dont call or text me", "do not call or text me"),
            *("dont call or text this number", "do not call or text this number"),
            *("no longer want to receive", "no longer wish to receive"),
            *("dont want to receive these", "do not want to receive these"),
            *("dont want to receive texts", "do not want to receive texts"),
            *("dont want to receive messages", "do not want to receive messages"),
            *("dont want these texts", "do not want these texts", "dont want your texts", "do not want your texts"),
            *("never text me again", "never message me again", "never contact me again"),  # FCC
            *("revoke my consent", "revoke consent", "withdraw my consent"),  # FCC
            *("dont want any more texts", "do not want any more texts", "dont want any more messages"),
            *("do not want any more messages", "no more msgs", "remove from list", "remove from your list"),
            *("cancel texts", "cancel these texts", "cancel messages", "cancel these messages"),
            *("end texts", "end these texts", "end messages", "end these messages"),
            *("do not call list", "cease and desist", "cease texting", "cease all communication", "cease all contact"),
        ),
        doubtful=(
            *("wrong number", "wrong person"),  # who reads it now never consented: the number may have a new owner
            *("please stop", "stop please", "make it stop"),  # what else than our texts? Seldom a bus stop
            *("stop sending", "stop texting", "stop messaging", "stop contacting"),  # or somebody else, or flowers
            *("quit sending", "quit texting", "quit messaging", "quit contacting"),  # likewise
            *("dont send me any", "do not send me any", "dont want to receive", "do not want to receive"),  # likewise
            *("dont call or text", "do not call or text"),  # or not while driving
            *("cancel my subscription", "cancel subscription", "end my subscription"),  # or of something else
            *("how do i unsubscribe", "how can i unsubscribe", "how to unsubscribe", "unsubscribe from"),
            *(
                "how do i opt out",
                "how can i opt out",
                "how to opt out",
                "how do i stop",
                "how can i stop",
                "how to stop",
            ),
            *("how do i get off", "how can i get off", "can i unsubscribe", "can i be removed", "want out"),
            *("be removed from", "be taken off", "removed from your list", "removed from this list"),
            *("can you stop", "could you stop", "would you stop", "will you stop", "can u stop"),  # or at a shop
            *("want you to stop", "need you to stop", "want this to stop", "need this to stop"),
        ),
        opt_in=("start", "unstop", "subscribe", "resume", "resume all"),  # Twilio, Ring, Plivo
        yes=(
            "yes",
            "continue",
            "begin",
            "go",
        ),  # Twilio, Ring, Adobe, Plivo have them as opt-ins, to us they are answers
        help=("help", "info"),  # Twilio, CWTA
        everything=("all",),
        courtesies=(
            *("please", "pls", "plz", "kindly", "thanks", "thank", "you", "thx", "sorry", "hi", "hello", "hey"),
            *("so", "very", "much", "bye", "ok", "okay", "now", "just", "no", "wait", "but"),
            *("fuck", "fucking", "off"),  # no courtesies, and change as little
        ),
        negations=("not", "dont", "never", "cant", "cannot", "wont", "didnt", "doesnt", "non"),
        questions=("why", "when", "how", "did", "does", "who", "what", "if", "where"),
    ),
    "fr": Pack(
        opt_out=("arret", "arrete", "arrett"),  # CWTA, AWS: arret; Proxy: all three
        openings=("arret", "arrete"),
        help=("aide",),  # CWTA
        courtesies=("svp", "stp", "merci", "bonjour"),
        negations=("pas", "jamais"),
    ),
    "es": Pack(
        opt_out=("detener", "salir", "alto"),  # Sinch; "alto" Textizen
        opt_in=("volver", "recibir"),  # Sinch
        courtesies=("por", "favor", "gracias", "hola"),
        negations=("nunca",),
    ),
    "pt": Pack(
        opt_out=("parar", "cancelar"),  # Sinch
        opt_in=("voltar", "receber"),  # Sinch
        courtesies=("por", "favor", "obrigado", "obrigada"),
        negations=("nao", "nunca"),
    ),
    "de": Pack(
        opt_out=("stopp",),  # Brevo
        openings=("stopp",),
        courtesies=("bitte", "danke", "hallo"),
        negations=("nicht", "nie"),
    ),
    "fr-unsourced": Pack(
        opt_out=("desabonner", "desinscrire", "desabonnement", "me desabonner", "me desinscrire"),
        phrases=("ne plus recevoir", "desabonnez moi", "desinscrivez moi"),
        yes=("oui",),
        everything=("tout",),
    ),
    "es-unsourced": Pack(
        opt_out=("baja", "parar", "cancelar", "no mas"),
        phrases=("darme de baja", "no mas mensajes"),
        yes=("si",),
        help=("ayuda",),
        everything=("todo", "todos"),
    ),
    "pt-unsourced": Pack(
        opt_out=("sair", "pare", "remover"),
        yes=("sim",),
        help=("ajuda",),
        everything=("tudo",),
    ),
    "de-unsourced": Pack(
        opt_out=("abmelden", "abbestellen", "abmeldung"),
        phrases=("keine sms mehr", "keine nachrichten mehr"),
        yes=("ja",),
        help=("hilfe",),
        everything=("alle", "alles"),
    ),
}

DEFAULT_PACKS = ("en", "fr", "es", "pt", "de")
"""All that is documented, whatever the country: every Canadian programme must know ARRET, in any language (CWTA)."""
