"""Typed URL state: the URL is the truth on arrival, the widgets are the truth while they change.

A page has a schema of fields. `arrive` runs before the page's widgets and seeds their session keys when the URL was
changed from outside (a link, back, forward); `commit` runs after them and writes what differs from the defaults.
Three rules decide who is right, because a rerun may carry a URL that the browser has not yet updated:

1. another page, or a first visit: the URL;
2. a widget's value differs from what was last committed: the widgets;
3. the URL differs from what was last committed, and is not the one that we replaced a moment ago: the URL.

A URL that already says what the page shows is left as it is, so that no entry is added to the browser's history.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from interp_core.errors import InterpError

_ECHO_S = 1.0
_SHOWN_CHARS = 60


@dataclass(frozen=True)
class Field:
    """One value in the URL."""

    default: Any
    parse: Callable[[str], Any]
    """Raises ValueError or InterpError with the reason when the text is no such value."""
    dump: Callable[[Any], str] = str
    shared: bool = False
    """Whether every page has it under the same widget key."""


def whole(default: int | None, least: int = 0, most: int = 100_000, *, shared: bool = False) -> Field:
    """A whole number in a range; None where there is none."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.lstrip("-").isdigit() and len(text) < 10 and least <= int(text) <= most):
            raise ValueError(f"it must be a whole number from {least:,} to {most:,}")
        return int(text)

    return Field(default, parse, shared=shared)


def choice(options: tuple[str, ...], default: str, *, shared: bool = False) -> Field:
    """One of a few words."""

    def parse(text: str) -> str:
        if text not in options:
            raise ValueError(f"it must be one of {', '.join(options)}")
        return text

    return Field(default, parse, shared=shared)


def switch(default: bool, *, shared: bool = False) -> Field:
    """On or off, `1` or `0`."""

    def parse(text: str) -> bool:
        if text not in ("0", "1"):
            raise ValueError("it must be 1 or 0")
        return text == "1"

    return Field(default, parse, lambda value: str(int(value)), shared=shared)


def number(default: float, least: float, most: float) -> Field:
    """A decimal number in a range."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ValueError(f"it must be a number from {least:g} to {most:g}")
        return value

    return Field(default, parse, lambda value: f"{value:g}")


Schema = Mapping[str, Field]


@dataclass(frozen=True)
class _Committed:
    page: str
    signature: tuple[tuple[str, tuple[str, ...]], ...]
    values: dict[str, Any]
    replaced: tuple[tuple[str, tuple[str, ...]], ...] | None
    """The signature that this one replaced, and when: a rerun may still carry it."""
    at: float


class UrlState:
    """The URL state of one page in one script run."""

    def __init__(self, page: str, schema: Schema) -> None:
        self.page = page
        self.schema = schema
        self.problems: list[str] = []
        """One sentence for each value that could not be used."""
        self._said: dict[str, Any] = {}
        """What the URL says, with defaults for what it does not say or says wrongly."""
        self._seen: dict[str, Any] = {}
        """The values that this run committed."""

    def key(self, name: str) -> str:
        """The session key under which a widget holds a field."""
        return f"url.{name}" if self.schema[name].shared else f"{self.page}.{name}"

    def __getitem__(self, name: str) -> Any:
        # A callback may run when Streamlit holds no value of a widget that nobody has touched.
        return st.session_state.get(self.key(name), self._seen.get(name))

    def set(self, name: str, value: Any) -> None:
        """Change a value, from a callback or before its widget is drawn."""
        st.session_state[self.key(name)] = value

    def arrive(self) -> None:
        """Decide who is right, and seed the session keys."""
        self._said = self._parse()
        last: _Committed | None = st.session_state.get("url.committed")
        same_page = last is not None and last.page == self.page
        if last is not None and same_page:
            now = {name: st.session_state.get(self.key(name), last.values[name]) for name in self.schema}
            signature = _signature()
            echo = signature == last.replaced and time.monotonic() - last.at < _ECHO_S
            if now != last.values or signature == last.signature or echo:
                for name, value in now.items():
                    st.session_state.setdefault(self.key(name), value)
                return
        for name, value in self._said.items():
            st.session_state[self.key(name)] = value

    def restrict(self, name: str, count: int, what: str) -> None:
        """Refuse a number that this model or prompt does not have, with a sentence, and take the default."""
        default = self.schema[name].default
        said, refusal = self._said[name], (name, _signature())
        # A URL that the page is about to replace may still name what the user has just changed: that is no bad link.
        of_link = self[name] == said or st.session_state.get(f"url.refused.{name}") == refusal
        if said is not None and said >= count and of_link:
            st.session_state[f"url.refused.{name}"] = refusal
            self.problems.append(f"{name}={said}: {what}. Shown instead: {'none' if default is None else default}.")
            self._said[name] = default
        if self[name] is not None and not (isinstance(self[name], int) and self[name] < count):
            self.set(name, default)

    def commit(self) -> None:
        """Write what differs from the defaults, unless the URL says it already, and remember it."""
        values = self._seen = self.values()
        before = _signature()
        if self._said != values:
            st.query_params.from_dict(self.link())
        after = _signature()
        last: _Committed | None = st.session_state.get("url.committed")
        replaced, at = (before, time.monotonic()) if after != before else (None, 0.0)
        if replaced is None and last is not None and last.page == self.page and last.signature == after:
            replaced, at = last.replaced, last.at
        st.session_state["url.committed"] = _Committed(self.page, after, values, replaced, at)

    def values(self) -> dict[str, Any]:
        """Every value by name."""
        return {name: self[name] for name in self.schema}

    def link(self, **changes: Any) -> dict[str, str]:
        """Query parameters of this state with changes, for links within the page or to another."""
        return dump(self.schema, {**self.values(), **changes})

    def shared_link(self, **changes: Any) -> dict[str, str]:
        """Query parameters that any page understands, with changes."""
        schema = {name: field for name, field in self.schema.items() if field.shared}
        return dump(schema, {**{name: self[name] for name in schema}, **changes})

    def _parse(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        self.problems = []
        for name, field in self.schema.items():
            text = st.query_params.get(name)
            values[name] = field.default
            if len(st.query_params.get_all(name)) > 1:
                self.problems.append(
                    f"{name} is given {len(st.query_params.get_all(name))} times: the last one counts."
                )
            if text is not None:
                try:
                    values[name] = field.parse(text)
                except (ValueError, InterpError) as error:
                    shown = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "..."
                    self.problems.append(f"{name}={shown}: {str(error).rstrip('.')}. The default is shown instead.")
        return values


def dump(schema: Schema, values: Mapping[str, Any]) -> dict[str, str]:
    """Query parameters of the values that differ from their defaults."""
    return {name: schema[name].dump(value) for name, value in values.items() if value != schema[name].default}


def _signature() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(sorted((name, tuple(st.query_params.get_all(name))) for name in st.query_params))
