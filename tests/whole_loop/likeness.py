"""Can a classifier tell planted rows from their neighbours?

Usage: likeness.py POPULATION PLANTER SEED TARGET LAPWING

POPULATION is one of populations.py. A table of 200 rows is in use; then, 200 times, eight more people sign up
and PLANTER adds one row, so that planted rows stand everywhere and their date tells nothing: `lapwing` (the built binary, one `plant person` each), `naive` (Faker's values) or
`nobody` (a ninth person signs up: what the judge makes of chance). Prints a line of JSON: `auc`, its 95 %
bootstrap interval `low` and `high` (2,000 draws of rows), `planted`, `rows`, and `tells`, what tells most.

The judge is scikit-learn's HistGradientBoostingClassifier with its defaults and a fixed seed, which knows
which rows are planted; each row is judged by the one of five models that has not seen it. What it looks at:

- of every column: whether it is NULL;
- of texts and names: length, digits, capitals, characters that are neither, words, rows with the same value;
- of names: how many rows bear the given name, the family name, and both;
- of the e-mail address what stands before the @: as of texts, and whether it holds the given name, the family
  name or an initial, whether figures stand behind, whether it is the username; so of the username;
- of times: hour, weekday, minute, second, thousandths; of the first one the distance to the row before and
  after by id; of others the distance to the first;
- of numbers: value, last figure, decimals, rows with the same value, quotients of any two;
- of categories: the value, rows with it, rows with the same two, for any two columns and for the town and
  the start of its postcode.

Left out: the domain of the e-mail address, which is the operator's by design, and rows without an address, which
ours never are; the id and the date, which would say when a row came in.
"""

import collections
import csv
import datetime
import io
import itertools
import json
import random
import sqlite3
import subprocess
import sys
import urllib.parse

from populations import POPULATIONS, folded

BEFORE, ROUNDS, BETWEEN = 200, 200, 8


class Sqlite:
    def __init__(self, target):
        self.path = target.removeprefix("sqlite:").split("?")[0]

    def run(self, sql):
        with sqlite3.connect(self.path) as database:
            database.executescript(f"PRAGMA synchronous = OFF; BEGIN; {sql}; COMMIT;")

    def rows(self, population, first=""):
        """All of the table in its order, once a script has run."""
        if first:
            self.run(first)
        with sqlite3.connect(self.path) as database:
            database.row_factory = sqlite3.Row
            found = database.execute(f"SELECT * FROM {population.table} ORDER BY {population.key}").fetchall()
        return [{key: None if row[key] is None else str(row[key]) for key in row.keys()} for row in found]


class Postgresql:
    def __init__(self, target):
        socket = urllib.parse.parse_qs(urllib.parse.urlsplit(target).query)["host"][0]
        self.client = ["psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", socket, "app"]

    def run(self, sql):
        return subprocess.run(self.client, input=sql, capture_output=True, text=True, check=True).stdout

    def rows(self, population, first=""):
        wanted = f"SELECT * FROM {population.table} ORDER BY {population.key}"
        said = self.run(f"{first}; COPY ({wanted}) TO STDOUT WITH CSV HEADER")
        return [{key: value or None for key, value in row.items()} for row in csv.DictReader(io.StringIO(said))]


class Table:
    """A table in use."""

    def __init__(self, population, database):
        self.population, self.database, self.rows = population, database, []
        database.run(population.schema)

    def look(self, script=""):
        """Runs a script and reads what is there."""
        self.rows = self.database.rows(self.population, script)

    def grow(self, count):
        """So many people sign up, the first some time after the newest row; none with an address that is taken."""
        population, rows = self.population, self.rows
        moment = max((population.moment(row[population.times[0]]) for row in rows), default=population.begins)
        unique = list(filter(None, ["email", population.login]))
        taken = {(column, row[column]) for row in rows for column in unique if row[column]}
        script = []
        for _ in range(count):
            moment = population.clock.after(moment)
            row = population.row(moment)
            while any((column, row[column]) in taken for column in unique):
                row = population.row(moment)
            taken |= {(column, row[column]) for column in unique if row[column]}
            script.append(insert(population, row))
        self.look("".join(script))


def insert(population, row):
    def literal(value):
        if value is None:
            return "NULL"
        if isinstance(value, datetime.datetime):
            value = population.written(value)
        return "'" + str(value).replace("'", "''") + "'"

    values = ", ".join(literal(value) for value in row.values())
    return f"INSERT INTO {population.table} ({', '.join(row)}) VALUES ({values});\n"


class Naive:
    """Plants what Faker gives."""

    def __init__(self, table, seed):
        from faker import Faker

        # Seeded apart from the population: the same numbers would give the same random keys.
        self.table, self.fake, self.rng = table, Faker(table.population.locale), random.Random(f"naive {seed}")
        self.fake.seed_instance(seed)

    def __call__(self):
        population = self.table.population
        times = [population.moment(row[population.times[0]]) for row in self.table.rows]
        row = population.naive(self.fake, self.rng, min(times), max(times))
        self.table.look(insert(population, row))


