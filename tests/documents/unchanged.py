"""Compares a document with the one that carries a beacon: members that are in both and were not changed have the
same bytes in the file, local header included; at most five are changed or new."""

import struct
import sys
import zipfile


def members(path):
    with open(path, "rb") as file:
        whole = file.read()
    infos = zipfile.ZipFile(path).infolist()
    starts = sorted(info.header_offset for info in infos)
    out = {}
    for info in infos:
        at = info.header_offset
        name, extra = struct.unpack("<HH", whole[at + 26 : at + 30])
        end = at + 30 + name + extra + info.compress_size
        following = [start for start in starts if start > at]
        assert not following or end <= following[0]
        out[info.filename] = (whole[at:end], info.date_time, info.external_attr, info.create_system)
    return out


before, after = members(sys.argv[1]), members(sys.argv[2])
assert set(before) <= set(after), "a member is gone"
changed = [name for name in after if before.get(name) != after[name]]
assert 2 <= len(changed) <= 5, changed
