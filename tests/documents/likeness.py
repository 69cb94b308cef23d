"""How alike the documents of a directory are: the share of members (of PDFs: objects) that a pair has in common,
byte for byte, the mean over pairs; how many sizes there are, and how far they spread."""

import collections
import itertools
import json
import os
import re
import statistics
import sys
import zipfile

directory = sys.argv[1]
documents = []
sizes = []
for name in sorted(os.listdir(directory)):
    path = os.path.join(directory, name)
    sizes.append(os.path.getsize(path))
    if name.endswith(".pdf"):
        with open(path, "rb") as file:
            parts = re.findall(rb"\d+ 0 obj\n.*?endobj", file.read(), re.S)
        documents.append(collections.Counter(parts))
    else:
        members = zipfile.ZipFile(path).infolist()
        documents.append(collections.Counter((item.filename, item.CRC) for item in members))

shares = []
for one, other in itertools.combinations(documents, 2):
    common = sum((one & other).values())
    shares.append(common / max(sum(one.values()), sum(other.values())))
texts = b"".join(open(os.path.join(directory, name), "rb").read() for name in os.listdir(directory))
print(
    json.dumps(
        {
            "documents": len(documents),
            "identical members": round(100 * statistics.mean(shares), 2),
            "different sizes": len(set(sizes)),
            "spread": round(statistics.stdev(sizes) / statistics.mean(sizes), 4),
            "constant names of ours": len(re.findall(rb"(?i)lapwing|canary|honey", texts)),
        }
    )
)