class Lapwing:
    """Plants as an operator does."""

    def __init__(self, table, target, lapwing):
        self.command = [lapwing, "plant", "person", target, "--locale", table.population.locale, "--yes"]

    def __call__(self):
        done = subprocess.run(self.command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{self.command} ended with {done.returncode}: {done.stderr}")


def played(table, plant):
    """Grows and plants by turns; gives the ids of what was planted."""
    table.grow(BEFORE)
    planted = set()
    for _ in range(ROUNDS):
        table.grow(BETWEEN)
        before = {row["id"] for row in table.rows}
        plant()
        table.look()
        planted |= {row["id"] for row in table.rows} - before
    return planted


def texture(text):
    text = text or ""
    return {"length": len(text), "digits": sum(c.isdigit() for c in text), "capitals": sum(c.isupper() for c in text),
            "other": sum(not c.isalnum() for c in text), "words": len(text.split())}


def names_of(population, row):
    if population.whole:
        given, _, family = row[population.whole].partition(" ")
        return given, family
    return row[population.given], row[population.family]


def of_texts(population, rows, found):
    for row in rows:
        given, family = names_of(population, row)
        row |= {"(given)": given, "(family)": family, "(both)": f"{given} {family}", "(local)": (row["email"] or "").split("@")[0]}
    for column in [*population.texts, "(given)", "(family)", "(both)", "(local)"]:
        counts = collections.Counter(row[column] for row in rows)
        for row, features in zip(rows, found):
            features |= {f"{column} {what}": value for what, value in texture(row[column]).items()}
            features[f"{column} rows"] = counts[row[column]]
    for row, features in zip(rows, found):
        given, family = folded(row["(given)"]), folded(row["(family)"].split(" ")[0])
        for column in filter(None, ["(local)", population.login]):
            text = row[column].lower()
            features |= {f"{column} given": given in text, f"{column} family": family in text,
                         f"{column} initial": text[:1] == given[:1], f"{column} figures": len(text) - len(text.rstrip("0123456789"))}
        if population.login:
            features["local is login"] = row["(local)"] == row[population.login]


def of_times(population, rows, found):
    first = [population.moment(row[population.times[0]]) for row in rows]
    for at, (row, features) in enumerate(zip(rows, found)):
        for column in population.times:
            moment = row[column] and population.moment(row[column])
            features |= {f"{column} {part}": getattr(moment, part) if moment else -1 for part in ["hour", "minute", "second", "microsecond"]}
            features[f"{column} weekday"] = moment.weekday() if moment else -1
            features[f"{column} after"] = (moment - first[at]).total_seconds() if moment else -1
        features["gap before"] = (first[at] - first[at - 1]).total_seconds() if at else 0
        features["gap behind"] = (first[at + 1] - first[at]).total_seconds() if at + 1 < len(first) else 0


def of_numbers(population, rows, found):
    for column in population.numbers:
        counts = collections.Counter(row[column] for row in rows)
        for row, features in zip(rows, found):
            text = row[column] or "-1"
            features |= {column: float(text), f"{column} last": int(text[-1]), f"{column} rows": counts[row[column]],
                         f"{column} decimals": len(text.partition(".")[2].rstrip("0"))}
    for one, other in itertools.permutations(population.numbers, 2):
        for row, features in zip(rows, found):
            features[f"{one} by {other}"] = float(row[one] or -1) / (float(row[other] or -1) or -1)


def of_categories(population, rows, found):
    pairs = list(itertools.combinations(population.categories, 2))
    if population.postcode:
        for row in rows:
            row["(district)"] = row[population.postcode][:3]
        pairs += [("city", other) for other in ["(district)", "state"] if other in rows[0]]
    for column in population.categories:
        counts = collections.Counter(row[column] for row in rows)
        codes = {value: at for at, value in enumerate(sorted(counts, key=str))}
        for row, features in zip(rows, found):
            features |= {column: codes[row[column]], f"{column} rows": counts[row[column]]}
    for one, other in pairs:
        counts = collections.Counter((row[one], row[other]) for row in rows)
        for row, features in zip(rows, found):
            features[f"{one} with {other}"] = counts[row[one], row[other]]


def judge(population, rows, planted):
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    found = [{f"{column} NULL": value is None for column, value in row.items()} for row in rows]
    for part in [of_texts, of_times, of_numbers, of_categories]:
        part(population, rows, found)
    # The address is what a canary is recognised by: it has one.
    judged = [at for at, row in enumerate(rows) if row["email"]]
    x = np.array([[float(value) for value in found[at].values()] for at in judged])
    y = np.array([rows[at]["id"] in planted for at in judged])
    model = HistGradientBoostingClassifier(random_state=1)
    score = cross_val_predict(model, x, y, cv=StratifiedKFold(5, shuffle=True, random_state=1), method="predict_proba")[:, 1]
    rng, draws = np.random.default_rng(1), []
    for _ in range(2_000):
        at = rng.integers(0, len(y), len(y))
        if 0 < y[at].sum() < len(at):
            draws.append(roc_auc_score(y[at], score[at]))
    low, high = np.percentile(draws, [2.5, 97.5])
    weight = permutation_importance(model.fit(x, y), x, y, n_repeats=2, random_state=1, scoring="roc_auc").importances_mean
    names = list(found[0])
    return {"auc": round(float(roc_auc_score(y, score)), 3), "low": round(float(low), 3), "high": round(float(high), 3),
            "planted": int(y.sum()), "rows": len(rows), "tells": [names[at] for at in np.argsort(-weight)[:6]]}


def main():
    name, planter, seed, target, lapwing = sys.argv[1:]
    population = POPULATIONS[name](int(seed))
    table = Table(population, Sqlite(target) if target.startswith("sqlite:") else Postgresql(target))
    planters = {"lapwing": lambda: Lapwing(table, target, lapwing), "naive": lambda: Naive(table, int(seed)),
                "nobody": lambda: lambda: table.grow(1)}
    planted = played(table, planters[planter]())
    print(json.dumps(judge(population, table.rows, planted)))


if __name__ == "__main__":
    main()
