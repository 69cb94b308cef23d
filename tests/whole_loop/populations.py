"""Tables of people as applications fill them, made up at test time by means that share nothing with lapwing.

Each population says how a row comes about, when the next one does, and what a naive planter would add:
Faker's values of the right type and country, at any time within the table's span.

- `Shop`: a web shop in the United States. Names by the frequencies of the 1990 census (the package `names`),
  sign-ups at log-normal distances that follow the time of day, money and counts that hang together.
- `Gateway`: a service that sends text messages, in Spanish. One column for the whole name, two family names of
  which many are rare, names typed in small letters, bursts of sign-ups on days of campaigns, times in
  milliseconds, a status that decides what else is there, no telephone number.
- `Clinic`: a practice's patients in Germany. Random keys, hours of business only, addresses that some have not
  given, measures that hang on sex and age, insurers with a long tail, settings as JSON, moments to the microsecond of
  which the second mostly equals the first.
"""

import datetime
import itertools
import json
import math
import random
import uuid

DAY = 86_400


def zipf(rng, values, exponent):
    """One of the values; the nth is 1/n^exponent as frequent as the first."""
    weights = [1 / (n + 1) ** exponent for n in range(len(values))]
    return rng.choices(values, weights)[0]


def folded(name):
    return "".join(c for c in name.lower().translate(str.maketrans("áéíóúüñäöı", "aeiouunaoi")) if c.isalnum())


class Clock:
    """Moments at log-normal distances, measured in how much is going on at that hour."""

    def __init__(self, rng, mean, spread, hours, weekend):
        self.rng, self.weights, self.weekend = rng, hours, weekend
        self.mu, self.sigma = math.log(mean) - spread**2 / 2, spread

    def weight(self, moment):
        return self.weights[moment.hour] * (self.weekend if moment.weekday() > 4 else 1)

    def after(self, moment):
        left = self.rng.lognormvariate(self.mu, self.sigma)
        while True:
            weight = self.weight(moment)
            rest = 3600 - moment.minute * 60 - moment.second - moment.microsecond / 1e6
            if left <= rest * weight:
                return moment + datetime.timedelta(seconds=left / weight)
            left -= rest * weight
            moment += datetime.timedelta(seconds=rest + 1e-3)


