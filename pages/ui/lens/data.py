"""What the lens page asks of the engine.

Techniques are imported inside the jobs for the same reason as in `cached`: they import torch.
"""

# ruff: noqa: PLC0415

from typing import TYPE_CHECKING, Any

from pages.ui import cached
from pages.ui.bench import Bench

if TYPE_CHECKING:
    from interp_core.head_writes import HeadWrites
    from interp_core.logit_attribution import LogitAttribution
    from interp_core.logit_lens import LogitLens
    from interp_core.models import LoadedModel
    from interp_core.readout import LensNorm
    from interp_core.residual_stream import ResidualStream


def logit_lens(bench: Bench, norm: "LensNorm", token: int | None) -> "LogitLens":
    """The readout of every layer's stream."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.logit_lens import read_logit_lens

        return read_logit_lens(model, bench.run, norm=norm, token=token, k=words_of(bench))

    return cached.ask(bench.spec, ("logit lens", bench.run, norm, token), work, "Reading out every layer")


def words_of(bench: Bench) -> int:
    """How many tokens each cell names: fewer for long prompts, so that the picture stays small."""
    n_pos = len(bench.run.tokens)
    return 5 if n_pos <= 256 else 2 if n_pos <= 1024 else 1


def residual_stream(bench: Bench, pos: int | None) -> "ResidualStream":
    """Norms and cosines of the stream."""

    def work(model: "LoadedModel") -> "ResidualStream":
        from interp_core.residual_stream import read_residual_stream

        return read_residual_stream(model, bench.run, pos=pos)

    return cached.ask(bench.spec, ("residual stream", bench.run, pos), work, "Measuring the residual stream")


def attribution(bench: Bench, answer: int, foil: int | None, pos: int) -> "LogitAttribution":
    """A logit, or a difference of two, as a sum."""

    def work(model: "LoadedModel") -> "LogitAttribution":
        from interp_core.logit_attribution import attribute_logit

        return attribute_logit(model, bench.run, answer, foil, pos=pos)

    return cached.ask(bench.spec, ("attribution", bench.run, answer, foil, pos), work, "Taking the logit apart")


def head_writes(bench: Bench, pos: int) -> "HeadWrites":
    """What every head writes at a position."""

    def work(model: "LoadedModel") -> Any:
        from interp_core.head_writes import read_head_writes

        return read_head_writes(model, bench.run, pos=pos)

    return cached.ask(bench.spec, ("head writes", bench.run, pos), work, "Reading what every head writes")


def single_token(bench: Bench, text: str, what: str) -> int:
    """The id of a text that is one token.

    Raises:
        MetricError: It is not one token.
    """
    from interp_core.answers import single_token

    return single_token(cached.loaded(bench.spec).tokenizer, text, what)
