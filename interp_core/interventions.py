"""Interventions as data: what is changed in a forward pass, where, and into what. No torch here.

A spec validates, prints, fits in a link and keys a cache; `edits` turns it into hooks. Its text form is a few words:

    zero z L18 H6                    zero one head
    mean mlp_out L2-4                mean over the reference prompts
    zero z L5 H2 others              isolate a head: zero the others of its layer
    patch resid_pre L10 P3 from:...  from another prompt (percent-encoded)
    freeze pattern                   every pattern as in the clean run
    scale mlp_post L3 U17 x2         twice one neuron
    set mlp_post L3 U17 x5           make it 5
    add resid_post L12 x4 plus:Love minus:Hate
    zero sae:NAME U231               ablate a feature of an SAE, which knows its own place
    hook fn:halves.halve L3          a hook function of the user's, which knows its own places

Sources of the kinds: Wang et al. 2022, arXiv:2211.00593 (mean and resample ablation, patching); Turner et al. 2023,
arXiv:2308.10248 (activation addition).
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args
from urllib.parse import quote, unquote

from interp_core.errors import InterventionError
from interp_core.hook_points import canonical_name
from interp_core.number_lists import Numbers, read_numbers, write_numbers

Action = Literal["zero", "mean", "resample", "freeze", "patch", "scale", "set", "add", "hook"]
ACTIONS: tuple[Action, ...] = get_args(Action)
FEATURE_ACTIONS: tuple[Action, ...] = ("zero", "scale", "set", "add")
"""What can be done to a feature of an SAE."""

MOST_INTERVENTIONS = 64


@dataclass(frozen=True)
class Intervention:
    """One change to the forward pass."""

    action: Action
    """`zero`; `mean` over `sources`; `resample`: values of `sources` drawn with `seed`; `freeze`: as in an earlier run;
    `patch`: as on another prompt or position; `scale` by `factor`; `set` to `factor`; `add` `factor` times a vector; `hook`:
    what `function` returns."""
    point: str
    """Short name of the hook point; empty for the one that `sae` reads, and for those that `function` names."""
    layers: Numbers = None
    heads: Numbers = None
    positions: Numbers = None
    """Positions of the prompt. With None, tokens that are generated later are changed too, where a value for them
    exists."""
    units: Numbers = None
    """Places in the last axis: neurons, dimensions, or key positions of a pattern; features of `sae`."""
    others: bool = False
    """Act on all heads but these: isolates them."""
    factor: float = 1.0
    sources: tuple[str, ...] = ()
    """Prompts. `patch` and `freeze`: one (`freeze`: none for this run without interventions). `mean` and `resample`:
    the reference, none for the shipped one. `add`: towards, and away from if there are two."""
    source_positions: Numbers = None
    """For `patch`: where each of `positions` is taken from."""
    vector: str = ""
    """For `add`: a stored vector's name in place of `sources`."""
    sae: str = ""
    """Name of an SAE whose features are acted on (`sae/feature_edits.py`): `add` adds `factor` to a feature's activation,
    whether it fires or not, which is steering with its decoder row."""
    function: str = ""
    """Name of a hook function of the user's (`user_hooks`), such as `halves.halve`; layers, heads, positions and units limit
    what it may change."""
    version: str = ""
    """Of the file that defines `function`, so that results of an older one are not taken for its own; not in the text."""
    bos: bool = True
    """Whether the sources get a BOS token in front."""
    chat: bool = False
    """Whether the sources are a user's messages, which the tokenizer's chat template is applied to."""
    seed: int = 0
    on: bool = True

    def switched(self, on: bool) -> "Intervention":
        """The same, in force or not."""
        return replace(self, on=on)

    @property
    def text(self) -> str:
        """The inverse of `parse`."""
        words = [*([] if self.on else ["off"]), self.action, *([self.point] if self.point else [])]
        words += [f"sae:{quote(self.sae, safe=':/')}"] if self.sae else []
        words += [f"fn:{quote(self.function, safe='')}"] if self.function else []
        words += self._places("LHPU")
        words += ["others"] if self.others else []
        words += [f"x{self.factor:.12g}"] if self.factor != 1 else []
        words += [f"{name}:{quote(text, safe='')}" for name, text in zip(self._labels(), self.sources, strict=False)]
        words += [] if self.source_positions is None else ["Q" + write_numbers(self.source_positions)]
        words += [f"vector:{quote(self.vector, safe='')}"] if self.vector else []
        words += ["nobos"] if not self.bos else []
        words += ["chat"] if self.chat else []
        words += [f"seed:{self.seed}"] if self.seed else []
        return " ".join(words)

    @property
    def label(self) -> str:
        """What a chip shows: short, for people."""
        amount = {"scale": f" x{self.factor:g}", "add": f" x{self.factor:g}", "set": f" to {self.factor:g}"}
        if self.sae:
            features = "" if self.units is None else f" F{write_numbers(self.units)}"
            where = " ".join(("", *self._places("P")))
            return f"{self.action}{features} of {self.sae}{where}{amount.get(self.action, '')}"
        others = " (all other heads)" if self.others else ""
        return (
            " ".join((self.action, self.function or self.point, *self._places("LHPU")))
            + others
            + amount.get(self.action, "")
        )

    def _places(self, letters: str) -> list[str]:
        numbers = {"L": self.layers, "H": self.heads, "P": self.positions, "U": self.units}
        return [letter + write_numbers(chosen) for letter in letters if (chosen := numbers[letter]) is not None]

    def _labels(self) -> tuple[str, ...]:
        return ("plus", "minus") if self.action == "add" else ("from",) * len(self.sources)

    @classmethod
    def parse(cls, text: str) -> "Intervention":
        """Read the text form.

        Raises:
            InterventionError: It is no intervention.
        """
        words = text.split()
        on = words[:1] != ["off"]
        words = words if on else words[1:]
        if len(words) < 2 or words[0] not in ACTIONS:
            raise InterventionError(
                f"{text[:80]!r} is no intervention. Write what and where, such as 'zero z L18 H6'; the first word is one "
                f"of {', '.join(ACTIONS)}."
            )
        named = not words[1].startswith(("sae:", "fn:"))
        point, layer = canonical_name(words[1]) if named else ("", None)
        fields: dict[str, object] = {} if layer is None else {"layers": (layer,)}
        for word in words[2:] if named else words[1:]:
            _read(word, fields)
        return cls(action=words[0], point=point, on=on, **fields).checked()  # type: ignore[arg-type]

    def checked(self) -> "Intervention":
        """Return self, if it can be meant.

        Raises:
            InterventionError: A part is missing, or is not used by this kind.
        """
        if self.sae:
            self._check_feature()
        if self.function or self.action == "hook":
            self._check_function()
        n = len(self.sources)
        if (
            (self.action == "patch" and n > 1)
            or (self.action == "freeze" and n > 1)
            or (self.action == "add" and n > 2)
        ):
            raise InterventionError(f"{self.label}: {n} source prompts are given, more than it takes. Remove some.")
        if self.action == "patch" and not self.sources and self.source_positions is None:
            raise InterventionError(
                f"{self.label}: nothing to patch from. Name a source prompt, other positions, or both."
            )
        if self.action == "add" and not (self.sources or self.vector or self.sae):
            raise InterventionError(f"{self.label}: no vector. Give one or two prompts to make it from, or a file.")
        if self.source_positions is not None and (
            self.action != "patch" or self.positions is None or len(self.positions) != len(self.source_positions)
        ):
            raise InterventionError(
                f"{self.label}: source positions belong to a patch, one for each position that it changes."
            )
        if self.others and self.heads is None:
            raise InterventionError(f"{self.label}: 'others' leaves out some heads, but none are named. Name them.")
        if not abs(self.factor) <= 1e6:
            raise InterventionError(f"{self.label}: the factor must lie between -1,000,000 and 1,000,000.")
        return self

    def _check_function(self) -> None:
        if self.action != "hook" or not self.function:
            raise InterventionError(
                f"{self.label}: 'hook' and the name of a hook function belong together. Write such as hook fn:halves.halve."
            )
        if self.point or self.sae or self.sources or self.vector or self.source_positions is not None:
            raise InterventionError(
                f"{self.label}: a hook function takes no point, prompts or vectors; its file says where it acts. Remove them."
            )

    def _check_feature(self) -> None:
        if self.action not in FEATURE_ACTIONS:
            raise InterventionError(
                f"{self.label}: a feature can be zeroed, scaled, set or added. Use one of {', '.join(FEATURE_ACTIONS)}."
            )
        if not self.units:
            raise InterventionError(f"{self.label}: no feature is named. Name it by its number, such as U231.")
        if self.heads is not None or self.sources or self.vector or self.source_positions is not None:
            raise InterventionError(
                f"{self.label}: a feature takes no heads, prompts or vectors. Remove them: SAE, feature, positions and factor say it."
            )


