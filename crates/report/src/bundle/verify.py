#!/usr/bin/env python3
"""Checks an evidence bundle with ssh-keygen and openssl: python3 verify.py FINGERPRINT [DIRECTORY]
VERIFY.md says what is checked, what that shows, and from where FINGERPRINT has to come."""
import argparse, base64, hashlib, json, os, re, struct, subprocess, sys
options = argparse.ArgumentParser(description=__doc__)
options.add_argument("fingerprint", help="of the station's key, SHA256:..., as told by other means")
options.add_argument("bundle", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
options.add_argument("--manifest", help="SHA-256 of the file SHA256SUMS, as told by other means")
options.add_argument("--tsa", type=os.path.abspath, help="PEM file to check the time stamp with")
options.add_argument("--witness", default=[], action="append", help="a witness's key, NAME+ID+KEY")
args = options.parse_args()
os.chdir(args.bundle)
problems, notes, leaves = [], [], {}
def finish(said="not verified"):
    print(*[f"BROKEN: {text}" for text in problems], *[f"note: {text}" for text in notes], said, sep="\n")
    sys.exit(1 if problems else 0)
def lines(name): return open(name, "rb") if os.path.isfile(name) else []
def read(name): return b"".join(lines(name))
def sha256(*pieces): return hashlib.sha256(b"".join(pieces)).digest()
def string(value): return struct.pack(">I", len(value)) + value
def runs(command, *more, stdin=b""):
    return subprocess.run([*command.split(), *more], input=stdin, capture_output=True).returncode == 0
# 1. Every file is in SHA256SUMS, and as it says.
sums = {line[66:-1].decode("latin-1"): line[:64].decode("latin-1") for line in lines("SHA256SUMS")}
walked = [(place, name) for place, directories, files in os.walk(".") for name in directories + files]
found = {os.path.normpath(os.path.join(*path)) for path in walked}
for path in sorted((found | set(sums)) - {"SHA256SUMS", "SHA256SUMS.sig", "parts"}):
    digest = hashlib.sha256()
    for line in lines(path) if path in found and not os.path.islink(path) else []: digest.update(line)
    if path not in sums: problems.append(f"{ascii(path)[1:-1]}: not in SHA256SUMS")
    elif path not in found: problems.append(f"{ascii(path)[1:-1]}: missing")
    elif digest.hexdigest() != sums[path]: problems.append(f"{path}: changed")
# 2. SHA256SUMS and the checkpoint are signed by the key whose fingerprint was told.
signer = re.fullmatch(rb"(station-[0-9a-f]{8}) ssh-ed25519 ([A-Za-z0-9+/]{68})\n", read("allowed_signers"))
if not signer: sys.exit("BROKEN: allowed_signers: not as written")
station, blob = signer[1].decode(), base64.b64decode(signer[2])
fingerprint = "SHA256:" + base64.b64encode(sha256(blob)).decode().rstrip("=")
if fingerprint != args.fingerprint: problems.append(f"allowed_signers: {fingerprint} is another key")
head = b"SSHSIG\0\0\0\1" + b"".join(map(string, (blob, b"lapwing-evidence", b"", b"sha512")))
head += struct.pack(">I", 83) + string(b"ssh-ed25519") + struct.pack(">I", 64)
armour = rb"-+BEGIN SSH SIGNATURE-+\n((?:[A-Za-z0-9+/]{70}\n){3}[A-Za-z0-9+/]{38}\n)-+END SSH SIGNATURE-+\n"
for name in ("SHA256SUMS", "checkpoint"):
    signature = re.fullmatch(armour, read(name + ".sig"))
    whole = signature and base64.b64decode(signature[1]).startswith(head)
    verify = f"ssh-keygen -Y verify -f allowed_signers -I {station} -n lapwing-evidence -s {name}.sig"
    if not whole or not runs(verify, stdin=read(name)):
        problems.append(f"{name}: {name}.sig is not its signature by that key")
if args.manifest not in (None, sha256(read("SHA256SUMS")).hex()): problems.append("SHA256SUMS: not as told")
if any(not text.startswith(("records.jsonl", "parts/")) for text in problems): finish()
# 3. A time stamp authority and witnesses have seen the checkpoint, as far as their keys are given.
body = read("checkpoint").split(b"\n\n")[0] + b"\n"
root = base64.b64decode(body.split(b"\n")[2])
if args.tsa and not runs("openssl ts -verify -data checkpoint -in checkpoint.tsr -CAfile", args.tsa):
    problems.append("checkpoint.tsr: not of this checkpoint by that authority")
for name, key in [(witness.split("+")[0], witness.split("+", 2)[2]) for witness in args.witness]:
    public = bytes.fromhex("302a300506032b6570032100") + base64.b64decode(key)[1:]
    pem = b"-----BEGIN PUBLIC KEY-----\n%s\n-----END PUBLIC KEY-----\n" % base64.b64encode(public)
    verify = "openssl pkeyutl -verify -pubin -inkey /dev/stdin -rawin -in {0} -sigfile {0}.sig"
    messages = [file for file in found if file + ".sig" in found and read(file).endswith(b"\n" + body)]
    if not any(runs(verify.format(file), stdin=pem) for file in messages):
        problems.append(f"checkpoint: {name} has not cosigned it")
# 4. Every record is a leaf of the tree under the checkpoint's root, every part what its record says.
for line in lines("proofs.tsv"):
    sequence, leaf, path, absent = line.decode().rstrip("\n").split("\t")
    node = bytes.fromhex(leaf)
    for side in path.split():
        pair = (bytes.fromhex(side[1:]), node) if side[0] == "L" else (node, bytes.fromhex(side[1:]))
        node = sha256(b"\1", *pair)
    leaves[bytes.fromhex(leaf)] = int(sequence), dict(item.split("=") for item in absent.split())
    if node != root: problems.append(f"record {sequence}: its proof leads elsewhere")
for line in lines("records.jsonl"):
    sequence, absent = leaves.pop(sha256(b"\0", line[:-1]), (None, {}))
    if sequence is None: problems.append("records.jsonl: holds a line that is no record under the checkpoint")
    for part, digests in json.loads(line)["parts"].items() if sequence is not None else []:
        path, digest = f"parts/{sequence:020}.{part}", digests["digest"]
        if sums.get(path, digest) != digest: problems.append(f"{path}: not what record {sequence} says")
        elif path not in sums and absent.get(part) != "withheld":
            notes.append(f"record {sequence}: part {part} is not here: {absent.get(part, 'nobody says why')}")
problems += [f"record {sequence}: missing or changed" for sequence, absent in leaves.values()]
finish(f"verified: the records in records.jsonl are under the checkpoint that {station} signed")