class Shop:
    table, locale = "customers", "en_US"
    key, begins = "id", datetime.datetime(2024, 2, 5, 14)
    schema = """CREATE TABLE customers (id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL,
      email varchar(120) NOT NULL UNIQUE, street text, city text NOT NULL, state char(2) NOT NULL, zip char(5) NOT NULL,
      tier text NOT NULL CHECK (tier IN ('standard', 'silver', 'gold')), orders integer NOT NULL,
      total_spent numeric(10,2) NOT NULL, newsletter boolean NOT NULL, referral_code char(8) NOT NULL UNIQUE,
      source text, created_at timestamp(0) NOT NULL, last_order_at timestamp(0));"""
    # What the judge looks at, and as what.
    given, family, whole, login = "first_name", "last_name", None, None
    texts = ["street", "city", "zip", "referral_code"]
    categories = ["state", "tier", "newsletter", "source"]
    numbers = ["orders", "total_spent"]
    times = ["created_at", "last_order_at"]
    postcode = "zip"

    CITIES = [("Austin", "TX", "787"), ("Houston", "TX", "770"), ("Dallas", "TX", "752"), ("Denver", "CO", "802"),
              ("Boulder", "CO", "803"), ("Portland", "OR", "972"), ("Eugene", "OR", "974"), ("Seattle", "WA", "981"),
              ("Tacoma", "WA", "984"), ("Phoenix", "AZ", "850"), ("Tucson", "AZ", "857"), ("Boise", "ID", "837")]
    STREETS = ["Oak", "Maple", "Main", "Cedar", "Pine", "Elm", "Lake", "Hill", "Park", "Sunset", "Mill", "River", "Spring",
               "Church", "Walnut", "Franklin", "Lincoln", "Jackson", "2nd", "3rd", "4th", "5th", "Willow", "Ridge"]
    HOURS = [.35, .2, .1, .06, .05, .08, .2, .4, .7, .9, 1, 1.1, 1.2, 1.1, 1, .9, .9, 1, 1.1, 1.3, 1.5, 1.4, 1, .6]
    PRICES = [9.99, 14.5, 19.99, 24.99, 34.95, 49, 79.9, 120]

    def __init__(self, seed):
        import names

        self.rng = random.Random(seed)
        self.clock = Clock(self.rng, 2900, 1.3, self.HOURS, 1.2)
        self.lists = {}
        for kind, file in names.FILES.items():
            with open(file, encoding="ascii") as lines:
                rows = [line.split() for line in lines]
            shares = itertools.accumulate(float(row[1]) for row in rows)
            self.lists[kind] = ([row[0].capitalize() for row in rows], list(shares))

    def name(self, kind):
        values, shares = self.lists[kind]
        return self.rng.choices(values, cum_weights=shares)[0]

    def row(self, moment):
        rng = self.rng
        given = self.name(rng.choice(["first:male", "first:female", "first:female"]))
        family = self.name("last")
        one, two = folded(given), folded(family)
        local = rng.choices([f"{one}.{two}", f"{one}{two}", f"{one[0]}{two}", f"{one}{rng.randint(50, 99)}", f"{one}_{two}",
                             f"{two}.{one}", f"{rng.choice(self.STREETS).lower()}{rng.choice(['fan', 'girl', 'man'])}{rng.randint(1, 999)}"],
                            [30, 14, 20, 12, 6, 4, 9])[0]
        if rng.random() < .12:
            local += str(rng.randint(1, 99))
        city, state, start = zipf(rng, self.CITIES, .7)
        orders = min(int(rng.paretovariate(1.1)) - 1, 60)
        spent = sum(zipf(rng, self.PRICES, .6) for _ in range(orders))
        tier = "gold" if spent > 600 else "silver" if spent > 150 else "standard"
        last = None if orders == 0 else moment + datetime.timedelta(seconds=rng.lognormvariate(11 + math.log(orders), 1.5))
        return {
            "first_name": given, "last_name": family, "email": f"{local}@{zipf(rng, ['mail.example', 'post.example', 'web.example'], 1)}",
            "street": None if rng.random() < .2 else f"{rng.randint(1, 9999)} {zipf(rng, self.STREETS, .4)} {zipf(rng, ['St', 'Ave', 'Rd', 'Dr', 'Ln'], .8)}",
            "city": city, "state": state, "zip": f"{start}{rng.randint(1, 60):02}", "tier": tier, "orders": orders,
            "total_spent": f"{spent:.2f}", "newsletter": rng.random() < (.7 if orders else .3),
            "referral_code": "".join(rng.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=8)),
            "source": rng.choices([None, "ads", "friend", "search"], [3, 4, 1, 5])[0], "created_at": moment, "last_order_at": last,
        }

    def naive(self, fake, rng, first, last):
        moment = fake.date_time_between(first, last).replace(microsecond=0)
        return {
            "first_name": fake.first_name(), "last_name": fake.last_name(), "email": fake.unique.email(), "street": fake.street_address(),
            "city": fake.city(), "state": fake.state_abbr(), "zip": fake.postcode()[:5], "tier": rng.choice(["standard", "silver", "gold"]),
            "orders": rng.randint(0, 20), "total_spent": f"{rng.uniform(0, 900):.2f}", "newsletter": fake.boolean(),
            "referral_code": fake.unique.bothify("????####").upper(), "source": rng.choice(["ads", "friend", "search"]),
            "created_at": moment, "last_order_at": moment + datetime.timedelta(seconds=rng.randint(0, 10**7)),
        }

    @staticmethod
    def written(moment):
        return moment.isoformat(" ", "seconds")

    @staticmethod
    def moment(text):
        return datetime.datetime.fromisoformat(text)