_NAMES = {"vector": "vector", "sae": "sae", "fn": "function"}
_AXES = {"L": "layers", "H": "heads", "P": "positions", "U": "units", "Q": "source_positions"}


def _read(word: str, fields: dict[str, object]) -> None:
    name, colon, value = word.partition(":")
    if word == "others":
        fields["others"] = True
    elif word == "nobos":
        fields["bos"] = False
    elif word == "chat":
        fields["chat"] = True
    elif colon and name in ("from", "plus", "minus"):
        fields["sources"] = (*fields.get("sources", ()), unquote(value))  # type: ignore[misc]
    elif colon and name in _NAMES:
        fields[_NAMES[name]] = unquote(value)
    elif colon and name == "seed" and value.isascii() and value.isdigit() and len(value) < 10:
        fields["seed"] = int(value)
    elif word[0] == "x":
        try:
            fields["factor"] = float(word[1:])
        except ValueError:
            raise InterventionError(f"{word[:40]!r} is no factor. Write such as x2 or x-0.5.") from None
    elif word[0] in _AXES:
        fields[_AXES[word[0]]] = read_numbers(word[1:])
    else:
        raise InterventionError(
            f"{word[:40]!r} is no part of an intervention. Use L, H, P and U with numbers, xFACTOR, from:TEXT, "
            "plus:TEXT, minus:TEXT, vector:NAME, sae:NAME, fn:NAME, seed:NUMBER, others, nobos, chat."
        )
