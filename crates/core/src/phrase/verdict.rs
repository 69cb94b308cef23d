//! Why a trip is judged what it is.

phrases! {
    DRILL_NONCE: "The request carried the one-time nonce of a drill that the operator announced for this canary.",
        "La petición llevaba el número de un solo uso de un simulacro que el operador había anunciado para este señuelo.";
    DRILL_SURE: "Confidence is high: the nonce was made for this drill and is valid once.",
        "La confianza es alta: el número se hizo para ese simulacro y solo vale una vez.";

    OWN_RESOLVER: "A name that only this bait carries was looked up by a resolver in a network that the operator lists as their own: somebody whom it serves asked.",
        "Un servidor DNS de una red que el operador tiene por propia consultó un nombre que solo lleva este señuelo: preguntó alguien a quien ese servidor atiende.";
    OWN_RESOLVER_SURE: "Confidence is high as to the resolver, and says nothing about who asked it.",
        "La confianza es alta en cuanto al servidor DNS, y no dice nada de quién le preguntó.";
    OWN_NETWORK: "The request came from a network that the operator lists as their own.",
        "La petición llegó desde una red que el operador tiene por propia.";
    OWN_NOT_HARMLESS: "That does not make it harmless: a host of one's own that uses bait may have been broken into.",
        "No por eso es inofensiva: una máquina propia que usa un señuelo puede haber sido asaltada.";
    OWN_SURE: "Confidence is high as to the address, and says nothing about who used it.",
        "La confianza es alta en cuanto a la dirección, y no dice nada de quién la usó.";

    BAD_SIGNATURE: "The key's identifier was right and the signature was not: whoever sent it has the identifier, perhaps not the secret.",
        "El identificador de la clave era correcto y la firma no: quien la envió tiene el identificador, quizá no el secreto.";
    WRONG_SECRET: "The identifier was right and the secret sent with it was not: whoever sent it has the identifier, perhaps not the secret.",
        "El identificador era correcto y el secreto que lo acompañaba no: quien lo envió tiene el identificador, quizá no el secreto.";
    IDENTIFIER_SURE: "Confidence is moderate: an identifier can be known without the place it was planted in.",
        "La confianza es media: un identificador puede conocerse sin el lugar donde se colocó.";
    VALUE_RETIRED: "A value that exists nowhere but in this bait was sent, after the bait was retired.",
        "Se envió un valor que solo existe en este señuelo, cuando el señuelo ya estaba retirado.";
    VALUE_TOLD: "A value that exists nowhere but in this bait was shown to the operator's own application, which says from where; the station did not see that for itself.",
        "Un valor que solo existe en este señuelo se presentó a la aplicación del propio operador, que dice desde dónde; la estación no lo vio por sí misma.";
    VALUE_SENT: "A value that exists nowhere but in this bait was sent as a program sends a credential.",
        "Un valor que solo existe en este señuelo se envió como un programa envía una credencial.";
    VALUE_SURE: "Confidence is high: the value is random and cannot be guessed.",
        "La confianza es alta: el valor es aleatorio y no puede adivinarse.";
    CALLS_ITSELF_ALL_THE_SAME: "The program calls itself {program}; that changes nothing, for it cannot have the value unless the bait has leaked.",
        "El programa dice ser {program}; eso no cambia nada, porque no puede tener el valor si el señuelo no se ha filtrado.";

    ECHO: "The same name was looked up {LAPSE} before, and this resolver had no part in that: resolvers and security vendors repeat what they have seen.",
        "El mismo nombre se había consultado {LAPSE} antes, y este servidor DNS no tuvo parte en ello: los servidores DNS y las empresas de seguridad repiten lo que han visto.";
    AN_HOUR: "an hour",
        "una hora";
    ECHO_NO_USE: "Nobody used the bait in any other way at the time.",
        "En esos momentos nadie usó el señuelo de otra manera.";
    ECHO_SURE: "Confidence is moderate: somebody else may have the name, and only look it up.",
        "La confianza es media: quizá el nombre lo tenga otra persona, y solo lo consulte.";

    LOOKED_UP: "A name that only this bait carries was looked up.",
        "Se consultó un nombre que solo lleva este señuelo.";
    LOOKED_UP_FOR: "The address is a resolver's, which asked on behalf of somebody who is not seen here: it does not tell who, nor from where.",
        "La dirección es de un servidor DNS recursivo, que preguntó por cuenta de alguien a quien aquí no se ve: no dice quién, ni desde dónde.";
    CLIENT_SUBNET: "The resolver says for which network it asked (EDNS Client Subnet); that is only its word.",
        "El servidor DNS dice por qué red preguntó (EDNS Client Subnet); solo es su palabra.";
    NAME_HOLDS_DATA: "Labels in front of the name carry data, as the bait asks for.",
        "Las etiquetas que preceden al nombre llevan datos, como pide el señuelo.";
    LOOKED_UP_SURE: "Confidence is moderate: whoever reads the place where the bait stands can look it up, and so do programs that check names they come across.",
        "La confianza es media: quien lea el lugar donde está el señuelo puede consultarlo, y también lo hacen los programas que comprueban los nombres que encuentran.";

    DELIVERED: "Mail was sent to a mailbox that only this bait names, or somebody asked whether it is there.",
        "Se envió correo a un buzón que solo nombra este señuelo, o alguien preguntó si existe.";
    DELIVERED_BY: "The address is that of the server that delivers: the sender's own, or a provider's, which many share.",
        "La dirección es la del servidor que entrega: el del propio remitente, o el de un proveedor, que muchos comparten.";
    DELIVERED_SURE: "Confidence is moderate: whoever has the list that the mailbox stands in can write to it, and lists are passed on.",
        "La confianza es media: quien tenga la lista en que figura el buzón puede escribirle, y las listas pasan de mano en mano.";

    OPENED: "An address that only this bait carries was opened.",
        "Se abrió una dirección que solo lleva este señuelo.";
    CALLS_ITSELF: "The program calls itself {program}.",
        "El programa dice ser {program}.";
    CLIENT_SURE: "Confidence is moderate: whoever reads the place where the bait stands can open it, and so can programs that pass for a person's.",
        "La confianza es media: quien lea el lugar donde está el señuelo puede abrirla, y también los programas que se hacen pasar por el de una persona.";
    ONLY_ITS_WORD: "That is only its own word; the link stood where such a program could see it.",
        "Solo es su palabra; el enlace estaba donde un programa así podía verlo.";
    ONLY_ITS_WORD_SURE: "Confidence is low: anyone can call a program that.",
        "La confianza es baja: cualquiera puede llamar así a un programa.";
    OWN_SYSTEM: "The address is in AS{number}, a network that this service runs in.",
        "La dirección está en AS{number}, una red en la que funciona ese servicio.";
    OWN_SYSTEM_SURE: "Confidence is moderate: others can rent or relay through such a network.",
        "La confianza es media: en una red así otros pueden alquilar máquinas o servirse de ella como repetidor.";
    OTHER_SYSTEM: "The address is in AS{number}, which is not a network of that service: the name is probably borrowed.",
        "La dirección está en AS{number}, que no es una red de ese servicio: es probable que el nombre sea prestado.";
    MODERATE: "Confidence is moderate.",
        "La confianza es media.";

    SHOWS_PREVIEWS: "The address is in a network that {name} shows previews of links from.",
        "La dirección está en una red desde la que {name} muestra vistas previas de enlaces.";
    LOOKS_AT_MAIL: "The address is in a network of {name}, whose mail service looks at links in mail.",
        "La dirección está en una red de {name}, cuyo servicio de correo mira los enlaces de los mensajes.";
    CRAWLS: "The address is in a network that {name} crawls from.",
        "La dirección está en una red desde la que rastrea {name}.";
    SCANS: "The address is in a network that {name} scans the internet from.",
        "La dirección está en una red desde la que {name} explora internet.";
    LISTED_SURE: "Confidence is moderate: the list is published, but networks change hands, and the link had to be seen somewhere first.",
        "La confianza es media: la lista está publicada, pero las redes cambian de manos, y el enlace tuvo que verse antes en algún sitio.";

    FROM_SCANNER: "The address is in a network that {name} scans from; a scanner does not come by such a value, unless somebody published it.",
        "La dirección está en una red desde la que explora {name}; un escáner no da con un valor así, salvo que alguien lo publicara.";
    FROM_EXIT: "The address is an exit of {name}: many people share it.",
        "La dirección es una salida de {name}: la comparten muchas personas.";
    FROM_GATEWAY: "The address is one of {name}'s, through which many companies' people go out.",
        "La dirección es de {name}, por donde sale el personal de muchas empresas.";
    FROM_CLOUD: "The address is {name}'s, where anyone can rent a machine.",
        "La dirección es de {name}, donde cualquiera puede alquilar una máquina.";
    FROM_RESOLVER: "The address is also {name}: whoever uses it is not seen.",
        "La dirección es también {name}: no se ve a quien lo usa.";
    FROM_CONTENT: "The address is {name}'s, which fetches for others: the client is behind it.",
        "La dirección es de {name}, que hace peticiones por cuenta de otros: el cliente está detrás.";
    FROM_OTHER: "The address is in a network of {name}; that changes nothing.",
        "La dirección está en una red de {name}; eso no cambia nada.";
    FROM_TOR: "The address led out of the Tor network ({name}): anybody may be behind it.",
        "La dirección era una salida de la red Tor ({name}): detrás puede haber cualquiera.";
    FROM_PROXY: "The address is a proxy's ({name}): many people may share it.",
        "La dirección es de un proxy ({name}): puede que la compartan muchas personas.";
    FROM_ANYCAST: "The address is announced in many places at once ({name}).",
        "La dirección se anuncia en muchos lugares a la vez ({name}).";
    FROM_SATELLITE: "The address is a satellite network's ({name}).",
        "La dirección es de una red por satélite ({name}).";
    FROM_DROP: "The network is listed as one held by criminals ({name}); that says nothing of who used it.",
        "La red figura en una lista de las que están en manos de delincuentes ({name}); eso no dice nada de quién la usó.";

    AGENT_GONE: "What the program called itself is no longer kept.",
        "Ya no se conserva lo que el programa decía ser.";
    AGENT_SILENT: "The program did not say what it is.",
        "El programa no dijo qué es.";
    AGENT_UNKNOWN: "The program's name for itself is none that is known here.",
        "El nombre que se da el programa no es ninguno de los que aquí se conocen.";
    OPENED_SURE: "Confidence is moderate: the address cannot be guessed, but not everyone who opens it has broken in.",
        "La confianza es media: la dirección no puede adivinarse, pero no todo el que la abre es un intruso.";
    FROM_APPLICATION: "The address is the application's that reported it: it did not say where the value came from.",
        "La dirección es la de la aplicación que lo comunicó, que no dijo de dónde venía el valor.";
    FROM_THIS_HOST: "The address is this host itself: a program on it, or a proxy in front of the station that is not configured as one.",
        "La dirección es la de esta misma máquina: un programa que funciona en ella, o un proxy delante de la estación que no está configurado como tal.";
    FROM_PRIVATE: "The address is on a private network: a host nearby, or a proxy in front of the station that is not configured as one.",
        "La dirección es de una red privada: una máquina cercana, o un proxy delante de la estación que no está configurado como tal.";
    FROM_TRANSLATION: "The address is behind a carrier's address translation, which many share.",
        "La dirección está tras la traducción de direcciones de una operadora, que muchos comparten.";
}
