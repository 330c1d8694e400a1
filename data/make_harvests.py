"""Makes the harvests and maps that ship, for the SAEs that ship: `python -m data.make_harvests`. Killed, it goes on.

The text is in the public domain, or was written by the default model itself (`data/make_samples.py`).
"""

import argparse
import hashlib
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from interp_core.__main__ import main
from interp_core.sae_training.sources import SOURCES, documents
from interp_core.settings import cache_folder

DATA = Path(__file__).parent
FREE = {"speeches": 150, "novel": 55, "almanac": 75, "bible": 55}
"""Pieces taken of each source whose text is in the public domain."""
CHARACTERS = 1000


def write_corpus(path: Path) -> None:
    """One piece a line, as jsonl: those of the lowest hash from every source, then the model's own samples."""
    rows: list[dict[str, str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for source in SOURCES:
            if source.name in FREE:
                pieces = [piece for text in documents(source, Path(scratch)) for piece in _pieces(text)]
                pieces.sort(key=lambda piece: hashlib.sha256(piece.encode()).digest())
                rows += [{"source": source.name, "text": piece} for piece in pieces[: FREE[source.name]]]
    for line in (DATA / "samples.jsonl").read_text(encoding="utf-8").splitlines():
        one = json.loads(line)
        rows.append({"source": "samples", "text": one["asked"] + one["text"]})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def _pieces(text: str) -> Iterator[str]:
    """Paragraphs, joined until there are enough characters."""
    held = ""
    for paragraph in text.split("\n\n"):
        held = f"{held}\n\n{paragraph}".strip()
        if len(held) >= CHARACTERS:
            yield held[: 2 * CHARACTERS]
            held = ""


def make_all(options: argparse.Namespace) -> None:
    """Harvest each SAE into a bundle of its name, and draw its map."""
    corpus = cache_folder() / "dashboards" / "corpus.jsonl"
    if not corpus.is_file():
        write_corpus(corpus)
    for sae in options.sae or sorted(path.parent.name for path in DATA.glob("saes/*/cfg.json")):
        name = sae.removeprefix("folder:")
        arguments = [
            "harvest",
            str(corpus),
            "--sae",
            sae,
            "--out",
            str(options.out / "harvests" / name),
            "--context",
            "256",
        ]
        if main(arguments) or main(["atlas", "--sae", sae, "--out", str(options.out / "atlases" / f"{name}.parquet")]):
            raise SystemExit(1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sae", nargs="+", help="as in the dashboard; all that ship if absent")
    parser.add_argument("--out", type=Path, default=DATA)
    make_all(parser.parse_args())
