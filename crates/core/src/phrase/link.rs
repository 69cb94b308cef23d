//! What sessions have in common, what else could explain it, and what would change it.

phrases! {
    SAME_ADDRESS: "same address", "la misma dirección";
    SAME_BLOCK: "same block of addresses", "el mismo bloque de direcciones";
    SAME_SYSTEM: "same network", "la misma red";
    SAME_SERVICE: "a network that published lists give to the same service",
        "una red que las listas publicadas atribuyen al mismo servicio";
    SAME_KEY: "same public key offered", "la misma clave pública ofrecida";
    SAME_MACHINE: "same name of the client's machine or of its user",
        "el mismo nombre de la máquina del cliente o de su usuario";
    SAME_HABITS: "same habits of the client program", "los mismos hábitos del programa cliente";
    SAME_HANDSHAKE: "same TLS handshake (JA4)", "el mismo saludo TLS (JA4)";
    SAME_BEGINNING: "same way to begin HTTP/2", "el mismo modo de empezar HTTP/2";
    SAME_FIELDS: "same order of header fields", "el mismo orden de los campos de cabecera";
    SAME_SSH: "same SSH client settings (HASSH)", "los mismos ajustes del cliente SSH (HASSH)";
    SAME_SYN: "same sort of first packet (TCP SYN)", "el mismo tipo de primer paquete (TCP SYN)";
    SAME_NAME: "same name of the program", "el mismo nombre del programa";
    SAME_FAMILY: "same program, perhaps in another version", "el mismo programa, quizá en otra versión";
    SAME_PAYLOAD: "the same was sent along (recipient, text or statement)",
        "lo mismo enviado (destinatario, texto o sentencia)";
    SAME_CALL: "the same short text was sent along, as many send",
        "el mismo texto breve enviado, como lo envían muchos";
    SAME_BAIT: "same bait", "el mismo señuelo";
    SAME_PLACE: "bait from the same place", "un señuelo del mismo lugar";
    SAME_LANGUAGES: "same languages asked for", "los mismos idiomas pedidos";
    SAME_FORWARDED: "same address said to be forwarded for", "la misma dirección por cuya cuenta se dice llamar";
    NEIGHBOURS: "the same or neighbouring bait", "el mismo señuelo o uno vecino";

    THIS_ADDRESS: "same address {address}", "la misma dirección {address}";
    THIS_BLOCK: "same block of addresses {address}", "el mismo bloque de direcciones {address}";
    THIS_SYSTEM: "same network AS{number}", "la misma red AS{number}";
    ALIKE: "{LIKENESS}, {APART}", "{LIKENESS}, {APART}";
    WEAK: "{LIKENESS}; {DOUBT}", "{LIKENESS}; {DOUBT}";
    UNLIKE: "not the {LIKENESS}", "no comparten {LIKENESS}";
    AFTER: "{LAPSE} after trip {trip}", "{LAPSE} después de la activación {trip}";
    BEFORE: "{LAPSE} before trip {trip}", "{LAPSE} antes de la activación {trip}";
    SECONDS: "{n} second|{n} seconds", "{n} segundo|{n} segundos";
    MINUTES: "{n} minute|{n} minutes", "{n} minuto|{n} minutos";
    HOURS: "{n} hour|{n} hours", "{n} hora|{n} horas";
    DAYS: "{n} day|{n} days", "{n} día|{n} días";

    STOCK_PROGRAM: "weak: a program that many use as it comes",
        "débil: un programa que muchos usan tal como viene";
    STOCK_SYSTEM: "weak: a system that many use", "débil: un sistema que muchos usan";
    HIDDEN: "weak: an exit that hides many", "débil: una salida que oculta a muchos";
    COMPANY: "weak: the way out of many people's network", "débil: la salida de una red de muchas personas";
    TRANSLATED: "weak: a carrier's address translation, which many share",
        "débil: la traducción de direcciones de una operadora, que muchos comparten";
    INSIDE: "weak: everything behind a proxy that is not configured as one comes from it",
        "débil: de ella viene todo lo que está tras un proxy que no está configurado como tal";

    RIVALS: "others fit as well, each with a key of its own", "encajan también otros, cada uno con su propia clave";

    SESSION: "same bait, network and program within the same stretch of time, {APART}",
        "el mismo señuelo, la misma red y el mismo programa en un mismo tramo de tiempo, {APART}";
    FIRST: "no earlier trip that it could be linked to", "ninguna activación anterior con la que pudiera enlazarse";
    DRILL_APART: "an announced drill, kept apart from all others",
        "un simulacro anunciado, que se mantiene aparte de todo lo demás";
    ECHO_APART: "an echo of an earlier look-up, kept apart", "un eco de una consulta anterior, que se mantiene aparte";
    LOOKED_UP: "a resolver looked the bait's name up, {APART}",
        "un servidor DNS consultó el nombre del señuelo, {APART}";
    USED: "the bait was used whose name a resolver looked up, {APART}",
        "se usó el señuelo cuyo nombre consultó un servidor DNS, {APART}";
    LOOKED_UP_ONCE: "a resolver looked the bait's name up", "un servidor DNS consultó el nombre del señuelo";
    USED_ONCE: "the bait was used whose name a resolver looked up",
        "se usó el señuelo cuyo nombre consultó un servidor DNS";

    ELSE_EXIT: "A shared exit: a VPN, relay, carrier or company network puts several people behind one address.",
        "Una salida compartida: una VPN, un repetidor, una operadora o la red de una empresa pone a varias personas tras una dirección.";
    ELSE_ADDRESS: "An address that changed hands: providers give it to another customer, and a household or office shares one.",
        "Una dirección que cambió de manos: los proveedores la dan a otro cliente, y un hogar o una oficina comparte una.";
    ELSE_TOOL: "A shared tool: the same program with the same settings in different hands, or one imitated.",
        "Una herramienta común: el mismo programa con los mismos ajustes en manos distintas, o uno imitado.";
    ELSE_BAIT: "Second-hand bait: the values were passed on, sold or published, and several hands use them.",
        "Un señuelo de segunda mano: los valores se cedieron, vendieron o publicaron, y los usan varias manos.";
    ELSE_ACCOUNT: "A shared account or key: several people work with one, or its name is a common one.",
        "Una cuenta o clave compartida: varias personas trabajan con la misma, o su nombre es corriente.";
    ELSE_COPIED: "What a client says of itself or sends along can be copied from somebody else.",
        "Lo que un cliente dice de sí mismo o envía puede estar copiado de otro.";

    CHANGE_RARE: "A further trip that is alike in something rare.", "Otra activación que se parezca en algo poco común.";
    CHANGE_PARTING: "Without the link from session {from} to session {to}, the actor falls into two, of {one} and {other} sessions.",
        "Sin el enlace entre la sesión {from} y la sesión {to}, el actor se parte en dos, de {one} y {other} sesiones.";
    CHANGE_NETWORK: "The network operator's record of who had the address and port at these times.",
        "El registro del operador de la red de quién tenía la dirección y el puerto a estas horas.";
    CHANGE_IDENTITY: "A public key, or a name of the client's machine, in which sessions agree or differ.",
        "Una clave pública, o un nombre de la máquina del cliente, en que las sesiones coincidan o difieran.";
    CHANGE_BAIT: "The same bait found in anybody else's hands.", "El mismo señuelo en manos de cualquier otra persona.";

    MERGED: "{by} merged {actors}: {reason}", "{by} unió {actors}: {reason}";
    SPLIT: "{by} took {n} session out of {actor}: {reason}|{by} took {n} sessions out of {actor}: {reason}",
        "{by} sacó {n} sesión de {actor}: {reason}|{by} sacó {n} sesiones de {actor}: {reason}";
}
