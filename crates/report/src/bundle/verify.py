"""Checks an evidence bundle with ssh-keygen and openssl; VERIFY.md says what that shows and what it takes."""
import argparse, base64, hashlib, json, os, re, struct, subprocess, sys
options = argparse.ArgumentParser(description=__doc__)
options.add_argument("fingerprint", help="of the station's key, SHA256:..., as told by other means")
options.add_argument("bundle", nargs="?", default=os.path.dirname(os.path.abspath(__file__)))
options.add_argument("--manifest", help="SHA-256 of the file SHA256SUMS, as told by other means")
options.add_argument("--tsa", "--tsa-certificates", type=os.path.abspath, help="the authority's, in PEM")
options.add_argument("--witness", default=[], action="append", help="a witness's key, NAME+ID+KEY")
args = options.parse_args()
os.chdir(args.bundle)
problems, notes, leaves, early = [], [], {}, "not verified because what comes before it is broken"
def finish(end="not verified", time=early, seen=early):
    print(*map("BROKEN: {}".format, problems), *notes, f"timestamp: {time}\nwitness: {seen}\n{end}", sep="\n")
    sys.exit(1 if problems else 0)
def lines(name): return open(name, "rb") if os.path.isfile(name) else []
def read(name): return b"".join(lines(name))
def sha256(*pieces): return hashlib.sha256(b"".join(pieces)).digest()
def string(value): return struct.pack(">I", len(value)) + value
def runs(command, *more, stdin=b""):
    return subprocess.run([*command.split(), *more], input=stdin, capture_output=True).returncode == 0
# 1. Every file is in SHA256SUMS, and as it says.
sums = {line[66:-1].decode("latin-1"): line[:64].decode("latin-1") for line in lines("SHA256SUMS")}
found = {os.path.normpath(f"{at}/{name}") for at, below, files in os.walk(".") for name in below + files}
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
    whole = (text := re.fullmatch(armour, read(name + ".sig"))) and base64.b64decode(text[1]).startswith(head)
    verify = f"ssh-keygen -Y verify -f allowed_signers -I {station} -n lapwing-evidence -s {name}.sig"
    if not whole or not runs(verify, stdin=read(name)):
        problems.append(f"{name}: {name}.sig is not its signature by that key")
if args.manifest not in (None, sha256(read("SHA256SUMS")).hex()): problems.append("SHA256SUMS: not as told")
if any(not text.startswith(("records.jsonl", "parts/")) for text in problems): finish()
# 3. A time stamp authority and witnesses have seen the checkpoint, as far as their keys are given.
body = read("checkpoint").split(b"\n\n")[0] + b"\n"
root = base64.b64decode(body.split(b"\n")[2])
def vouched(broken, said, file, option):
    problems.extend(broken)
    absent = f"not verified because {option} was not given" if file in found else "none in this bundle"
    return "not verified because " + "; ".join(broken) if broken else f"verified: {said}" if said else absent
fine = not args.tsa or runs("openssl ts -verify -data checkpoint -in checkpoint.tsr -CAfile", args.tsa)
broken = [] if fine else ["checkpoint.tsr: not of this checkpoint by that authority"]
time = vouched(broken, args.tsa, "checkpoint.tsr", "--tsa")
messages = [file for file in found if file + ".sig" in found and read(file).endswith(b"\n" + body)]
verify = "openssl pkeyutl -verify -pubin -keyform DER -inkey /dev/stdin -rawin -in {0} -sigfile {0}.sig"
told = [witness.split("+", 2) for witness in args.witness]
keys = [(who, bytes.fromhex("302a300506032b6570032100") + base64.b64decode(key)[1:]) for who, _, key in told]
broken = [f"checkpoint: {name} has not cosigned it" for name, key in keys
          if not any(runs(verify.format(file), stdin=key) for file in messages)]
seen = vouched(broken, ", ".join(dict(keys)), "cosignature-1", "--witness")
# 4. Every record is a leaf of the tree under the checkpoint's root, every part what its record says.
for line in lines("proofs.tsv"):
    sequence, leaf, path, absent = line.decode().rstrip("\n").split("\t")
    node = bytes.fromhex(leaf)
    for side, step in [(side[0], bytes.fromhex(side[1:])) for side in path.split()]:
        node = sha256(b"\1", step, node) if side == "L" else sha256(b"\1", node, step)
    leaves[bytes.fromhex(leaf)] = int(sequence), dict(item.split("=") for item in absent.split())
    if node != root: problems.append(f"record {sequence}: its proof leads elsewhere")
for line in lines("records.jsonl"):
    sequence, why = leaves.pop(sha256(b"\0", line[:-1]), (None, {}))
    if sequence is None: problems.append("records.jsonl: holds a line that is no record under the checkpoint")
    for part, digests in json.loads(line)["parts"].items() if sequence is not None else []:
        path, said, gone = f"parts/{sequence:020}.{part}", digests["digest"], why.get(part, "nobody says why")
        if sums.get(path, said) != said: problems.append(f"{path}: not what record {sequence} says")
        elif path not in sums and gone != "withheld":
            notes.append(f"note: record {sequence}: part {part} is not here: {gone}")
problems += [f"record {sequence}: missing or changed" for sequence, _ in leaves.values()]
finish(f"verified: the records in records.jsonl are under the checkpoint that {station} signed", time, seen)
