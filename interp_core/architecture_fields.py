"""Values of a configuration, checked as they are read."""

from collections.abc import Mapping
from typing import Any

from interp_core.errors import ArchitectureError

MOST = 100_000_000
"""No size of a model is larger."""
MOST_LAYERS = 100_000
MOST_HEADS = 10_000


def encodable(text: str, most: int) -> str:
    """The first characters of a text, question marks in place of lone surrogates, which no encoding can write."""
    return text[:most].encode("utf-8", "replace").decode("utf-8")


class Fields:
    """A configuration whose values are asked for by name, the first name that is there counting."""

    def __init__(self, config: Mapping[str, Any], name: str) -> None:
        self.config = config
        self.name = name

    def has(self, *names: str) -> bool:
        """Whether one of the names has a value."""
        return any(self.config.get(name) is not None for name in names)

    def refuse(self, what: str) -> ArchitectureError:
        """An error about this configuration."""
        return ArchitectureError(f"{self.name}: {what}")

    def count(self, first: str, *others: str, default: int | None = None, least: int = 1, most: int = MOST) -> int:
        """A whole number.

        Raises:
            ArchitectureError: It is missing without a default, or no such number.
        """
        for name in (first, *others):
            value = self.config.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise self.refuse(
                    f"{name} is {str(value)[:40]!r}, and must be a whole number from {least:,} to {most:,}. Correct it."
                )
            return value
        if default is None:
            also = f" (or {', '.join(others)})" if others else ""
            raise self.refuse(f"the configuration has no {first}{also}, without which nothing can be drawn. Add it.")
        return default

    def flag(self, name: str, default: bool) -> bool:
        """On or off."""
        value = self.config.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(f"{name} is {str(value)[:40]!r}, and must be true or false. Correct it.")
        return value

    def text(self, *names: str, default: str = "") -> str:
        """A word."""
        found = next((value for name in names if isinstance(value := self.config.get(name), str)), default)
        return encodable(found, 80)

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers; empty where there is none.

        Raises:
            ArchitectureError: It is something else.
        """
        return tuple(self._listed(name, int, "whole numbers"))

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of words; empty where there is none.

        Raises:
            ArchitectureError: It is something else.
        """
        return tuple(self._listed(name, str, "words"))

    def _listed(self, name: str, kind: type, what: str) -> list[Any] | tuple[Any, ...]:
        values = self.config.get(name)
        if values is None:
            return ()
        if not isinstance(values, list | tuple) or not all(
            isinstance(one, kind) and not isinstance(one, bool) for one in values
        ):
            raise self.refuse(f"{name} is {str(values)[:40]!r}, and must be a list of {what}. Correct it.")
        return values

    def key_value_heads(self, name: str, n_heads: int) -> int:
        """How many key and value heads so many heads share; as many where the configuration does not say.

        Raises:
            ArchitectureError: The heads cannot be shared out evenly.
        """
        count = self.count(name, default=n_heads, most=MOST_HEADS)
        if n_heads % count:
            raise self.refuse(
                f"{n_heads:,} heads cannot share {count:,} key and value heads. Give a number that divides them."
            )
        return count

    def share(self, *names: str, default: float) -> float:
        """A number from 0 to 1."""
        for name in names:
            value = self.config.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
                raise self.refuse(f"{name} is {str(value)[:40]!r}, and must be a number from 0 to 1. Correct it.")
            return float(value)
        return default

    def per_layer(self, name: str, n_layers: int) -> tuple[Any, ...] | None:
        """A list with one value a layer; None where there is none."""
        values = self.config.get(name)
        if not isinstance(values, list | tuple) or not values:
            return None
        if len(values) != n_layers:
            raise self.refuse(f"{name} names {len(values):,} layers, and there are {n_layers:,}. Correct one of them.")
        return tuple(values)
