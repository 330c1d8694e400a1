"""Small worked dashboards of features, for their tests."""

from typing import Any

import numpy as np

from interp_views.feature_dashboard import Bars, ExampleGroup, ExampleText, FeatureView, Losses, Rows, TokenScores

HOSTILE = "<img src=x onerror=alert(1)>"
TOKENS = (" on", " Monday", "\n", " the", HOSTILE, " שלום")
ACTIVATIONS = np.float32([0, 4, np.nan, 1, 0, 8])
NAN = np.nan


def scores(*values: float, tokens: tuple[str, ...] = (" Monday", " Friday", "day", " week", "ly")) -> TokenScores:
    return TokenScores(tokens[: len(values)], np.float32(values))


def losses() -> Losses:
    """At positions 2 and 4 the feature was on at the token before; at 0 there is none, elsewhere it was silent."""
    raised, lowered = scores(0.5, 0.25, 0.125, 0.0625, 0.03), scores(-0.5, -0.25, -0.125, -0.0625, -0.03)
    up, down = [None] * 6, [None] * 6
    up[2] = up[4] = raised
    down[2] = down[4] = lowered
    return Losses(
        np.float32([NAN, 0, 0.75, 0, -0.375, 0]), np.float32([NAN, 0, 0.5, 0, -0.25, 0]),
        np.float32([NAN, 0.1, 0.5, 0.1, 0.25, 0.1]), np.float32([NAN, 0.1, 0.236, 0.1, 0.364, 0.1]),
        tuple(up), tuple(down),
    )  # fmt: skip


def example(number: int = 0, activations: np.ndarray = ACTIVATIONS, **changes: Any) -> ExampleText:
    fields = {
        "tokens": TOKENS, "ids": tuple(range(100, 106)), "activations": activations, "peak": 5, "activation": 8.0,
        "place": f"document 3, token {number}", "number": number,
    }  # fmt: skip
    return ExampleText(**(fields | changes))


def feature_view(**changes: Any) -> FeatureView:
    fields = {
        "name": "L14F231",
        "index": 231,
        "sae": "layer 14 residual",
        "label": "days of the week",
        "label_by": "user",
        "facts": (("max", "8.00"),),
        "density": 0.00312,
        "activations": Bars(np.array([4, 8, 2]), np.float32([1, 2, 4, 8]), log=True),
        "logits": Bars(np.array([1, 5, 6, 2]), np.float32([-2, -1, 0, 1, 2])),
        "promoted": scores(2, 1.5, 1),
        "suppressed": scores(-1, -0.5, tokens=(" of", " the")),
        "tables": (
            Rows("Correlated features", ("index", "Pearson", "cosine"), (99, 7), np.float32([[0.51, NAN], [0.3, 0.2]]),
                 (3, 2), "feature", "over all tokens"),
            Rows("In the second SAE", ("index", "Pearson"), (77,), np.float32([[0.9]]), (3,), "second"),
            Rows("Neuron alignment", ("index", "value"), (412,), np.float32([[-0.2]]), (3,), "neuron"),
        ),
        "groups": (
            ExampleGroup("Top activations", "max 8.00", (example(0, losses=losses()), example(1))),
            ExampleGroup("1 to 2", "contains 3.2 % of activations", tuple(example(10 + i) for i in range(12))),
        ),
        "largest": 8.0,
        "about": "a feature",
    }  # fmt: skip
    return FeatureView(**(fields | changes))


def usual_view(seed: int = 0, with_losses: bool = False) -> FeatureView:
    """20 top examples and 50 in bands, of 16 tokens each out of 3,000 different ones."""
    generator = np.random.default_rng(seed)
    words = [f" word{index}" for index in generator.integers(100_000, size=3000)]

    def drawn(count: int) -> tuple[str, ...]:
        return tuple(words[int(index)] for index in generator.zipf(1.3, size=count) % 3000)

    def some_losses() -> Losses:
        def contributions() -> tuple[TokenScores | None, ...]:
            return tuple(
                TokenScores(drawn(5), generator.normal(size=5).astype(np.float32)) if pos % 3 == 0 else None
                for pos in range(16)
            )

        effects = generator.normal(size=(2, 16)).astype(np.float32)
        shares = generator.random((2, 16), dtype=np.float32)
        return Losses(effects[0], effects[1], shares[0], shares[1], contributions(), contributions())

    def text(number: int) -> ExampleText:
        activations = np.where(generator.random(16) < 0.2, generator.random(16) * 8, 0).astype(np.float32)
        return ExampleText(
            drawn(16), tuple(range(16)), activations, 8, float(activations[8]), f"document {number}, token 120", number,
            some_losses() if with_losses else None,
        )  # fmt: skip

    groups = [ExampleGroup("Top activations", "max 8", tuple(map(text, range(20))))]
    groups += [ExampleGroup(f"band {k}", "", tuple(text(20 + 5 * k + i) for i in range(5))) for k in range(10)]
    bars = Bars(generator.integers(5000, size=80), np.sort(generator.random(81).astype(np.float32)))
    return feature_view(groups=tuple(groups), activations=bars, logits=bars)
