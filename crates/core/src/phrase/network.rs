//! What is said of a network beside its place.

phrases! {
    TOR_HIDES: "an exit of the Tor network: its users are anywhere",
        "una salida de la red Tor: sus usuarios pueden estar en cualquier parte";
    VPN_HIDES: "a VPN exit or rented machine: its users are anywhere",
        "una salida de VPN o una máquina alquilada: sus usuarios pueden estar en cualquier parte";
    RELAY_HIDES: "a relay that hides its users' addresses",
        "un repetidor que oculta las direcciones de sus usuarios";
    PROXY_HIDES: "a proxy that hides its users' addresses",
        "un proxy que oculta las direcciones de sus usuarios";
    ANYCAST_HIDES: "announced in many places at once",
        "se anuncia en muchos lugares a la vez";
    SATELLITE_HIDES: "reached by satellite: its users are anywhere below it",
        "se llega a ella por satélite: sus usuarios pueden estar en cualquier parte que este cubra";
    CLOUD_HIDES: "a rented machine: whoever rents it is anywhere",
        "una máquina alquilada: quien la alquila puede estar en cualquier parte";
    CONTENT_HIDES: "a content network that fetches for others",
        "una red de contenidos que hace peticiones por cuenta de otros";
    GATEWAY_HIDES: "a gateway of many companies' people",
        "una pasarela por la que sale el personal de muchas empresas";
    RESOLVER_HIDES: "a resolver that asks for others",
        "un servidor DNS que pregunta por cuenta de otros";

    EXERCISE: "made up for an exercise", "inventado para un ejercicio";

    ONE_SOURCE: "one source", "una sola fuente";
    AGREE: "{agree} of {n} source agree|{agree} of {n} sources agree",
        "{agree} de {n} fuente coinciden|{agree} de {n} fuentes coinciden";
    OTHERS_SAY: "{AGREE}; others say {countries}", "{AGREE}; otras dicen {countries}";
}
