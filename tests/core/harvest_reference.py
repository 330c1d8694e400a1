"""A harvest as one would write it without thinking of time or memory: what the fast one must equal."""

import math

import numpy as np

from interp_core.harvest.histogram import bin_edges
from interp_core.harvest.plan import LEFT, N_TOP, PER_BIN, RIGHT

M64 = 2**64 - 1


def signed(x):
    x &= M64
    return x - 2**64 if x >= 2**63 else x


def mix(x):
    x &= M64
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & M64
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & M64
    return x ^ (x >> 31)


def priority(position, feature):
    return signed(mix(position ^ mix(feature + 1)))


def reference(acts, keep, inside, context, d_sae):
    """`acts[window][pos]` are rows of activations; every quantity is a plain loop over them."""
    edges = bin_edges()
    found = []
    for feature in range(d_sae):
        seen = [
            (float(acts[w, p, feature]), w, p)
            for w in range(len(acts))
            for p in range(context)
            if keep[w, p] and acts[w, p, feature] > 0
        ]
        bins = [max(i for i, edge in enumerate(edges[:-1]) if value >= edge) for value, _, _ in seen]
        best = {}
        for value, w, p in seen:
            if w not in best or value > best[w][0]:
                best[w] = (value, w * context + p)
        top = sorted(best.values(), key=lambda one: (-one[0], one[1]))[:N_TOP]
        samples = []
        for one in sorted(set(bins)):
            members = [s for s, b in zip(seen, bins, strict=True) if b == one]
            members.sort(key=lambda s: priority(s[1] * context + s[2], feature))
            samples += [(value, w * context + p) for value, w, p in members[:PER_BIN]]
        found.append({
            "fired": len(seen),
            "windows_fired": len(best),
            "total": sum(round_half_even(value * 65536) for value, _, _ in seen),
            "largest": max((s[0] for s in seen), default=0.0),
            "smallest": min((s[0] for s in seen), default=math.inf),
            "histogram": [bins.count(i) for i in range(len(edges) - 1)],
            "top": top,
            "samples": samples,
        })  # fmt: skip
    return found


def round_half_even(value):
    return int(np.rint(value))


def around(acts, keep, w, p, feature):
    row = []
    for q in range(p - LEFT, p + RIGHT + 1):
        inside = 0 <= q < acts.shape[1] and keep[w, q]
        row.append(np.float16(acts[w, q, feature]) if inside else np.float16("nan"))
    return np.array(row)
