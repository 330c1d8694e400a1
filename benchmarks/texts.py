"""Real prompts of an exact length, cut from LICENSE."""

import functools
from itertools import islice

from transformers import AutoTokenizer

from benchmarks.patterns import licence
from interp_core.default_model import ensure_default_model
from interp_core.prompts import Prompt
from interp_core.tokens import Tokenizer

_N_CTX = 8192


def texts(n_pos: int, count: int) -> list[str]:
    """The first `count` different texts that the default model sees as `n_pos` tokens, BOS included."""
    tokenizer = _tokenizer()
    ids = tokenizer.tokenise(Prompt(licence())).ids[1:]
    # Cut in the middle of a word a text may have other tokens than the cut ones.
    cut = (tokenizer.decode(ids[start : start + n_pos - 1]) for start in range(len(ids) - n_pos + 2))
    found = list(islice((text for text in cut if len(tokenizer.tokenise(Prompt(text)).ids) == n_pos), count))
    assert len(found) == count, f"LICENSE holds only {len(found)} texts of {n_pos} tokens"
    return found


@functools.cache
def _tokenizer() -> Tokenizer:
    return Tokenizer(AutoTokenizer.from_pretrained(ensure_default_model()), _N_CTX)
