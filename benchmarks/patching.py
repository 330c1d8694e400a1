"""Seconds of exact patching sweeps here and with `transformer_lens.patching`, on the same weights and prompts.

The default model and a random one of GPT-2 small's size; prompts of 15 and 32 tokens; residual stream by layer x position,
heads over all positions, heads by position. The library runs on HookedTransformer (its own class) and on
TransformerBridge; its time for a sweep is that of a seeded sample of its forward passes, times the number of cells: the
print says so. Ours is whole sweeps, preview left out. The two take turns. The last line is the smallest speed-up over the
library on HookedTransformer.
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import transformer_lens.patching as library
from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

from benchmarks import report
from benchmarks.report import Sample
from interp_core.answers import single_token
from interp_core.errors import InterpError
from interp_core.metrics import Metric
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.patching import SweepPlan, patch_sweep
from interp_core.prompt_pairs import PromptPair
from interp_core.prompts import Prompt
from interp_core.row_sweeps import BUDGET
from interp_core.settings import models_folder
from interp_core.types import ModelSpec, Run
from tests.reference import hooked_transformer

GOAL = 10.0
SAMPLE = 60
"""Cells of the library's sweeps that are timed, of each sweep; on its other model, the Bridge, a third of them."""
_SWEEPS: dict[str, tuple[SweepPlan, str, Callable[..., torch.Tensor]]] = {
    "residual, layer x position": (SweepPlan("resid_pre"), "resid_pre", library.layer_pos_patch_setter),
    "heads, all positions": (SweepPlan("z", False), "z", library.layer_head_vector_patch_setter),
    "heads by position": (SweepPlan("z", True), "z", library.layer_pos_head_vector_patch_setter),
}
_COLUMNS = {"residual, layer x position": ["layer", "pos"], "heads, all positions": ["layer", "head"]}
_TEXTS = {
    "IOI, 15 tokens": (
        "When Mary and John went to the store, John gave a drink to",
        "When Mary and John went to the store, Mary gave a drink to",
    ),
    "IOI, 15 tokens, other names": (
        "When Mary and John went to the store, John gave a drink to",
        "When Anna and James went to the store, James gave a drink to",
    ),
    "IOI, 32 tokens": (
        "After a long and rather tiring day at the office, when Mary and John finally went to the little store on the "
        "corner, John gave a drink to",
        "After a long and rather tiring day at the office, when Anna and James finally went to the little store on the "
        "corner, James gave a drink to",
    ),
}


@dataclass
class Case:
    """One sweep of one prompt of one model."""

    model: str
    prompt: str
    sweep: str
    n_pos: int
    first: int
    """First position at which the prompts differ."""
    n_cells: int
    floor_s: float = 0.0
    """What the multiplications of the partial passes take at the speed of one large matrix product."""
    ours_s: list[float] = field(default_factory=list)
    hooked_s: list[float] = field(default_factory=list)
    """Of one of the library's forward passes on HookedTransformer."""
    bridge_s: list[float] = field(default_factory=list)
    """The same on TransformerBridge."""
    off: float = 0.0
    """Largest difference of the sampled cells."""

    def speed_up(self, passes: list[float]) -> float:
        """How many times the library's time ours is."""
        return Sample(tuple(passes)).median * self.n_cells / Sample(tuple(self.ours_s)).median


@dataclass(frozen=True)
class Subject:
    """A model twice, and its prompt pairs."""

    name: str
    loaded: LoadedModel
    reference: Any
    pairs: dict[str, PromptPair]
    metric: Metric


def default_subject() -> Subject:
    """The default model on indirect object identification."""
    spec = ModelSpec(device="cpu")
    folder = find_folder(spec)
    loaded = load_model(spec, folder)

    def run(text: str) -> Run:
        return Run(spec, loaded.tokenizer.tokenise(Prompt(text)).ids)

    pairs = {name: PromptPair(run(clean), run(corrupted)) for name, (clean, corrupted) in _TEXTS.items()}
    answer, foil = (single_token(loaded.tokenizer, text) for text in (" Mary", " John"))
    metric = Metric("logit_difference", (answer,), (foil,))
    return Subject("SmolLM2-135M", loaded, hooked_transformer(folder), pairs, metric)


