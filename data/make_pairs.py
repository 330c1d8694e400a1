"""Makes `data/pairs/*.jsonl`: seeded templates, each pair checked on the default model. Run it as `python -m data.make_pairs`.

A pair stays if both prompts have the same number of tokens as the first pair of its set, answer and foil are one token
each, and the model prefers the answer on the clean prompt and less so on the corrupted one.
"""

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from interp_core.answers import single_token
from interp_core.errors import InterpError
from interp_core.hooks import forward
from interp_core.models import LoadedModel, find_folder, load_model
from interp_core.prompts import Prompt
from interp_core.types import ModelSpec

FOLDER = Path(__file__).parent / "pairs"
WANTED, MOST_TRIES, SEED = 40, 4000, 0

NAMES = [
    "Mary",
    "John",
    "Tom",
    "James",
    "Paul",
    "Mark",
    "Anna",
    "Sarah",
    "Peter",
    "David",
    "Jack",
    "Kate",
    "Alice",
    "Simon",
    "Laura",
    "Robert",
    "Emma",
    "Daniel",
]
PLACES = ["store", "park", "school", "office", "garden", "station", "market", "museum", "library", "theatre"]
THINGS = ["drink", "book", "ring", "letter", "ticket", "present", "phone", "coin", "pen", "hat"]
NOUNS = [
    "cat",
    "dog",
    "king",
    "fish",
    "tree",
    "house",
    "train",
    "lamp",
    "river",
    "stone",
    "bird",
    "clock",
    "apple",
    "chair",
    "horse",
    "bread",
    "cloud",
    "glass",
]
MEN, WOMEN = ["John", "Paul", "Mark", "Peter", "David", "Robert"], ["Mary", "Anna", "Sarah", "Kate", "Alice", "Emma"]
SINGULAR = ["key", "author", "teacher", "doctor", "king", "dog", "picture", "farmer", "guard", "pilot"]
PLURAL = ["keys", "authors", "teachers", "doctors", "kings", "dogs", "pictures", "farmers", "guards", "pilots"]
NEAR = ["cabinet", "houses", "table", "gardens", "door", "senators", "friends", "road", "towns", "river"]
CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "Japan": "Tokyo", "Russia": "Moscow",
    "Egypt": "Cairo", "Greece": "Athens", "England": "London", "Austria": "Vienna", "Portugal": "Lisbon",
    "China": "Beijing", "Ireland": "Dublin", "Cuba": "Havana", "Poland": "Warsaw", "Kenya": "Nairobi", "Peru": "Lima",
}  # fmt: skip
CAPITAL_FRAMES = (
    "The capital of {} is", "The capital city of {} is", "Everybody knows that the capital of {} is",
    "He left for the capital of {}, the city of",
)  # fmt: skip
ANTONYMS = {
    "hot": "cold", "big": "small", "good": "bad", "up": "down", "left": "right", "old": "new", "high": "low",
    "fast": "slow", "light": "dark", "open": "closed", "happy": "sad", "rich": "poor", "hard": "soft", "early": "late",
    "black": "white", "near": "far", "long": "short", "strong": "weak", "true": "false", "full": "empty",
}  # fmt: skip
ANTONYM_FRAMES = (
    "{a} is the opposite of {b}, and {c} is the opposite of", "The opposite of {a} is {b}, and the opposite of {c} is",
    "{a} and {b} are opposites, and so are {c} and",
)  # fmt: skip
Row = dict[str, str]


def indirect_object(draw: random.Random) -> Row:
    """Who gets the thing: the name that was named once. Corrupted: the giver is the other one."""
    a, b = draw.sample(NAMES, 2)
    frame = draw.choice(
        (
            "When {a} and {b} went to the {p}, {g} gave a {t} to",
            "Then {a} and {b} had a talk at the {p}, and {g} gave a {t} to",
        )
    )
    place, thing = draw.choice(PLACES), draw.choice(THINGS)
    first, second = (a, b) if draw.random() < 0.5 else (b, a)
    made = [frame.format(a=first, b=second, p=place, g=giver, t=thing) for giver in (b, a)]
    return {"clean": made[0], "corrupted": made[1], "answer": f" {a}", "foil": f" {b}"}


def induction(draw: random.Random) -> Row:
    """A random list comes twice; what followed the last word the first time? Corrupted: something else followed it."""
    words = draw.sample(NOUNS, 6)
    place = draw.randrange(1, 4)
    other = [*words[: place + 1], words[5], *words[place + 2 : 5]]
    head, answer = words[: place + 1], words[place + 1]
    clean = " ".join([*words[:5], *head])
    corrupted = " ".join([*other, *head])
    return {"clean": clean, "corrupted": corrupted, "answer": f" {answer}", "foil": f" {words[5]}"}


