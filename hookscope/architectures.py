"""A model's architecture in a notebook: the diagram of the dashboard's Architecture page."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any

from interp_core.architecture_sources import architecture_of
from interp_core.errors import ArchitectureError
from interp_core.models import LoadedModel
from interp_core.user_hooks.declaring import declared_of
from interp_core.user_hooks.places import full_names
from interp_views.architecture import MOST_DIAGRAMS, ArchitectureView, architecture_payload
from interp_views.architecture_hooks import HookMark
from interp_views.component import Component, NotebookPicture

Described = LoadedModel | Mapping[str, Any] | str | Any
"""A loaded model, a configuration, a name as in the dashboard's URLs, or a model or configuration object of transformers
or TransformerLens."""
HookEntry = (
    Callable[..., Any] | tuple[str, Callable[..., Any] | str] | tuple[str, Callable[..., Any] | str, Mapping[str, Any]]
)
"""A function that `hookscope.hook` declares; or hook name (`*` stands for any text), function or label, and perhaps
`{"heads": [...]}`."""


@dataclass(frozen=True)
class ArchitecturePicture(NotebookPicture):
    """The diagram as the value of a notebook cell."""

    def show(self) -> None:
        """Show it where it is not the last value of a cell."""
        # Notebooks have it, the project does not need it.
        from IPython.display import display  # noqa: PLC0415  # pyright: ignore[reportMissingImports]

        display(self)

    def save_html(self, path: str | Path) -> Path:
        """Write one HTML file that needs no network."""
        path = Path(path)
        path.write_text(self.page, encoding="utf-8")
        return path


def architecture(
    *described: Described, max_layers: int = 8, width: int = 600, hooks: Iterable[HookEntry] = (), explain: bool = True
) -> ArchitecturePicture:
    """The diagram of a model, or of two to four side by side with what differs marked. No weights are loaded.

    Args:
        described: What to draw; without any, the default model.
        max_layers: Layers that are unfolded at first.
        width: Of one diagram, in pixels.
        hooks: What stands on which hook points, of the first model: as given to `run_with_hooks`, or with a label in place
            of the function. A name that the model does not have is named in the picture.
        explain: Whether parts are explained at first.

    Raises:
        ModelError: One cannot be had, or does not describe a model.
    """
    found = [architecture_of(one) for one in described or ("",)]
    if len(found) > MOST_DIAGRAMS:
        raise ArchitectureError(f"{len(found)} models were given, and {MOST_DIAGRAMS} fit side by side. Give fewer.")
    view = ArchitectureView(
        tuple(one.document() for one in found), tuple(_marks(hooks)), max_layers=max_layers, explain=explain,
        width=max(240, min(width, 2000)),
    )  # fmt: skip
    title = "Architecture of " + ", ".join(one.name for one in found)
    made = Component.load("architecture").notebook(architecture_payload(view), title)
    return ArchitecturePicture(made.page, made.title, made.height)


def _spelt(hooks: Iterable[HookEntry]) -> Iterator[Any]:
    """A declared function as one entry for each point that it names."""
    for entry in hooks:
        declared = declared_of(entry)
        if declared is None:
            yield entry
            continue
        heads = [] if declared.heads is None else [{"heads": declared.heads}]
        for name in full_names(declared):
            yield (name, entry, *heads)


def _marks(hooks: Iterable[HookEntry]) -> list[HookMark]:
    """One colour a function, in the order in which they come."""
    marks: list[HookMark] = []
    colours: dict[str, int] = {}
    for entry in _spelt(hooks):
        if not isinstance(entry, tuple | list) or not 2 <= len(entry) <= 3 or not isinstance(entry[0], str):
            raise ArchitectureError(
                f"{str(entry)[:80]!r} is no hook. Give (hook name, function or label), or with {{'heads': [...]}} as the third."
            )
        name, what, *rest = entry
        label = what if isinstance(what, str) else getattr(what, "__name__", type(what).__name__)
        mark = HookMark(name, label, colours.setdefault(label, len(colours)))
        marks.append(replace(mark, heads=_heads(name, rest[0])) if rest else mark)
    return marks


def _heads(name: str, options: object) -> tuple[int, ...] | None:
    """Query heads that the third part of a hook names; None for all."""
    if isinstance(options, Mapping):
        heads = options.get("heads")
        if heads is None:
            return None
        if isinstance(heads, Iterable) and not isinstance(heads, str | bytes):
            listed = list(heads)
            if all(isinstance(head, Integral) and not isinstance(head, bool) for head in listed):
                return tuple(int(head) for head in listed)
    raise ArchitectureError(
        f"{name[:80]}: {str(options)[:80]} does not name heads by their numbers. Give {{'heads': [0, 3]}} as the third."
    )