def random_subject(folder: Path) -> Subject:
    """A random model of GPT-2 small's size, the first difference a quarter into random tokens."""
    torch.manual_seed(0)
    GPT2LMHeadModel(GPT2Config()).save_pretrained(folder)
    AutoTokenizer.from_pretrained(find_folder(ModelSpec())).save_pretrained(folder)
    spec = ModelSpec("folder", folder.name, device="cpu")
    loaded = load_model(spec, folder)
    pairs = {}
    for n_pos in (15, 32):
        clean = torch.randint(0, 50_000, (n_pos,)).tolist()
        corrupted = list(clean)
        for pos in (n_pos // 4, n_pos // 2):
            corrupted[pos] = (clean[pos] + 1) % 50_000
        pairs[f"random, {n_pos} tokens"] = PromptPair(Run(spec, tuple(clean)), Run(spec, tuple(corrupted)))
    metric = Metric("logit_difference", (5,), (9,))
    return Subject("GPT-2-small-sized", loaded, hooked_transformer(folder), pairs, metric)


def measure(subject: Subject, prompt: str, sweep: str, runs: int, speed: float) -> Case:
    """Time one sweep here and its sample with the library, taking turns."""
    pair, (plan, site, setter) = subject.pairs[prompt], _SWEEPS[sweep]
    shape = _shape(subject.loaded, plan, len(pair.clean.tokens))
    case = Case(
        subject.name, prompt, sweep, len(pair.clean.tokens), pair.first_difference, int(np.prod(shape)),
        floor_s=_flops(subject.loaded, plan, pair) / speed,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    flat = rng.choice(case.n_cells, min(SAMPLE, case.n_cells), replace=False)
    cells = np.stack(np.unravel_index(flat, shape), 1)
    columns = _COLUMNS.get(sweep, ["layer", "pos", "head"])
    clean, corrupted = (torch.tensor([run.tokens]) for run in (pair.clean, pair.corrupted))
    models = {"hooked_s": subject.reference, "bridge_s": subject.loaded.model}
    caches = {name: _cache(model, clean, plan, subject.loaded) for name, model in models.items()}
    found: dict[str, list[float]] = {name: [] for name in models}
    made = None
    for part in np.array_split(np.arange(len(cells)), max(runs, 3)):
        for name, model in models.items():
            chosen = part if name == "hooked_s" else part[::3]
            frame = pd.DataFrame(cells[chosen], columns=columns)
            with torch.no_grad():
                began = time.perf_counter()
                scores = library.generic_activation_patch(
                    model, corrupted, caches[name], lambda logits: subject.metric.score(logits[:, -1])[0], setter, site,
                    index_df=frame,
                )  # fmt: skip
                getattr(case, name).append((time.perf_counter() - began) / len(chosen))
            found[name] += scores.tolist()
        if len(case.ours_s) < runs:
            made, seconds = ours(subject, pair, plan)
            case.ours_s.append(seconds)
    assert made is not None
    case.off = float(np.abs(made[tuple(cells.T)] - np.array(found["hooked_s"])).max())
    return case


def ours(subject: Subject, pair: PromptPair, plan: SweepPlan, budget: int = BUDGET) -> tuple[np.ndarray, float]:
    """One whole sweep and its seconds, from the two prompts on; the gradient's preview is not part of it."""
    began = time.perf_counter()
    steps = patch_sweep(subject.loaded, pair, subject.metric, plan, budget=budget, preview=False)
    made = [step.partial for step in steps][-1]
    return made.score, time.perf_counter() - began  # type: ignore[attr-defined]


def _cache(model: Any, clean: torch.Tensor, plan: SweepPlan, loaded: LoadedModel) -> Any:
    names = [
        f"blocks.{layer}.{'attn.hook_z' if plan.site == 'z' else 'hook_resid_pre'}"
        for layer in range(loaded.card.n_layers)
    ]
    with torch.no_grad():
        return model.run_with_cache(clean, names_filter=names)[1]


def _shape(loaded: LoadedModel, plan: SweepPlan, n_pos: int) -> tuple[int, ...]:
    sizes = {"layer": loaded.card.n_layers, "pos": n_pos, "head": loaded.card.n_heads}
    return tuple(sizes[axis] for axis in plan.axes)


def _flops(loaded: LoadedModel, plan: SweepPlan, pair: PromptPair) -> float:
    """Multiplications and additions of every cell from its layer and position on, and of its logits."""
    card, n_pos, first = loaded.card, len(pair.clean.tokens), pair.first_difference
    block = sum(p.numel() for p in loaded.model.blocks[0].parameters() if p.ndim > 1)
    suffixes = [n_pos - pos for pos in range(first, n_pos)] if plan.by_position else [n_pos - first]
    heads = card.n_heads if plan.site == "z" else 1
    layers = sum(card.n_layers - layer for layer in range(card.n_layers))
    cells = card.n_layers * heads * len(suffixes)
    return 2.0 * (block * layers * heads * sum(suffixes) + card.d_model * card.d_vocab * cells)


def flops_per_second() -> float:
    """Of one large float32 matrix product, the median of five."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - began)
    return 2 * 2048**3 / float(np.median(times))


def print_results(cases: list[Case], speed: float) -> float:
    """Print the table and return the headline."""
    rows = [
        [
            case.model, f"{case.prompt}, differ at {case.first}", case.sweep, f"{case.n_cells:,}",
            Sample(tuple(case.ours_s)).text(1),
            f"{Sample(tuple(case.hooked_s)).median * case.n_cells:.0f}",
            f"{Sample(tuple(case.bridge_s)).median * case.n_cells:.0f}",
            f"x {case.speed_up(case.hooked_s):.1f}", f"x {case.speed_up(case.bridge_s):.1f}",
            f"{case.floor_s:.1f}", f"{case.off:.0e}",
        ]
        for case in cases
    ]  # fmt: skip
    least = min(case.speed_up(case.hooked_s) for case in cases)
    report.print_table(
        "Exact patching sweeps, seconds",
        ["model", "prompt", "sweep", "cells", "ours: median (range, n)", "library*", "on Bridge*", "speed-up", "on Bridge",
         "floor", "off by"],
        rows,
        [
            f"* transformer_lens.patching, extrapolated from {SAMPLE} of its forward passes, a third of them on Bridge, seed 0.",
            "Off by: largest difference of those cells, logits. Cells before the first difference cost us nothing.",
            f"Floor: multiplications of the partial passes alone, at {speed / 1e9:.0f} GFLOP/s of one large product.",
            f"Goal, at least {GOAL:.0f} times faster on each: {'met' if least >= GOAL else 'not met'}.",
        ],
    )  # fmt: skip
    return least


def print_budgets(subject: Subject) -> None:
    """Print what other row budgets give."""
    prompt, (plan, _, _) = "IOI, 15 tokens, other names", _SWEEPS["heads, all positions"]
    rows = []
    for budget in (BUDGET // 4, BUDGET, 4 * BUDGET):
        times = Sample(tuple(ours(subject, subject.pairs[prompt], plan, budget)[1] for _ in range(2)))
        rows.append([f"{budget:,}{' (ours)' if budget == BUDGET else ''}", times.text(1)])
    report.print_table(
        f"Row budgets: {subject.name}, {prompt}, heads over all positions",
        ["rows x positions of a pass", "seconds"],
        rows,
        ["MLP activations of one pass take budget x d_mlp x 4 bytes, a few times over."],
    )


def main() -> int:
    """Measure, print, and return the exit status."""
    options = report.parser(__doc__, runs=2).parse_args()
    library.tqdm = lambda rows, **_: rows  # type: ignore[assignment]
    warnings.simplefilter("ignore")
    cases: list[Case] = []
    speed = flops_per_second()
    try:
        default = default_subject()
        models_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models_folder(), prefix="bench-") as folder:
            for subject in (default, random_subject(Path(folder))):
                for prompt in subject.pairs:
                    for sweep in _SWEEPS:
                        print(f"{subject.name}, {prompt}, {sweep}", file=sys.stderr, flush=True)
                        long = sweep == "heads by position"
                        cases.append(measure(subject, prompt, sweep, 1 if long else options.runs, speed))
    except InterpError as error:
        print(error, file=sys.stderr)
        return 1
    headline = print_results(cases, speed)
    print_budgets(default)
    report.finish("patching", headline, 1, report.machine(), [asdict(case) for case in cases], options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
