"""Which features of an SAE to write, as people type it: `7`, `1,5-9` or `all`. No torch here."""

from collections.abc import Sequence

from interp_core.errors import ExchangeError

_MOST_PARTS = 10_000


def choose_features(text: str, d_sae: int) -> Sequence[int]:
    """The features that a text names, in its order.

    Raises:
        ExchangeError: It is no such list, names one twice, or one that there is not.
    """
    if text.strip() == "all":
        return range(d_sae)
    chosen: dict[int, None] = {}
    parts = text.replace(" ", "").split(",")
    if len(parts) > _MOST_PARTS:
        raise ExchangeError(f"{len(parts):,} parts are too many. Name ranges such as 5-9, or all.")
    for part in parts:
        low, dash, high = part.partition("-")
        if not all(end.isascii() and end.isdigit() and len(end) < 10 for end in ((low, high) if dash else (low,))):
            raise ExchangeError(f"{part[:40]!r} is no feature. Write numbers and ranges such as 1,5-9, or all.")
        first, last = int(low), int(high if dash else low)
        if first > last or last >= d_sae:
            raise ExchangeError(f"{part!r} names features that are not there: this SAE has 0 to {d_sae - 1:,}.")
        before = len(chosen)
        chosen.update(dict.fromkeys(range(first, last + 1)))
        if len(chosen) != before + last + 1 - first:
            raise ExchangeError(f"{part!r} names a feature a second time. Name each once.")
    return tuple(chosen)