class Gateway:
    table, locale = "accounts", "es_MX"
    key, begins = "id", datetime.datetime(2023, 9, 4, 9)
    schema = """CREATE TABLE accounts (id INTEGER PRIMARY KEY AUTOINCREMENT, full_name TEXT NOT NULL, email TEXT NOT NULL UNIQUE,
      username TEXT NOT NULL UNIQUE, status TEXT NOT NULL CHECK (status IN ('activa', 'pendiente', 'suspendida', 'baja')),
      locale TEXT NOT NULL, plan TEXT NOT NULL, sent_total INTEGER NOT NULL, sent_failed INTEGER NOT NULL, credits REAL NOT NULL,
      api_token TEXT, timezone TEXT NOT NULL, created_at INTEGER NOT NULL, last_login_at INTEGER);"""
    given, family, whole, login = None, None, "full_name", "username"
    texts = ["username", "api_token"]
    categories = ["status", "locale", "plan", "timezone"]
    numbers = ["sent_total", "sent_failed", "credits"]
    times = ["created_at", "last_login_at"]
    postcode = None

    GIVEN = ["José", "María", "Juan", "Luis", "Guadalupe", "Carlos", "Ana", "Miguel", "Sofía", "Jorge", "Fernanda", "Ricardo", "Lucía",
             "Alejandro", "Daniela", "Pedro", "Carmen", "Raúl", "Elena", "Iván", "Paula", "Óscar", "Rocío", "Sergio", "Nuria", "Hugo",
             "Marta", "Andrés", "Inés", "Álvaro", "Ximena", "Ramiro", "Beatriz", "Gonzalo", "Itzel", "Ignacio", "Noelia", "Emiliano",
             "Amparo", "Néstor", "Leire", "Ulises", "Montserrat", "Joaquín", "Xóchitl", "Iker", "Yolanda", "Fabián"]
    FAMILY = ["Hernández", "García", "Martínez", "López", "González", "Pérez", "Rodríguez", "Sánchez", "Ramírez", "Cruz", "Flores",
              "Gómez", "Morales", "Vázquez", "Reyes", "Jiménez", "Torres", "Díaz", "Gutiérrez", "Ruiz", "Mendoza", "Aguilar", "Ortiz",
              "Moreno", "Castillo", "Romero", "Álvarez", "Méndez", "Chávez", "Rivera", "Juárez", "Ramos", "Domínguez", "Herrera",
              "Medina", "Castro", "Vargas", "Guzmán", "Velázquez", "Rojas", "Salazar", "Luna", "Ortega", "Cortés", "Santiago", "Soto",
              "Contreras", "Bautista", "Estrada", "Ibarra", "Peña", "Ríos", "Nava", "Zamora", "Quiroz", "Tapia", "Bravo", "Olvera"]
    HEADS = ["Etxe", "Iri", "Aran", "Goiko", "Zabal", "Mendi", "Urru", "Ola", "Arri", "Bel", "Agirre", "Ibar", "Elor", "Sala"]
    TAILS = ["garai", "berria", "zabal", "buru", "ondo", "zola", "tegi", "goitia", "mendi", "bide", "iturri", "arte", "uren"]
    ZONES = {"es_MX": ["America/Mexico_City", "America/Monterrey", "America/Tijuana"], "es_ES": ["Europe/Madrid", "Atlantic/Canary"],
             "es_AR": ["America/Argentina/Buenos_Aires"], "es_CO": ["America/Bogota"]}
    HOURS = [.1, .05, .04, .03, .03, .05, .2, .5, .9, 1.2, 1.3, 1.2, 1.1, .8, .7, .9, 1.1, 1.2, 1.1, .9, .7, .5, .35, .2]

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.calm = Clock(self.rng, 5200, .9, self.HOURS, .4)
        self.busy = Clock(self.rng, 500, 1.6, self.HOURS, .4)
        # Two days in fifteen, the same whoever asks.
        self.clock = self

    def after(self, moment):
        return (self.busy if moment.toordinal() * 7919 % 15 < 2 else self.calm).after(moment)

    def surname(self):
        rng = self.rng
        return rng.choice(self.HEADS) + rng.choice(self.TAILS) if rng.random() < .13 else zipf(rng, self.FAMILY, .8)

    def row(self, moment):
        rng = self.rng
        given = [zipf(rng, self.GIVEN, .7) for _ in range(2 if rng.random() < .3 else 1)]
        family = [self.surname() for _ in range(2 if rng.random() < .75 else 1)]
        name = " ".join(given + family)
        name = name.lower() if rng.random() < .08 else name.upper() if rng.random() < .05 else name
        one, two = folded(given[0]), folded(family[0])
        nick = rng.choice(["gato", "lobo", "luna", "sol", "rey", "chivas", "toro", "azul"]) + rng.choice(["_", "", "."]) + \
            rng.choice(["negro", "mx", "real", "loco", "feliz", "norte"]) + str(rng.randint(1, 2010))
        username = rng.choices([f"{one}.{two}", f"{one}{two}", f"{one[0]}{two}", f"{one}{rng.randint(1960, 2006)}", nick], [6, 4, 4, 4, 3])[0]
        if rng.random() < .3:
            username += str(rng.randint(1, 999))
        local = username if rng.random() < .6 else f"{one}.{two}{rng.randint(1, 99)}"
        locale = rng.choices(list(self.ZONES), [6, 3, 1, 2])[0]
        status = rng.choices(["activa", "pendiente", "suspendida", "baja"], [70, 14, 5, 11])[0]
        used = status != "pendiente"
        plan = "prueba" if not used else rng.choices(["prueba", "basico", "pyme", "empresa"], {"es_ES": [3, 4, 5, 2]}.get(locale, [6, 5, 2, 1]))[0]
        sent = 0 if not used or rng.random() < .1 else int(rng.lognormvariate({"prueba": 2, "basico": 4.5, "pyme": 6.5, "empresa": 8.5}[plan], 1))
        credits = {"prueba": 5, "basico": 50, "pyme": 200, "empresa": 1000}[plan] - round(sent * .035 % 5, 2)
        seen = rng.random() < (.93 if used else .1)
        return {
            "full_name": name, "email": f"{local}@{zipf(rng, ['correo.example', 'mail.example', 'empresa.example'], 1)}", "username": username,
            "status": status, "locale": locale, "plan": plan, "sent_total": sent, "sent_failed": sum(rng.random() < .03 for _ in range(min(sent, 2000))),
            "credits": round(credits, 2), "api_token": None if plan == "prueba" else "".join(rng.choices("0123456789abcdef", k=32)),
            "timezone": zipf(rng, self.ZONES[locale], 1), "created_at": moment,
            "last_login_at": moment + datetime.timedelta(seconds=rng.lognormvariate(12, 2)) if seen else None,
        }

    def naive(self, fake, rng, first, last):
        moment = fake.date_time_between(first, last)
        locale = rng.choice(list(self.ZONES))
        sent = rng.randint(0, 5000)
        return {
            "full_name": fake.name(), "email": fake.unique.email(), "username": fake.unique.user_name(),
            "status": rng.choice(["activa", "pendiente", "suspendida", "baja"]), "locale": locale,
            "plan": rng.choice(["prueba", "basico", "pyme", "empresa"]), "sent_total": sent, "sent_failed": rng.randint(0, sent),
            "credits": round(rng.uniform(0, 1000), 2), "api_token": fake.md5(), "timezone": rng.choice(self.ZONES[locale]),
            "created_at": moment, "last_login_at": moment + datetime.timedelta(seconds=rng.randint(0, 10**7)),
        }

    @staticmethod
    def written(moment):
        return str(int(moment.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000))

    @staticmethod
    def moment(text):
        return datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=int(text))


