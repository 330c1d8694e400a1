"""The attention benchmark's table: what each tool's file weighs, when it is on screen, and whether our goals are met."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from benchmarks import report
from benchmarks.app_traffic import Mounting
from benchmarks.peers import PEERS
from benchmarks.pixels import Opening
from benchmarks.report import Sample

OURS = "hookscope"
_PEERS = tuple(peer.name for peer in PEERS)
GOAL_BYTES = 0.1
_HEADLINE = ("inspectus", 512)
_NOTES = (
    "File: one HTML file without network, opened from disk in a fresh Chromium without GPU; seconds from the start of the",
    "navigation to the last change of the document or of the window's pixels, then half a second of quiet (not counted).",
    "/ circuitsvis, / inspectus: bytes of the row over the bytes of that tool's file.",
    "data-painted: seconds until our component says so itself; nothing is compared with it.",
    "In the app: WebSocket frames that carry the component (data, script, styles) after a click on an idle page; seconds",
    "from the click to data-painted. Streamlit's own code, fetched over HTTP once and cached, is not in the bytes.",
    "The tools do not draw the same: ours nine small heads, one large, and the text; circuitsvis nine small heads, all in",
    "one, and the text, with WebGL, which a GPU would speed up; inspectus one matrix, the mean of the heads.",
)


class Measured(Protocol):
    """One tool's file of one length: `attention.Case`."""

    tool: str
    n_pos: int
    n_bytes: int
    problem: str
    openings: list[Opening]


def show(cases: Sequence[Measured], mountings: Mapping[int, list[Mounting]]) -> float:
    """Print the table and the goals; return our bytes over inspectus's at 512 tokens, NaN where it has no file."""
    ours = {case.n_pos: case for case in cases if case.tool == OURS}
    rows = []
    for n_pos, found in mountings.items():
        files = [case for case in cases if case.n_pos == n_pos]
        rows += [_file_row(case, files) for case in files]
        rows.append(_app_row(n_pos, found, files))
    report.print_table(
        "One layer, 9 heads: seconds as median (least to greatest, number of runs)",
        ["tokens", "what", "bytes", *(f"/ {peer}" for peer in _PEERS), "seconds to pixels", "data-painted"],
        rows,
        [*_NOTES, *_http_note(mountings)],
    )
    print()
    peers = [case for case in cases if case.tool != OURS]
    for case in peers:
        print("  " + _goal(ours[case.n_pos], case))
    return next(
        (_share(ours[case.n_pos], case) for case in peers if (case.tool, case.n_pos) == _HEADLINE and case.n_bytes),
        float("nan"),
    )


def _share(ours: Measured, theirs: Measured) -> float:
    return ours.n_bytes / theirs.n_bytes


def _pixels(case: Measured) -> Sample:
    return Sample(tuple(opening.pixels for opening in case.openings))


def _over_peers(n_bytes: float, files: list[Measured]) -> list[str]:
    weights = {case.tool: case.n_bytes for case in files}
    return [f"{n_bytes / weights[peer]:.3f}" if n_bytes and weights[peer] else "-" for peer in _PEERS]


def _file_row(case: Measured, files: list[Measured]) -> list[str]:
    painted = tuple(opening.painted for opening in case.openings if opening.painted is not None)
    return [
        str(case.n_pos),
        f"{case.tool}, file",
        f"{case.n_bytes:,}" if case.n_bytes else "-",
        *_over_peers(case.n_bytes, files),
        case.problem or _pixels(case).text(),
        Sample(painted).text() if painted else "-",
    ]


def _app_row(n_pos: int, found: list[Mounting], files: list[Measured]) -> list[str]:
    sent = Sample(tuple(float(mounting.component_bytes) for mounting in found))
    return [
        str(n_pos),
        f"{OURS}, in the app",
        f"{sent.median:,.0f}",
        *_over_peers(sent.median, files),
        "-",
        Sample(tuple(mounting.painted for mounting in found)).text(),
    ]


def _http_note(mountings: Mapping[int, list[Mounting]]) -> list[str]:
    fetched = [mounting.http_bytes for found in mountings.values() for mounting in found]
    return [f"Over HTTP since the click: {min(fetched):,} to {max(fetched):,} bytes."] if fetched else []


def _goal(ours: Measured, theirs: Measured) -> str:
    where = f"{theirs.n_pos} tokens, {theirs.tool}:"
    if not theirs.n_bytes:
        return f"{where} {theirs.problem}"
    share = _share(ours, theirs)
    fewer = "met" if share <= GOAL_BYTES else "not met"
    text = f"{where} at most a tenth of the bytes: {fewer} ({share:.3f});"
    if not ours.openings:
        return f"{text} quicker to pixels: not met ({ours.problem})"
    if not theirs.openings:
        return f"{text} quicker to pixels: met ({theirs.problem})"
    faster = _pixels(theirs).median / _pixels(ours).median
    return f"{text} quicker to pixels: {'met' if faster > 1 else 'not met'} (x {faster:.2f})"
