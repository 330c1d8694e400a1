"""A feature's dashboard read from a plain document: one made here, or one from a file, of which nothing is trusted.

The document is described in `docs/features.md`. What it lacks is shown as missing; what cannot be is refused with a sentence.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from interp_views.feature_dashboard_data import (
    Bars,
    ExampleGroup,
    ExampleText,
    FeatureView,
    Losses,
    Rows,
    TokenScores,
)

FORMAT, VERSION = "hookscope feature dashboard", 1
MOST_EXAMPLES, MOST_TOKENS = 500, 4096
_MOST_TEXT = 2000
_LARGEST = 1e30  # pictures are drawn in float32


def feature_view(document: Any, *, score: str = "", examples: int | None = None) -> FeatureView:
    """What the dashboard shows of a document.

    Args:
        document: As JSON gives it.
        score: A line for a compact column.
        examples: At most so many of each group; all if absent.

    Raises:
        ValueError: It is no such document, or of another version, or a part of it cannot be.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"This is no feature dashboard of Hookscope: its format is not {FORMAT!r}.")
    if document.get("version") != VERSION:
        raise ValueError(
            f"The dashboard is of version {str(document.get('version'))[:20]!r}, and this Hookscope reads version {VERSION}. Open it "
            "with the Hookscope that wrote it, or update this one."
        )
    try:
        return _view(document, score, examples)
    except (KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ValueError(
            f"The dashboard cannot be read: a part is missing or of another kind ({type(error).__name__}: {str(error)[:100]}). Export "
            "it again."
        ) from error


def _view(document: dict[str, Any], score: str, examples: int | None) -> FeatureView:
    record, label, logits = document.get("record"), document.get("label") or {}, document.get("logits") or {}
    texts = _examples(document.get("examples") or [])
    largest = _number(record["largest"]) if record else max((one.activation for _, one in texts), default=0.0)
    by = label.get("by", "")
    return FeatureView(
        name=_text(document["name"]),
        index=_whole(document["feature"]),
        sae=_text(document["sae"]),
        label=_text(label.get("text", "")),
        label_by=by if by in ("user", "automatic") and label.get("text") else "",
        facts=_facts(document, record),
        density=_density(record),
        activations=_bars(record.get("histogram")) if record else None,
        logits=_bars(logits.get("histogram")),
        promoted=_scores(logits.get("promoted"), 2),
        suppressed=_scores(logits.get("suppressed"), 2),
        tables=tuple(map(_rows, document.get("tables") or [])),
        groups=_groups(record, texts, examples),
        largest=largest if math.isfinite(largest) and largest > 0 else 1.0,
        score=score,
        about=f"{_text(document.get('sae_sha256', ''))[:12]}.{_whole(document['feature'])}",
    )


def _facts(document: dict[str, Any], record: dict[str, Any] | None) -> tuple[tuple[str, str], ...]:
    found = [("model", _text(document.get("model", ""))), ("reads", _text(document.get("place", "")))]
    if record:
        active, share = "", _density(record)
        if record["tokens"] is not None:
            active = f"{_whole(record['fired']):,} of {_whole(record['tokens']):,} tokens"
        elif not math.isnan(share):
            active = f"{share:.3%} of tokens"
        known = [(name, _number(record[name])) for name in ("largest", "mean")]
        found += [("active on", active), *((name, "" if math.isnan(one) else f"{one:.2f}") for name, one in known)]
        found += [(f"quantile {float(share):g}", f"{float(value):.2f}") for share, value in record.get("quantiles", [])]
    return tuple((name, value) for name, value in found if value)


def _density(record: dict[str, Any] | None) -> float:
    """NaN where it is not known. Who does not say of how many tokens may say the share of them."""
    if not record or record["tokens"] is None:
        return _number((record or {}).get("density"))
    return _whole(record["fired"]) / max(1, _whole(record["tokens"]))


def _examples(found: list[Any]) -> list[tuple[int, ExampleText]]:
    if len(found) > MOST_EXAMPLES:
        raise ValueError(f"The dashboard has {len(found):,} examples and may have {MOST_EXAMPLES}. Export fewer.")
    return [(_whole(one["kind"]), _example(number, one)) for number, one in enumerate(found)]


def _example(number: int, one: dict[str, Any]) -> ExampleText:
    tokens = _texts(one["tokens"])
    if not 0 < len(tokens) <= MOST_TOKENS:
        raise ValueError(f"Example {number} has {len(tokens):,} tokens: it must have 1 to {MOST_TOKENS:,}.")
    document, place = one.get("document"), one.get("place")
    where = "" if document is None else f"document {_whole(document)}, token {_whole(place or 0)}"
    ids = one.get("ids")
    return ExampleText(
        tokens=tokens,
        ids=_wholes(ids) if ids else (-1,) * len(tokens),
        activations=_numbers(one["activations"]),
        peak=_whole(one["peak"]),
        activation=_number(one["activation"]),
        place=where,
        number=number,
        losses=_losses(one["losses"]) if one.get("losses") else None,
        sources=_numbers(one["sources"]) if one.get("sources") else None,
    )


def _losses(found: dict[str, Any]) -> Losses:
    up, down = (tuple(_scores(one, 1) if one else None for one in found[name]) for name in ("up", "down"))
    exact, direct, before, after = (_numbers(found[name]) for name in ("exact", "direct", "before", "after"))
    return Losses(exact, direct, before, after, up, down)


def _groups(
    record: dict[str, Any] | None, texts: list[tuple[int, ExampleText]], most: int | None
) -> tuple[ExampleGroup, ...]:
    made = []
    bands = (record or {}).get("bands") or []
    for kind in sorted({kind for kind, _ in texts}):
        title, note = "Top activations", ""
        if kind == 0 and record and record["largest"] is not None:
            note = f"max {float(record['largest']):.2f}"
        if kind and kind <= len(bands):
            band = bands[kind - 1]
            title = f"{float(band['from']):.2f} to {float(band['to']):.2f}"
            note = f"contains {float(band['share']):.1%} of activations"
        elif kind:
            title = f"Group {kind}"
        made.append(ExampleGroup(title, note, tuple(text for one, text in texts if one == kind)[:most]))
    return tuple(made)


def _rows(table: dict[str, Any]) -> Rows:
    rows, kind = table["rows"], table.get("kind", "")
    columns = tuple(map(_text, table["columns"]))
    return Rows(
        title=_text(table["title"]),
        columns=columns,
        indices=tuple(_whole(row[0]) for row in rows),
        values=np.array([[_number(value) for value in row[1:]] for row in rows], np.float32).reshape(len(rows), len(columns) - 1),
        decimals=tuple(min(8, max(0, _whole(one))) for one in table["decimals"]),
        kind=kind if kind in ("feature", "second", "neuron") else "",
        note=_text(table.get("note", "")),
    )  # fmt: skip


def _bars(found: Any) -> Bars | None:
    return found and Bars(
        np.array(_wholes(found["counts"]), np.int64), _numbers(found["edges"]).astype(np.float64), bool(found["log"])
    )  # fmt: skip


def _scores(found: Sequence[Any] | None, place: int) -> TokenScores | None:
    """Rows of a token, perhaps its id, and a number that stands at `place`."""
    if not found:
        return None
    return TokenScores(_texts([row[0] for row in found]), _numbers([row[place] for row in found]))


# A dashboard holds thousands of values, all but always of one type and in range, which a few calls tell of a whole list.


def _numbers(values: Sequence[Any]) -> np.ndarray:
    if set(map(type, values)) == {float} and max(values) <= _LARGEST and min(values) >= -_LARGEST:
        return np.array(values, np.float32)
    return np.array([_number(value) for value in values], np.float32)


def _wholes(values: Sequence[Any]) -> tuple[int, ...]:
    if set(map(type, values)) == {int} and max(values) < 2**53 and min(values) > -(2**53):
        return tuple(values)
    return tuple(map(_whole, values))


def _texts(values: Sequence[Any]) -> tuple[str, ...]:
    if set(map(type, values)) == {str} and "".join(values).isascii() and max(map(len, values)) <= _MOST_TEXT:
        return tuple(values)
    return tuple(map(_text, values))


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        raise TypeError(f"{str(value)[:40]!r} is no number, or too large a one")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**53:
        raise TypeError(f"{str(value)[:40]!r} is no whole number")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{str(value)[:40]!r} is no text")
    cut = value[:_MOST_TEXT]
    # Half a surrogate pair cannot be written.
    return cut if cut.isascii() else cut.encode("utf-8", "replace").decode()
