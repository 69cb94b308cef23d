"""What scikit-learn makes of the partitions that the linking benchmark wrote: one JSON line a family."""

import collections
import json
import sys

from sklearn.metrics import adjusted_rand_score
from sklearn.metrics.cluster import contingency_matrix, pair_confusion_matrix

worlds = collections.defaultdict(lambda: ([], []))
for line in open(sys.argv[1], encoding="utf-8"):
    world, truth, answer = json.loads(line)
    worlds[world][0].append(truth)
    worlds[world][1].append(answer)

families = collections.defaultdict(list)
for world, labels in worlds.items():
    families[world.rsplit(" ", 1)[0]].append(labels)

for family, members in families.items():
    items = precision = recall = rand = both = answered = true = 0.0
    for truth, answer in members:
        table = contingency_matrix(truth, answer).astype(float)
        precision += (table**2 / table.sum(axis=0, keepdims=True)).sum()
        recall += (table**2 / table.sum(axis=1, keepdims=True)).sum()
        items += len(truth)
        rand += adjusted_rand_score(truth, answer)
        (_, false_positive), (false_negative, hit) = pair_confusion_matrix(truth, answer)
        both += hit
        answered += hit + false_positive
        true += hit + false_negative
    share = lambda part, whole: part / whole if whole else 1.0
    print(
        json.dumps(
            {
                "family": family,
                "bcubed": [precision / items, recall / items],
                "pairwise": [share(both, answered), share(both, true)],
                "rand": rand / len(members),
            }
        )
    )
