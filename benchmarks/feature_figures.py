"""The tables of `benchmarks.features`, and whether its goals are met."""

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.feature_pass import Costs
from benchmarks.feature_peers import BATCH, PeerCosts, largest_difference
from benchmarks.report import Sample, print_table
from interp_core.harvest.bundle import EXAMPLES, TOKENS, WINDOWS, Harvest
from interp_core.settings import GIB

OURS = "hookscope"
_TEXT = (EXAMPLES, TOKENS, WINDOWS)
_RATIO, _BYTES = 1.5, 4000


def show(
    passes: Sequence[Costs],
    ours: dict[int, dict[str, Any]],
    peers: list[PeerCosts],
    opened: list[float],
    shipped: Harvest,
) -> None:
    """Print everything but the machine and the headline."""
    _show_passes(passes)
    _show_sets(ours, peers)
    sizes = {f"random, {d_sae:,} features": (d_sae, found["bytes"]) for d_sae, found in ours.items()}
    of_shipped = {path.name: path.stat().st_size for path in shipped.folder.iterdir()}
    sizes[f"{shipped.folder.name}, ships"] = (shipped.d_sae, of_shipped)
    _show_bytes(sizes)
    rest = opened[1:]
    print_table(
        "Opening one feature of the harvest that ships, ms: reading, document, bytes for the browser",
        ("first", "median of the others", "longest of them"),
        [(f"{opened[0]:.0f}", f"{statistics.median(rest):.1f} (n={len(rest)})", f"{max(rest):.1f}")],
        ("The first also checks the checksums of the files, and reads the words and labels of all features.",),
    )


def _show_passes(passes: Sequence[Costs]) -> None:
    rows = []
    for one in passes:
        bare, harvest, publish = (Sample(tuple(found)) for found in (one.bare, one.harvest, one.publish))
        rows.append((
            one.what, f"{one.d_sae:,}", f"{one.n_tokens:,}", f"{one.cut:.1f}", bare.text(1), harvest.text(1), f"x {one.pass_ratio:.2f}",
            publish.text(1), f"x {one.ratio:.2f}", f"{one.tokens_per_second:,.0f}",
        ))  # fmt: skip
    print_table(
        "A harvest and the forward passes that it needs, seconds",
        ("model, SAE", "d_sae", "tokens", "cut", "bare", "harvest's pass", "over bare", "merge, publish", "both over bare", "tokens/s"),
        rows,
        (
            "Bare: forward passes to the hook point and one encoding of each; taking turns with the harvest's, batch by batch.",
            "Merging and publishing cost much the same however long the text is. Tokens/s are of the pass.",
            f"Goal, both over bare at most {_RATIO} on the default model: {_met(passes[-1].ratio <= _RATIO)} ({passes[-1].ratio:.2f}).",
        ),
    )  # fmt: skip


def _show_sets(ours: dict[int, dict[str, Any]], peers: list[PeerCosts]) -> None:
    rows: list[tuple[str, ...]] = []
    notes = [
        "Gather: ours is the whole harvest, of all features whatever is asked for. Documents: everything that a dashboard",
        "shows, as plain values; pages: these and a zip of HTML with an index. Total: with documents / with pages. The others",
        "write one HTML file.",
        "Start: imports, and loading model and SAE; it is in no total. Pages are not made of more than 2,048 features.",
        f"~ not run: {BATCH} features times the number of batches of {BATCH}, for each of which they begin anew; --all runs those of 2,048.",
    ]
    for d_sae, found in ours.items():
        for n, made in found["sets"].items():
            rows.append(_our_row(d_sae, int(n), found, made))
        for peer in peers:
            rows += [_their_row(peer, d_sae, n, one) for (size, n), one in peer.sets.items() if size == d_sae]
            guess = peer.extrapolated(d_sae, d_sae)
            if guess is not None and (d_sae, d_sae) not in peer.sets:
                rows.append((f"{d_sae:,}", peer.peer.package, f"{d_sae:,}", "", "", "", "", f"~ {guess:.0f}", "", ""))
        notes += _lead(d_sae, found, peers)
    notes += [f"{peer.peer.package} {peer.peer.version}: {peer.problem}" for peer in peers if peer.problem]
    columns = (
        "d_sae",
        "tool",
        "features",
        "start",
        "gather",
        "documents",
        "pages",
        "total",
        "kB a feature",
        "peak GiB",
    )
    print_table("Sets of dashboards, seconds of CPU", columns, rows, notes)


def _our_row(d_sae: int, n: int, found: dict[str, Any], made: dict[str, Any]) -> tuple[str, ...]:
    total = found["harvest"] + made["documents"]
    paged = made["pages"] is not None
    totals = f"{total:.1f} / {found['harvest'] + made['pages']:.1f}" if paged else f"{total:.1f}"
    return (
        f"{d_sae:,}", OURS, f"{n:,}", f"{found['start']:.1f}", f"{found['harvest']:.1f}", f"{made['documents']:.1f}",
        f"{made['pages']:.1f}" if paged else "-", totals, f"{made['bytes'] / n / 1000:.0f}" if paged else "-",
        f"{found['peak'] / GIB:.1f}",
    )  # fmt: skip


def _their_row(peer: PeerCosts, d_sae: int, n: int, one: dict[str, Any]) -> tuple[str, ...]:
    return (
        f"{d_sae:,}", peer.peer.package, f"{n:,}", f"{one['start']:.1f}", f"{one['gather']:.1f}", "", f"{one['write']:.1f}",
        f"{one['gather'] + one['write']:.1f}", f"{one['bytes'] / n / 1000:.0f}", f"{one['peak'] / GIB:.1f}",
    )  # fmt: skip


def _lead(d_sae: int, found: dict[str, Any], peers: list[PeerCosts]) -> list[str]:
    """What is compared, and how; and whether all tools saw the same."""
    notes = []
    made = found["sets"].get(str(d_sae))
    for peer in peers:
        name, theirs = peer.peer.package, peer.work(d_sae, BATCH)
        if theirs is not None and made is not None:
            dashboards = found["harvest"] + made["documents"]
            notes.append(
                f"d_sae {d_sae:,}: ours of all features {dashboards:.1f} s, {BATCH} of {name} {theirs:.1f} s; a feature costs it "
                f"x {theirs / BATCH * d_sae / dashboards:.0f}."
            )
            if made["pages"] is not None:
                pages = found["harvest"] + made["pages"]
                notes.append(
                    f"Goal, all of ours in less than {BATCH} of {name}: {_met(dashboards < theirs)}; as pages: {_met(pages < theirs)}."
                )
        measured = [one for (size, _), one in peer.sets.items() if size == d_sae]
        if measured:
            apart = largest_difference(found, measured[0])
            notes.append(
                f"d_sae {d_sae:,}, highest activations, ours and those of {name}: apart by at most {apart:.0e}."
            )
    return notes


def _show_bytes(sizes: dict[str, tuple[int, dict[str, int]]]) -> None:
    rows = []
    for what, (d_sae, files) in sizes.items():
        text = sum(size for name, size in files.items() if name in _TEXT)
        plain = sum(files.values()) - text
        rows.append((what, f"{plain / d_sae:,.0f}", f"{(plain + text) / d_sae:,.0f}", _met(plain / d_sae < _BYTES)))
    print_table(
        "Bytes a feature of a harvest on disk",
        ("harvest", "without text", "with text", f"under {_BYTES:,} without text"),
        rows,
        (
            f"Text: {', '.join(_TEXT)}, which hold the examples with their activations, and the windows that these stand in.",
        ),
    )


def _met(holds: bool) -> str:
    return "met" if holds else "not met"