def greater_than(draw: random.Random) -> Row:
    """A war ends after it begins. Corrupted: it begins in 01, so that nearly every end is possible."""
    century, start = draw.choice((14, 15, 16, 17, 18)), draw.randrange(55, 89)
    noun = draw.choice(("war", "siege", "reign", "voyage", "trial", "project", "strike", "famine"))
    made = [f"The {noun} lasted from the year {century}{year:02d} to the year {century}" for year in (start, 1)]
    high, low = str(start // 10 + 1), str(draw.randrange(1, start // 10 - 1))
    return {"clean": made[0], "corrupted": made[1], "answer": high, "foil": low}


def pronouns(draw: random.Random) -> Row:
    """The pronoun goes with the name."""
    man, woman = draw.choice(MEN), draw.choice(WOMEN)
    # A name in front of everything would be several tokens: with a space before it, it is one.
    frame = draw.choice(("After work, {} went home because", "Last night, {} was late because"))
    names, words = ((man, woman), (" he", " she")) if draw.random() < 0.5 else ((woman, man), (" she", " he"))
    return {"clean": frame.format(names[0]), "corrupted": frame.format(names[1]), "answer": words[0], "foil": words[1]}


def agreement(draw: random.Random) -> Row:
    """The verb goes with the subject, not with the noun beside it."""
    place, near = draw.randrange(len(SINGULAR)), draw.choice(NEAR)
    frame = draw.choice(("The {} near the {}", "The {} behind the {}", "The {} by the {}"))
    nouns, verbs = (SINGULAR, PLURAL), (" is", " are")
    order = (0, 1) if draw.random() < 0.5 else (1, 0)
    made = [frame.format(nouns[which][place], near) for which in order]
    return {"clean": made[0], "corrupted": made[1], "answer": verbs[order[0]], "foil": verbs[order[1]]}


def capitals(draw: random.Random) -> Row:
    """The capital of one country or another."""
    a, b = draw.sample(list(CAPITALS), 2)
    frame = draw.choice(CAPITAL_FRAMES)
    return {
        "clean": frame.format(a), "corrupted": frame.format(b), "answer": f" {CAPITALS[a]}", "foil": f" {CAPITALS[b]}"
    }  # fmt: skip


def antonyms(draw: random.Random) -> Row:
    """The opposite of one word or another, after one example."""
    shown, a, b = draw.sample(list(ANTONYMS), 3)
    frame = draw.choice(ANTONYM_FRAMES)
    made = [frame.format(a=shown, b=ANTONYMS[shown], c=word) for word in (a, b)]
    return {"clean": made[0], "corrupted": made[1], "answer": f" {ANTONYMS[a]}", "foil": f" {ANTONYMS[b]}"}


SETS: dict[str, Callable[[random.Random], Row]] = {
    "indirect-object": indirect_object,
    "induction": induction,
    "greater-than": greater_than,
    "pronouns": pronouns,
    "agreement": agreement,
    "capitals": capitals,
    "antonyms": antonyms,
}


def checked(loaded: LoadedModel, rows: Iterator[Row]) -> list[Row]:
    """The first that the model can be tested on, each once, all of the same length."""
    kept: list[Row] = []
    seen: set[tuple[str, str]] = set()
    length = None
    for row in rows:
        key = row["clean"], row["corrupted"]
        ids = [loaded.tokenizer.tokenise(Prompt(text)).ids for text in key]
        if key in seen or len(ids[0]) != len(ids[1]) or len(ids[0]) != (length or len(ids[0])):
            continue
        seen.add(key)
        try:
            answer, foil = (single_token(loaded.tokenizer, row[name]) for name in ("answer", "foil"))
        except InterpError:
            continue
        logits = forward(loaded.model, torch.tensor(ids)).output[:, -1]
        clean, corrupted = (logits[:, answer] - logits[:, foil]).tolist()
        if clean > 0.5 and clean - corrupted > 0.5:
            length = len(ids[0])
            kept.append(row)
        if len(kept) == WANTED:
            break
    return kept


def main() -> None:
    """Write every set."""
    spec = ModelSpec(device="cpu")
    loaded = load_model(spec, find_folder(spec))
    FOLDER.mkdir(exist_ok=True)
    for name, template in SETS.items():
        draw = random.Random(f"{SEED} {name}")
        rows = checked(loaded, (template(draw) for _ in range(MOST_TRIES)))
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (FOLDER / f"{name}.jsonl").write_text(text, encoding="utf-8")
        print(f"{name}: {len(rows)} pairs")


if __name__ == "__main__":
    main()
