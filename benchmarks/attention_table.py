"""The attention benchmark's tables: what each tool's file weighs, when it is on screen, and whether our goals are met."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from benchmarks import report
from benchmarks.app_traffic import LAYER, WHAT, Sending
from benchmarks.patterns import LONE_HEAD, LONG
from benchmarks.peers import ABSENT
from benchmarks.pixels import Opening
from benchmarks.report import Sample
from interp_core.settings import GIB

OURS, RIVAL = "hookscope", "inspectus"
GOAL_BYTES = 0.1
_GOAL_LENGTH = 512
_FILES = (
    "File: all 144 heads in one HTML file without network, opened from disk in a fresh Chromium without GPU; seconds",
    "from the start of the navigation to the last change of the document or of the window's pixels, then half a second",
    "of quiet (not counted). At most 180 s to write and 180 s to show; beyond 20 GiB a program is ended.",
    "GiB: most memory of the writing process (ours is in the benchmark's own) and of all processes of the browser.",
    "The tools do not show the same. hookscope: all 144 patterns on one canvas, a click shows one large; steps of 1/255,",
    "not float32, which the app sends for the head in focus. inspectus: one matrix, the mean of all heads, and a map to",
    "choose heads by. circuitsvis attention_heads: all 144 small, on WebGL, which a GPU would speed up. bertviz",
    "head_view: the heads of one layer as lines; model_view: all 144 as lines.",
)
_APP = (
    f"The default model, 30 layers x 9 heads (layer {LAYER}), its run in the server's cache; from the click or key on.",
    "Picture: WebSocket frames with the picture or a part of it: data, script, styles. All: every frame from the server.",
    "HTTP: Streamlit's own code, fetched once and then in the browser's cache.",
)


class Measured(Protocol):
    """One tool's file of one length: `attention.Case`."""

    tool: str
    n_pos: int
    n_bytes: int
    written_s: float
    written_memory: int
    problem: str
    openings: list[Opening]


def show(cases: Sequence[Measured], sent: Mapping[int, Mapping[str, list[Sending]]]) -> float:
    """Print the tables and the goals; return our bytes over the rival's at 512 tokens, NaN where it has no file."""
    short = [case for case in cases if case.n_pos != LONG]
    rows = []
    for n_pos in sent:
        files = [case for case in short if case.n_pos == n_pos]
        rows += [_row(case, files) for case in files]
        rows += [[str(n_pos), tool, "-", "-", "-", why, "-"] for tool, why in ABSENT.items()]
    report.print_table(
        "144 heads (12 x 12) in one file: seconds as median (least to greatest, number of runs)",
        ["tokens", "what", "bytes", f"/ {RIVAL}", "s to write", "seconds to pixels", "GiB write, show"],
        rows,
        _FILES,
    )
    _show_long([case for case in cases if case.n_pos == LONG])
    _show_app(sent)
    print()
    shares = [_goals(short, n_pos) for n_pos in sent]
    return dict(zip(sent, shares, strict=True)).get(_GOAL_LENGTH, float("nan"))


def _row(case: Measured, files: Sequence[Measured]) -> list[str]:
    rival = next(other.n_bytes for other in files if other.tool == RIVAL)
    return [
        str(case.n_pos),
        case.tool,
        f"{case.n_bytes:,}" if case.n_bytes else "-",
        f"{case.n_bytes / rival:.3f}" if case.n_bytes and rival else "-",
        f"{case.written_s:.1f}" if case.n_bytes else "-",
        case.problem or _pixels(case).text(),
        _memory(case),
    ]


def _memory(case: Measured) -> str:
    shown = max((opening.memory for opening in case.openings), default=0)
    return ", ".join(f"{size / GIB:.1f}" if size else "-" for size in (case.written_memory, shown))


def _pixels(case: Measured) -> Sample:
    return Sample(tuple(opening.pixels for opening in case.openings))


def _show_long(cases: Sequence[Measured]) -> None:
    rows = [
        [
            case.tool,
            f"{case.n_bytes:,}" if case.n_bytes else "-",
            f"{case.written_s:.1f}" if case.n_bytes else "-",
            "shown" if case.openings else "not shown",
            case.problem or _pixels(case).text(),
            _memory(case),
        ]
        for case in cases
    ]
    layer, head = LONE_HEAD
    report.print_table(
        f"One head alone (L{layer}H{head}) at {LONG:,} tokens: can each of the others show it at all?",
        ["what", "bytes", "s to write", "", "seconds to pixels", "GiB write, show"],
        rows,
        [f"Ours: the app shows all 270 heads of a run of {LONG:,} tokens; see bench-response."],
    )


def _show_app(sent: Mapping[int, Mapping[str, list[Sending]]]) -> None:
    def median(found: list[Sending], part: str) -> str:
        return f"{Sample(tuple(float(getattr(one, part)) for one in found)).median:,.0f}"

    rows = [
        [
            str(n_pos),
            WHAT[what],
            *(median(found, part) for part in ("picture_bytes", "websocket_bytes", "http_bytes")),
            Sample(tuple(one.painted for one in found)).text(),
        ]
        for n_pos, of_length in sent.items()
        for what, found in of_length.items()
    ]
    report.print_table(
        "What the running app sends: median bytes; seconds until painted",
        ["tokens", "chosen", "picture", "all", "HTTP", "seconds until painted"],
        rows,
        _APP,
    )


def _goals(cases: Sequence[Measured], n_pos: int) -> float:
    """Print whether the goals at one length are met, and return our bytes over the rival's."""
    of_length = {case.tool: case for case in cases if case.n_pos == n_pos}
    ours = of_length[OURS]
    for theirs in of_length.values():
        if theirs is not ours:
            print(f"  {n_pos} tokens, {theirs.tool}: {_bytes_goal(ours, theirs)} {_pixels_goal(ours, theirs)}")
    rival = of_length[RIVAL]
    return ours.n_bytes / rival.n_bytes if rival.n_bytes else float("nan")


def _bytes_goal(ours: Measured, theirs: Measured) -> str:
    if not theirs.n_bytes:
        return "no file;"
    share = ours.n_bytes / theirs.n_bytes
    return f"at most a tenth of the bytes: {'met' if share <= GOAL_BYTES else 'not met'} ({share:.3f});"


def _pixels_goal(ours: Measured, theirs: Measured) -> str:
    if not ours.openings:
        return f"quicker to pixels: not met ({ours.problem})"
    if not theirs.openings:
        return f"quicker to pixels: met ({theirs.problem})"
    faster = _pixels(theirs).median / _pixels(ours).median
    return f"quicker to pixels: {'met' if faster > 1 else 'not met'} (x {faster:.2f})"