class Clinic:
    table, locale = "patients", "de_DE"
    # Random keys tell no order: the moment does.
    key, begins = "created_at", datetime.datetime(2022, 3, 1, 9)
    schema = """CREATE TABLE patients (id uuid PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, email text UNIQUE,
      birth_date date NOT NULL, sex char(1) NOT NULL CHECK (sex IN ('w', 'm', 'd')), plz char(5) NOT NULL, city text NOT NULL,
      insurer text NOT NULL, insurance_no varchar(10) UNIQUE, height_cm integer, weight_kg numeric(5,1), balance numeric(8,2) NOT NULL,
      reminders boolean NOT NULL, preferences jsonb NOT NULL, allergies text, created_at timestamp NOT NULL, updated_at timestamp NOT NULL);"""
    given, family, whole, login = "first_name", "last_name", None, None
    texts = ["plz", "insurance_no", "allergies", "preferences"]
    categories = ["sex", "city", "insurer", "reminders"]
    numbers = ["height_cm", "weight_kg", "balance"]
    times = ["created_at", "updated_at", "birth_date"]
    postcode = "plz"

    WOMEN = ["Maria", "Anna", "Sabine", "Ursula", "Petra", "Monika", "Julia", "Lea", "Karin", "Emma", "Heike", "Claudia", "Nina", "Greta",
             "Elif", "Franziska", "Hannelore", "Ida", "Svenja", "Agnieszka", "Ottilie", "Wiebke", "Rosemarie", "Fatma", "Luzie", "Ute"]
    MEN = ["Peter", "Thomas", "Michael", "Andreas", "Lukas", "Jonas", "Klaus", "Stefan", "Jürgen", "Felix", "Mehmet", "Uwe", "Emil", "Karl",
           "Günter", "Björn", "Marek", "Detlef", "Hinnerk", "Anton", "Matthäus", "Kai", "Wolfgang", "Yusuf", "Ralf", "Till"]
    FAMILY = ["Müller", "Schmidt", "Schneider", "Fischer", "Weber", "Meyer", "Wagner", "Becker", "Schulz", "Hoffmann", "Koch", "Bauer", "Richter",
              "Klein", "Wolf", "Schröder", "Neumann", "Schwarz", "Braun", "Zimmermann", "Krüger", "Hartmann", "Lange", "Krause", "Lehmann", "Yılmaz"]
    HEADS = ["Stein", "Berg", "Hof", "Linden", "Eich", "Kirch", "Roth", "Brink", "Oster", "Nieder", "Wester", "Hollen", "Grün", "Lauter", "Buch", "Hage"]
    TAILS = ["mann", "meier", "bach", "hauer", "feld", "müller", "horst", "ner", "kamp", "ing", "brock", "holz", "dorf", "stein"]
    TOWNS = [("Leipzig", "04", 45), ("Halle", "061", 14), ("Markkleeberg", "0441", 3), ("Taucha", "0442", 2), ("Borna", "0455", 2), ("Grimma", "0466", 3)]
    INSURERS = ["AOK Plus", "Techniker", "Barmer", "DAK", "IKK classic", "Knappschaft", "Debeka", "Allianz", "HEK", "Bahn-BKK", "BKK VBU", "Signal Iduna",
                "hkk", "Continentale", "R+V", "Viactiv", "Heimat", "Gothaer", "Mobil", "SBK"]
    NOTES = ["Penicillin", "Pollen", "Latex", "Nüsse", "Jod", "Ibuprofen", "Hausstaub", "Bienengift"]
    HOURS = [0] * 8 + [1.4, 1.3, 1.1, .9, .4, .5, 1, 1.1, .9, .5] + [0] * 6

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.clock = Clock(self.rng, 1500, 1, self.HOURS, 0)

    def surname(self):
        rng = self.rng
        if rng.random() < .35:
            return rng.choice(self.HEADS) + rng.choice(self.TAILS)
        return zipf(rng, self.FAMILY, .6)

    def row(self, moment):
        rng = self.rng
        sex = rng.choices("wmd", [55, 44, 1])[0]
        given = zipf(rng, self.WOMEN if sex == "w" or sex == "d" and rng.random() < .5 else self.MEN, .5)
        family = self.surname()
        family = f"{family}-{self.surname()}" if rng.random() < .07 else f"von {family}" if rng.random() < .01 else family
        one, two = folded(given), folded(family.split("-")[0].split(" ")[-1])
        born = moment.date() - datetime.timedelta(days=int(rng.triangular(1, 34_000, 18_000)))
        age = (moment.date() - born).days / 365.25
        local = rng.choices([f"{one}.{two}", f"{one[0]}.{two}", f"{two}{born.year % 100:02}", f"{one}{two}", f"{one}-{two}{rng.randint(1, 99)}"], [9, 5, 3, 3, 2])[0]
        town, start, codes = rng.choices(self.TOWNS, [60, 12, 8, 6, 3, 4])[0]
        height = None if rng.random() < .2 else round(min(age / 17, 1) ** .6 * 115 + 52 + (6 if sex == "m" else -6) + rng.gauss(0, 6))
        weight = None if height is None or rng.random() < .15 else f"{(height / 100) ** 2 * rng.gauss(16 + min(age, 40) / 4.5, 2.4):.1f}"
        private = rng.random() < .12
        updated = moment if rng.random() < .55 else moment + datetime.timedelta(seconds=rng.lognormvariate(13, 2))
        settings = {"lang": rng.choices(["de", "tr", "en"], [12, 2, 1])[0], "sms": rng.random() < .4}
        return {
            "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)), "first_name": given, "last_name": family,
            "email": None if rng.random() < .2 else f"{local}@{zipf(rng, ['post.example', 'mail.example', 'netz.example'], 1)}", "birth_date": born,
            "sex": sex, "plz": start + str(rng.randrange(codes) + 10 ** (4 - len(start)) * 2 + 1).zfill(5 - len(start)), "city": town,
            "insurer": zipf(rng, self.INSURERS[6:] if private else self.INSURERS, 1.1),
            "insurance_no": None if private else rng.choice("ABCDEFGHKLMNPRSTUVWX") + f"{rng.randrange(10**9):09}",
            "height_cm": height, "weight_kg": weight, "balance": f"{rng.choice([10.72, 21.45, 33.52, 58.31]) * rng.randint(1, 9):.2f}" if private else "0.00",
            "reminders": rng.random() < (.8 if age < 60 else .45), "preferences": json.dumps(settings),
            "allergies": ", ".join(rng.sample(self.NOTES, rng.randint(1, 2))) if rng.random() < .15 else None, "created_at": moment, "updated_at": updated,
        }

    def naive(self, fake, rng, first, last):
        moment = fake.date_time_between(first, last)
        return {
            "id": str(uuid.UUID(int=rng.getrandbits(128), version=4)), "first_name": fake.first_name(), "last_name": fake.last_name(),
            "email": fake.unique.email(), "birth_date": fake.date_of_birth(), "sex": rng.choice("wmd"), "plz": fake.postcode(), "city": fake.city(),
            "insurer": rng.choice(self.INSURERS), "insurance_no": fake.unique.bothify("?#########").upper(), "height_cm": rng.randint(150, 200),
            "weight_kg": f"{rng.uniform(45, 120):.1f}", "balance": f"{rng.uniform(0, 200):.2f}", "reminders": fake.boolean(),
            "preferences": json.dumps({"lang": "de", "sms": fake.boolean()}), "allergies": None, "created_at": moment,
            "updated_at": moment + datetime.timedelta(seconds=rng.randint(0, 10**7)),
        }

    @staticmethod
    def written(moment):
        return str(moment)

    @staticmethod
    def moment(text):
        return datetime.datetime.fromisoformat(text)


POPULATIONS = {"shop": Shop, "gateway": Gateway, "clinic": Clinic}
