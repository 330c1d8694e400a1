"""What each part of a transformer does, in a few sentences, with where to read more."""

_FRAMEWORK = "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits"
_ATTENTION = "Vaswani et al. 2017, arXiv:1706.03762"

WORDS: dict[str, tuple[str, str]] = {
    "tokens": (
        "The prompt, cut into tokens. Each is a number of the vocabulary, and each has a column of its own from here to the top.",
        "Sennrich et al. 2016, arXiv:1508.07909",
    ),
    "embed": ("Looks up one row for each token. These vectors are the first thing written into the residual stream.", _FRAMEWORK),
    "pos_embed": (
        "Looks up one learned row for each position and adds it, so that the same token differs from place to place.", _ATTENTION,
    ),
    "embed_norm": ("A norm right behind the embedding, which steadies training.", "Le Scao et al. 2022, arXiv:2211.05100"),
    "stream": (
        "The residual stream: one vector a position, passed on from layer to layer. Parts read from it and add to it; nothing else "
        "carries information upwards.",
        _FRAMEWORK,
    ),
    "LayerNorm": (
        "Centres each position's vector, divides it by its standard deviation, then scales and shifts it. What follows sees "
        "direction, not length.",
        "Ba et al. 2016, arXiv:1607.06450",
    ),
    "RMSNorm": (
        "Divides each position's vector by its root mean square and scales it. Unlike LayerNorm it does not centre.",
        "Zhang & Sennrich 2019, arXiv:1910.07467",
    ),
    "post_norm": (
        "A further norm on what is about to be written, so that no layer can write much more than the others.",
        "Gemma Team 2024, arXiv:2408.00118",
    ),
    "attn": (
        "The only place where positions exchange information. Each head compares its query with the keys of earlier positions, mixes "
        "their values by the result, and writes the mix into the stream. Heads work side by side, and their writes add up.",
        _FRAMEWORK,
    ),
    "grouped": (
        "Several query heads share one key and value head, which shrinks the cache and little else.",
        "Ainslie et al. 2023, arXiv:2305.13245",
    ),
    "rotary": (
        "Positions enter here: queries and keys are rotated by angles that grow with the position, so that scores depend on distance.",
        "Su et al. 2021, arXiv:2104.09864",
    ),
    "alibi": ("Positions enter as a penalty on scores that grows with distance.", "Press et al. 2021, arXiv:2108.12409"),
    "window": ("This layer looks back over a limited number of positions only.", "Beltagy et al. 2020, arXiv:2004.05150"),
    "mlp": (
        "Works on each position by itself: a wide layer of neurons, each firing on some directions of the stream and writing another. "
        "Much of what a model knows seems to be kept here.",
        "Geva et al. 2021, arXiv:2012.14913",
    ),
    "gated": (
        "Gated: one matrix decides, through the activation, how much of what the other computes is let through.",
        "Shazeer 2020, arXiv:2002.05202",
    ),
    "experts": (
        "A router sends each token to a few of many MLPs, so the model holds more than any one token uses.",
        "Shazeer et al. 2017, arXiv:1701.06538",
    ),
    "parallel": (
        "Attention and MLP read the same stream and write together; the MLP does not see what this layer's attention found.",
        "Wang & Komatsuzaki 2021, GPT-J",
    ),
    "ln_final": ("The last norm scales the stream before it is read out. Its scale depends on everything that was written.", _FRAMEWORK),
    "unembed": (
        "One direction a token of the vocabulary; the dot product with the stream is its logit. A tied one is the embedding's matrix.",
        "Press & Wolf 2016, arXiv:1608.05859",
    ),
    "logits": ("Scores of every token as the next one; the softmax over them gives probabilities.", _FRAMEWORK),
}  # fmt: skip
"""By part, or by what is special about it: text and source."""
