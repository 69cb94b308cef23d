#!/usr/bin/env python3
"""Makes world.tsv, the country shapes of the report's map.

    npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
    python3 world.py package/countries-110m.json > world.tsv

In: TopoJSON (delta-coded arcs, quantised) whose ids are ISO 3166-1 numeric codes, and countries.tsv
beside this script. Out: one line a country, `alpha-2 TAB name TAB SVG path`, in the Equal Earth
projection (an equal-area one: the eye compares shaded areas) on a 960-wide field, one decimal,
relative moves. A country too small for the 1:110m shapes has an empty path and is named in words
instead. Antarctica is left out of the drawing. Shapes that have no ISO code are drawn, never shaded:
their code is `-`.
"""
import json
import math
import os
import sys

WIDTH = 960.0
SCALE = WIDTH / (2 * 2.7066299836)
TOP = 84.0  # degrees north at y = 0
A1, A2, A3, A4 = 1.340264, -0.081106, 0.000893, 0.003796
BY_NAME = {"Kosovo": "XK"}


def equal_earth(lon, lat):
    """Savric, Patterson, Jenny 2018, on a unit sphere."""
    theta = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(lat)))
    t2 = theta * theta
    t6 = t2 ** 3
    x = 2 * math.sqrt(3) * math.radians(lon) * math.cos(theta)
    x /= 3 * (9 * A4 * t6 * t2 + 7 * A3 * t6 + 3 * A2 * t2 + A1)
    return x, theta * (A4 * t6 * t2 + A3 * t6 + A2 * t2 + A1)


def to_page(lon, lat):
    x, y = equal_earth(lon, lat)
    return WIDTH / 2 + x * SCALE, (equal_earth(0, TOP)[1] - y) * SCALE


def decode_arcs(topology):
    (sx, sy), (tx, ty) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for arc in topology["arcs"]:
        x = y = 0
        points = []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append((x * sx + tx, y * sy + ty))
        arcs.append(points)
    return arcs


def ring_points(ring, arcs):
    points = []
    for index in ring:
        arc = arcs[index] if index >= 0 else list(reversed(arcs[~index]))
        points.extend(arc[1:] if points else arc)
    return points


def clip(points, edge, keep_below):
    """Sutherland-Hodgman against one meridian."""
    out = []
    for (x1, y1), (x2, y2) in zip(points, points[1:] + points[:1]):
        in1, in2 = ((x <= edge) if keep_below else (x >= edge) for x in (x1, x2))
        if in1:
            out.append((x1, y1))
        if in1 != in2:
            out.append((edge, y1 + (y2 - y1) * (edge - x1) / (x2 - x1)))
    return out


def cut(points):
    """A ring that crosses the 180th meridian comes out as one ring on each side of it."""
    turn, unwrapped = 0.0, [points[0]]
    for (x1, _), (x2, y2) in zip(points, points[1:]):
        turn += -360.0 if x2 - x1 > 180 else 360.0 if x1 - x2 > 180 else 0.0
        unwrapped.append((x2 + turn, y2))
    if all(-180 <= x <= 180 for x, _ in unwrapped):
        return [unwrapped]
    shifted = ([(x + shift, y) for x, y in unwrapped] for shift in (-360.0, 0.0, 360.0))
    return [clip(clip(ring, 180.0, True), -180.0, False) for ring in shifted]


def number(tenths):
    text = f"{tenths / 10:g}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def path(points):
    page = [to_page(*point) for point in points]
    tenths = [(round(x * 10), round(y * 10)) for x, y in page]
    out, last = [], None
    if tenths and tenths[0] == tenths[-1]:
        tenths.pop()
    for point in tenths:
        if point == last:
            continue
        if last is None:
            out.append(f"M{number(point[0])} {number(point[1])}l")
        else:
            dx, dy = number(point[0] - last[0]), number(point[1] - last[1])
            gap = "" if out[-1].endswith("l") or dx.startswith("-") else " "
            out.append(f"{gap}{dx}{'' if dy.startswith('-') else ' '}{dy}")
        last = point
    return "".join(out) + "z" if len(out) > 2 else ""


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    names, numeric = {}, {}
    for line in open(os.path.join(here, "countries.tsv"), encoding="utf-8"):
        if not line.startswith("#"):
            alpha2, code, name = line.rstrip("\n").split("\t")
            names[alpha2] = name
            if code:
                numeric[code] = alpha2
    topology = json.load(open(sys.argv[1], encoding="utf-8"))
    arcs = decode_arcs(topology)
    shapes, uncoded = {}, []
    for geometry in topology["objects"]["countries"]["geometries"]:
        polygons = geometry["arcs"] if geometry["type"] == "MultiPolygon" else [geometry["arcs"]]
        drawn = "".join(
            path(part) for polygon in polygons for ring in polygon
            for part in cut(ring_points(ring, arcs)))
        label = geometry["properties"]["name"]
        alpha2 = numeric.get(geometry.get("id", "")) or BY_NAME.get(label)
        if alpha2 == "AQ":
            continue
        if alpha2:
            shapes[alpha2] = drawn
        else:
            uncoded.append((label, drawn))
    for alpha2 in sorted(names):
        print(f"{alpha2}\t{names[alpha2]}\t{shapes.get(alpha2, '')}")
    for label, drawn in sorted(uncoded):
        print(f"-\t{label}\t{drawn}")


main()
