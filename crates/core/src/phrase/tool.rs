//! Which program a trip was made with, and why.

phrases! {
    HANDSHAKE: "Its TLS handshake is that of {names} ({SOURCE}).",
        "Su saludo TLS es el de {names} ({SOURCE}).";
    CIPHERS: "The ciphers of its TLS handshake are those of {library}, as {names} has them; the extensions are not ({SOURCE}).",
        "Los cifrados de su saludo TLS son los de {library}, como los tiene {names}; las extensiones no ({SOURCE}).";
    BEGINS: "It begins HTTP/2 as {names} does ({SOURCE}).",
        "Empieza HTTP/2 como lo hace {names} ({SOURCE}).";
    FIELDS: "Its header fields stand as those of {names} ({SOURCE}).",
        "Sus campos de cabecera van en el orden de los de {names} ({SOURCE}).";
    MEASURED: "measured: {versions}", "medido: {versions}";
    HANDSHAKE_UNKNOWN: "Its TLS handshake is in no table here.",
        "Su saludo TLS no está en ninguna tabla de aquí.";
    NO_ONE_PROGRAM: "Its handshake and its way to speak HTTP are not known of any one program: one of them may be imitated, or a proxy stood between.",
        "No se conoce ningún programa con ese saludo y ese modo de hablar HTTP a la vez: uno de los dos puede ser imitado, o había un proxy en medio.";
    CALLS_ITSELF: "It calls itself {name}.",
        "Dice ser {name}.";
    SILENT: "It does not say what it is, or gives a name that is in no table here.",
        "No dice qué es, o se da un nombre que no está en ninguna tabla de aquí.";
    CONTRADICTS: "What was seen contradicts what it says: the name is probably borrowed. Confidence is moderate: a proxy on the way that ends TLS would show the same.",
        "Lo que se vio contradice lo que dice: es probable que el nombre sea prestado. La confianza es media: un proxy en el camino que termine TLS se vería igual.";
    ONLY_ITS_WORD: "Only its own word speaks for it. Confidence is low.",
        "Solo lo respalda su palabra. La confianza es baja.";
    AGREES: "What was seen does not contradict that. Confidence is moderate: programs can be imitated.",
        "Lo que se vio no lo contradice. La confianza es media: los programas pueden imitarse.";
    SYSTEM: "Its first packet is as {system} sends it.",
        "Su primer paquete es como lo envía {system}.";
    OTHER_SYSTEM: "Its first packet is as {system} sends it, and it says that it runs on {other}: the name is borrowed, or a proxy stood between. Confidence is moderate.",
        "Su primer paquete es como lo envía {system}, y dice que corre en {other}: el nombre es prestado, o había un proxy en medio. La confianza es media.";
    ON_SYSTEM: "{name} (on {system})", "{name} (en {system})";
    GUESSED: "Confidence is low: programs that are in no table may send the same.",
        "La confianza es baja: programas que no están en ninguna tabla pueden enviar lo mismo.";
}
