"""Lists of numbers as people write them: `2-4,7`."""

from interp_core.errors import InterventionError

Numbers = tuple[int, ...] | None
"""Which of an axis; None for all of it."""
MOST_NUMBERS = 4096


def write_numbers(numbers: tuple[int, ...]) -> str:
    """`2-4,7` for 2, 3, 4, 7; the order is kept."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in spans)


def read_numbers(text: str) -> tuple[int, ...]:
    """The inverse of how numbers are written: `2-4,7`.

    Raises:
        InterventionError: It is no such list.
    """
    numbers: list[int] = []
    for part in text.replace(" ", "").split(","):
        low, dash, high = part.partition("-")
        if not all(end.isascii() and end.isdigit() and len(end) < 7 for end in ((low, high) if dash else (low,))):
            raise InterventionError(f"{text[:60]!r} is no list of numbers. Write such as 2-4,7.")
        numbers += range(int(low), int(high if dash else low) + 1)
        if len(numbers) > MOST_NUMBERS:
            raise InterventionError(f"{text[:60]!r} names more than {MOST_NUMBERS:,} places. Name fewer.")
    if len(set(numbers)) != len(numbers) or not numbers:
        raise InterventionError(f"{text[:60]!r} names a place twice, or none. Name each once.")
    return tuple(numbers)
