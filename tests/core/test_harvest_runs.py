"""Harvests as users run them: whoever runs the shards, wherever it is killed, whatever it is given."""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as arrow
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import load_file, save_file

from interp_core.__main__ import main
from interp_core.errors import HarvestError, SaeError
from interp_core.harvest import commit, harvesting
from interp_core.harvest.bundle import DENSE, EXAMPLES, FEATURES, MANIFEST, open_harvest
from interp_core.harvest.corpus import cut_corpus
from interp_core.harvest.documents import Texts, documents_of, in_pieces
from interp_core.harvest.encoder import encoder_of
from interp_core.harvest.executors import CORPUS, run_in_processes
from interp_core.harvest.feature_table import TopTokens, automatic_label
from interp_core.harvest.harvesting import harvest, prepare, work_folder
from interp_core.harvest.histogram import band_shares, bin_edges, quantiles
from interp_core.harvest.plan import HarvestPlan, plan_from_json
from interp_core.harvest.records import QUANTILES
from interp_core.jobs import finish
from interp_core.models import load_model
from interp_core.sae.loading import load_sae
from interp_core.sae.reading import read_features
from interp_core.sae.spec import WEIGHTS, SaeSpec
from interp_core.types import ModelSpec, Run
from tests.core.harvest_killed import TEXTS
from tests.core.harvest_killed import content as content_of
from tests.core.test_harvest_shards import brute_acts, cut
from tests.core.test_saes import D_SAE, write_sae

PLAN = HarvestPlan(context=12, shard_windows=6, rows=3)
SPEC = SaeSpec("folder", "one")


@pytest.fixture
def saes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOKSCOPE_SAES", str(tmp_path / "saes"))
    return tmp_path / "saes"


@pytest.fixture
def sae(tiny, saes):
    write_sae(saes / "one", tiny, "topk")
    return load_sae(tiny, SPEC)


@pytest.fixture
def run(tiny, sae, tmp_path):
    def go(name, texts=TEXTS, plan=PLAN, **options):
        return finish(harvest(tiny, sae, Texts(texts), plan, tmp_path / name, **options))

    return go


def test_a_feature_is_read_as_brute_force_says(tiny, sae, run, tmp_path):
    made = run("out")
    acts, _, keep = brute_acts(tiny, sae, cut(tiny, tmp_path / "corpus", PLAN, TEXTS))
    acts = acts * keep[..., None]
    spelled = tiny.tokenizer.str_tokens
    for index in range(D_SAE):
        record, mine = made.feature(index), acts[..., index].double()
        active = mine[mine > 0]
        assert record.fired == len(active) == record.histogram.sum()
        assert record.density == len(active) / int(keep.sum())
        assert record.windows_fired == int((mine > 0).any(1).sum())
        if not len(active):
            assert (record.examples, record.largest, record.mean) == ((), 0, 0)
            continue
        assert record.largest == pytest.approx(float(active.max()), abs=1e-5)
        assert record.mean == pytest.approx(float(active.mean()), abs=1e-4)
        assert record.quantiles[0] == pytest.approx(float(active.quantile(0.5, interpolation="lower")), rel=0.5)
        top = [example for example in record.examples if example.kind == 0]
        expected = mine.amax(1)[mine.amax(1) > 0].sort(descending=True).values[:20]
        assert np.allclose([example.activation for example in top], expected, atol=1e-5)
        for example in record.examples:
            assert example.activations[example.peak] == pytest.approx(example.activation, rel=1e-3)
            assert list(example.str_tokens) == spelled(example.tokens)
            text = tiny.tokenizer.decode(example.tokens)
            assert (
                text in tiny.tokenizer.decode([tiny.tokenizer.bos_id]) + TEXTS[example.document] or example.place < 11
            )
            if example.kind:
                assert 1 - example.activation / record.largest <= example.kind / 10 + 1e-6
                assert 1 - example.activation / record.largest >= (example.kind - 1) / 10 - 1e-6


def test_correlations_are_those_of_the_activations(tiny, sae, run, tmp_path):
    made = run("out")
    acts, _, keep = brute_acts(tiny, sae, cut(tiny, tmp_path / "corpus", PLAN, TEXTS))
    rows = acts[keep].double().numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        pearson = np.nan_to_num(np.corrcoef(rows.T))
    lengths = np.linalg.norm(rows, axis=0)
    seen = 0
    for index in range(D_SAE):
        together = ((rows[:, [index]] > 0) & (rows > 0)).sum(0)
        others = [other for other in range(D_SAE) if other != index and together[other]]
        found = made.feature(index).features
        assert len(found) == min(10, len(others))
        best = sorted((pearson[index][other] for other in others), reverse=True)[: len(found)]
        assert np.allclose([one.pearson for one in found], best, atol=1e-3)
        for one in found:
            seen += 1
            assert one.together == together[one.index]
            cosine = rows[:, index] @ rows[:, one.index] / lengths[index] / lengths[one.index]
            assert one.cosine == pytest.approx(cosine, abs=1e-3)
    assert seen > 50


def test_without_sampled_tokens_a_harvest_has_everything_but_correlations(run):
    made = run("out", plan=dataclasses.replace(PLAN, pair_tokens=0))
    records = [made.feature(index) for index in range(D_SAE)]
    assert made.counts["sampled"] == 0 < sum(record.fired for record in records)
    assert not any(record.features for record in records)


def test_an_sae_on_neurons_says_with_which_it_goes(tiny, saes, tmp_path):
    write_sae(saes / "one", tiny, "topk", hook="blocks.1.mlp.hook_post", d_in=64)
    sae = load_sae(tiny, SPEC)
    texts = [f"{number} cats sat on {number} mats and looked." for number in range(120)]
    plan = HarvestPlan(context=12, shard_windows=200, rows=16)
    made = finish(harvest(tiny, sae, Texts(texts), plan, tmp_path / "out"))
    acts, read, _ = brute_acts(tiny, sae, cut(tiny, tmp_path / "corpus", plan, texts))
    work = tmp_path / "again"
    finish(harvest(tiny, sae, Texts(texts), plan, tmp_path / "other", work=work))
    run = commit.fingerprint(commit.begun_with(work))
    kept = torch.cat(
        [commit.shard_state(work, i, run).neuron_position for i in range(len(list((work / "shards").glob("*.json"))))]
    )
    rows, neurons = acts.flatten(0, 1)[kept].double().numpy(), read.flatten(0, 1)[kept].double().numpy()
    checked = 0
    for index in range(D_SAE):
        for one in made.feature(index).neurons:
            if np.ptp(rows[:, index]) > 0 and (rows[:, index] > 0).sum() > 5:
                expected = np.corrcoef(rows[:, index], neurons[:, one.index])[0, 1]
                assert one.pearson == pytest.approx(expected, abs=5e-3)
                checked += 1
    assert checked > 20


def test_killed_at_any_step_it_goes_on_to_the_same_bytes(sae, folders, tmp_path):
    result = subprocess.run(
        [sys.executable, "-m", "tests.core.harvest_killed", str(tmp_path)], capture_output=True, text=True,
        cwd=Path(__file__).parent.parent.parent,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert int(result.stdout.split()[0]) > 30
    assert result.stdout.endswith("all the same\n")


def test_processes_give_the_same_bytes_also_when_workers_are_killed(run, tmp_path):
    texts, killed = [f"{number} {text}" for number in range(8) for text in TEXTS], []
    plan = HarvestPlan(context=12, shard_windows=1, rows=3)
    expected = content_of(run("serial", texts=texts, plan=plan).folder)
    ended = threading.Event()

    def kill_one():
        while not killed and not ended.wait(0.02):
            for child in psutil.Process().children():
                done = list(work_folder(tmp_path / "processes").glob("shards/*.json"))
                if "spawn_main" in " ".join(child.cmdline()) and done and not killed:
                    killed.append(child.pid)
                    os.kill(child.pid, signal.SIGKILL)

    def execute(prepared, work):
        threading.Thread(target=kill_one).start()
        try:
            yield from run_in_processes(work, prepared.todo, workers=1, threads=1, device="cpu")
        finally:
            ended.set()

    assert content_of(run("processes", texts=texts, plan=plan, execute=execute).folder) == expected
    assert killed


def test_a_driver_that_is_killed_with_its_workers_leaves_none_behind_and_is_gone_on_with(sae, folders, tmp_path):
    text = tmp_path / "corpus.jsonl"
    text.write_text("".join(json.dumps({"text": one}) + "\n" for one in TEXTS * 4))
    out, command = tmp_path / "out", [sys.executable, "-m", "interp_core", "harvest", str(text), "--sae", SPEC.text]
    command += [
        "--model",
        "folder:tiny-llama",
        "--device",
        "cpu",
        "--context",
        "12",
        "--shard-windows",
        "1",
        "--rows",
        "3",
    ]

    def run_command(out, *more, **options):
        return subprocess.Popen([*command, "--out", str(out), *more], stderr=subprocess.DEVNULL, **options)

    driver = run_command(out, "--executor", "processes", "--workers", "2", "--threads", "1")
    shards = work_folder(out) / "shards"
    for _ in range(3000):
        if len(list(shards.glob("*.json"))) >= 2:
            break
        time.sleep(0.02)
    children = psutil.Process(driver.pid).children(recursive=True)
    driver.kill()
    driver.wait()
    assert len(list(shards.glob("*.json"))) >= 2 and not out.exists()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    for folder in (out, tmp_path / "undisturbed"):
        assert main([*command[3:], "--out", str(folder), "--threads", "1"]) == 0
    assert content_of(out) == content_of(tmp_path / "undisturbed")


def test_what_is_there_is_not_computed_again_and_another_is_refused(run, monkeypatch):
    run("out")
    monkeypatch.setattr(harvesting, "harvest_shards", None)
    assert run("out").counts["windows"] > len(TEXTS)
    with pytest.raises(HarvestError, match="holds a harvest of another source"):
        run("out", texts=["Another text."])
    with pytest.raises(HarvestError, match="holds a harvest of another plan"):
        run("out", plan=HarvestPlan(context=13))


def test_what_was_begun_with_something_else_is_refused(tiny, saes, sae, run, tmp_path):
    work = tmp_path / "work"
    run("out", work=work)
    with pytest.raises(HarvestError, match="windows of another text than"):
        run("other", texts=["Another text."], work=work)
    for changes, what in (
        ({"context": 13, "prepend_bos": False}, "context, BOS"),
        ({"shard_windows": 5}, "shard size"),
    ):
        with pytest.raises(HarvestError, match=f"windows of another {what} than"):
            run("other", plan=dataclasses.replace(PLAN, **changes), work=work)
    other = dataclasses.replace(encoder_of(tiny), checksum="other")
    with pytest.raises(HarvestError, match="windows of another tokenizer than"):
        cut_corpus(other, Texts(TEXTS), PLAN, work / CORPUS)
    with pytest.raises(HarvestError, match="begun with another plan"):
        run("other", plan=HarvestPlan(context=12, shard_windows=6, rows=4), work=work)
    write_sae(saes / "one", tiny, "jumprelu")
    with pytest.raises(HarvestError, match="begun with another sae_sha256"):
        finish(harvest(tiny, load_sae(tiny, SPEC), Texts(TEXTS), PLAN, tmp_path / "other", work=work))


def test_only_what_is_missing_is_run_again(run, tmp_path):
    work = tmp_path / "work"
    run("out", work=work)
    expected = content_of(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in work.glob("shards/*")}
    gone = work / "shards" / "000001.json"
    gone.unlink()
    assert content_of(run("out", work=work).folder) == expected
    assert {path.stem for path, time in times.items() if path.stat().st_mtime_ns != time} == {"000001"}


@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_every_damaged_file_is_noticed_and_named(run, tmp_path, damage):
    work = tmp_path / "work"
    bundle = run("out", work=work).folder
    rng = np.random.default_rng(0)
    for path in [*bundle.iterdir(), *work.glob("shards/*"), *work.glob("corpus/*.safetensors")]:
        before = path.read_bytes()
        for _ in range(3):
            place = int(rng.integers(len(before)))
            after = bytearray(before)
            after[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(bytes(after) if damage == "flip" else before[:place])
            if path.parent == bundle:
                with pytest.raises(HarvestError) as raised:
                    open_harvest(bundle).verify()
                assert path.name in str(raised.value) or (path.name == MANIFEST and str(bundle) in str(raised.value))
            else:
                with pytest.raises(HarvestError, match=path.name):
                    run("other", work=work)
        path.write_bytes(before)
    shutil.rmtree(tmp_path / "other", ignore_errors=True)
    assert content_of(run("other", work=work).folder) == content_of(bundle)


def test_a_page_never_shows_a_damaged_feature(run):
    for name in (DENSE, EXAMPLES, FEATURES):
        made = run("out")
        path = made.folder / name
        before = path.read_bytes()
        path.write_bytes(before[:-9] + bytes([before[-9] ^ 1]) + before[-8:])
        with pytest.raises(HarvestError, match=name):
            open_harvest(made.folder).feature(0)
        path.write_bytes(before)


def test_bundles_of_another_kind_or_version_are_refused(run, tmp_path):
    made = run("out")
    with pytest.raises(HarvestError, match="There is no feature 40: this SAE has features 0 to 39"):
        made.feature(D_SAE)
    manifest = json.loads((made.folder / MANIFEST).read_text())
    for changes, sentence in (
        ({"version": 9}, "was written in version 9"),
        ({"format": "x"}, "is not a harvest"),
        ({"bos": 1}, "checksum differs"),
    ):
        (made.folder / MANIFEST).write_text(json.dumps(manifest | changes))
        with pytest.raises(HarvestError, match=sentence):
            open_harvest(made.folder)
    with pytest.raises(HarvestError, match="cannot be opened"):
        open_harvest(tmp_path / "nowhere")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(HarvestError, match="is there and is no harvest"):
        run("full")


def test_a_full_disk_leaves_what_was_there(run, monkeypatch, tmp_path):
    real, writes = os.fsync, []

    def full(handle):
        writes.append(handle)
        if len(writes) > 12:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HarvestError, match="No space left on device"):
        run("out")
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.rglob("*.tmp")]
    monkeypatch.setattr(os, "fsync", real)
    assert content_of(run("out").folder) == content_of(run("undisturbed").folder)
    monkeypatch.setattr(harvesting, "estimate_bytes", lambda *_: 10**18)
    with pytest.raises(HarvestError, match="are free"):
        run("other")


def test_two_processes_cannot_harvest_in_one_folder(run, tmp_path, tiny, sae):
    steps = harvest(tiny, sae, Texts(TEXTS), PLAN, tmp_path / "out")
    next(steps)
    with pytest.raises(HarvestError, match="Another process harvests"):
        run("out")
    finish(steps)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def test_documents_come_from_text_lines_and_tables(files):
    (files / "a.txt").write_bytes("\ufeffOne.\n\nTwo.".encode())
    (files / "b.jsonl").write_bytes(
        b'{"text": "Three"}\n\n{"text": ""}\n{"text": 4}\n\xff\xfe\n[1]\n{"text": "F\xc3\xa9"}\n'
    )
    parquet.write_table(arrow.table({"text": ["Six", None]}), files / "c.parquet")
    (files / "d.txt").write_bytes(b"\xff\xff")
    (files / ".DS_Store").write_bytes(b"\0")
    (files / ".git").mkdir()
    (files / ".git" / "config").write_text("[core]")
    assert list(documents_of(str(files))) == ["One.\n\nTwo.", "Three", "", None, None, None, "Fé", "Six", None, None]
    (files / "b.jsonl").write_text('{"body": "x"}\n')
    assert list(documents_of(str(files / "b.jsonl"), "body")) == ["x"]
    with pytest.raises(HarvestError, match="has no column 'body', only text"):
        list(documents_of(str(files / "c.parquet"), "body"))
    (files / "c.parquet").write_bytes(b"PAR1")
    with pytest.raises(HarvestError, match="no Parquet file"):
        list(documents_of(str(files / "c.parquet")))
    (files / "e.bin").write_bytes(b"")
    for path, sentence in (
        (files, "holds e.bin"),
        (files / "no.txt", "does not exist"),
        (files / "e.bin", "holds e.bin"),
    ):
        with pytest.raises(HarvestError, match=sentence):
            documents_of(str(path))


def test_documents_come_from_a_saved_dataset(files):
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"text": ["One.", "Two."]}).save_to_disk(files / "set")
    found = documents_of(str(files / "set"))
    assert list(found) == ["One.", "Two."]
    assert found.checksum() == documents_of(str(files / "set")).checksum()
    with pytest.raises(HarvestError, match="has no column 'body'"):
        list(documents_of(str(files / "set"), "body"))


def test_no_token_of_any_document_is_lost(tiny, tmp_path):
    texts = ["word " * 3000, "", "half \ud800 a pair", "x"]
    corpus = cut(tiny, tmp_path / "corpus", HarvestPlan(context=50, shard_windows=7), texts)
    assert (corpus.n_documents, corpus.n_empty, corpus.n_unreadable) == (4, 1, 0)
    found = {place: [] for place in range(4)}
    for index in range(corpus.n_shards):
        shard = corpus.shard(index)
        for row, length in enumerate(shard.lengths.tolist()):
            place = int(shard.documents[row])
            assert int(shard.starts[row]) == len(found[place])
            assert int(shard.tokens[row, 0]) == tiny.tokenizer.bos_id
            found[place] += shard.tokens[row, 1:length].tolist()
    assert tiny.tokenizer.decode(found[0]) == texts[0]
    assert tiny.tokenizer.decode(found[2]) == "half ? a pair"
    assert found[1] == []
    assert [len(piece) for piece in in_pieces("a" * 2_500_000)] == [1_000_000, 1_000_000, 500_000]


def test_a_corpus_without_text_is_refused(run):
    with pytest.raises(HarvestError, match="of 2 documents 2 are empty"):
        run("out", texts=["", ""])


@pytest.mark.parametrize("changes", [{"context": 1}, {"context": 10_000}, {"rows": 0}, {"pair_tokens": 2**20}])
def test_sizes_out_of_range_are_refused(run, changes):
    with pytest.raises(HarvestError, match="must be between"):
        run("out", plan=HarvestPlan(**changes))
    assert plan_from_json(PLAN.as_json()) == PLAN


def test_quantiles_lie_within_a_step_of_the_histogram():
    histogram, edges = np.zeros(130, np.int64), bin_edges((-8, 8))
    histogram[[70, 80]] = 5
    found = quantiles(histogram, edges, (0.25, 0.5, 1.0), 1.5, 4.0)
    assert found[0] <= found[1] <= found[2] <= 4.0
    assert quantiles(histogram * 0, edges, (0.5,), 0.0, 0.0) == (0.0,)


@pytest.mark.parametrize("scale", [3e-4, 3000.0])
def test_very_small_and_very_large_activations_have_quantiles_and_bands(tiny, saes, tmp_path, scale):
    weights = write_sae(saes / "one", tiny, "topk") / WEIGHTS
    held = load_file(weights)
    save_file({name: value * scale if name in ("W_enc", "b_enc") else value for name, value in held.items()}, weights)
    sae = load_sae(tiny, SPEC)
    made = finish(harvest(tiny, sae, Texts(TEXTS), PLAN, tmp_path / "out"))
    acts, _, keep = brute_acts(tiny, sae, cut(tiny, tmp_path / "corpus", PLAN, TEXTS))
    index = int(made.dense("fired").argmax())
    record, mine = made.feature(index), acts[keep][:, index].double()
    mine = mine[mine > 0].numpy()
    for share, found in zip(QUANTILES, record.quantiles, strict=True):
        assert found == pytest.approx(np.quantile(mine, share, method="inverted_cdf"), rel=0.13)
    shares = band_shares(record.histogram, record.edges, record.smallest, record.largest)
    true = np.histogram(mine, record.largest * np.arange(11) / 10)[0][::-1] / len(mine)
    assert np.abs(np.cumsum(shares) - np.cumsum(true)).max() <= record.histogram.max() / len(mine) + 1e-9


def test_the_command_harvests_in_parts_and_publishes(tiny, sae, files, tmp_path, capsys, monkeypatch):
    corpus = files / "texts.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in [*TEXTS, ""]))
    shared = [
        "--model",
        "folder:tiny-llama",
        "--device",
        "cpu",
        "--sae",
        "folder:one",
        "--context",
        "12",
        "--rows",
        "3",
        "--shard-windows",
        "6",
        "--threads",
        "1",
    ]

    def call(name, *more):
        return main(["harvest", str(corpus), "--out", str(tmp_path / name), *shared, *more])

    assert call("one", "--estimate") == 0
    said = capsys.readouterr().err
    assert "7 documents (1 empty and 0 no UTF-8 text are left out)" in said
    assert "with one worker" in said
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "1")
    assert call("one", "--num-shards", "2") == 0
    assert not (tmp_path / "one").exists()
    assert call("one", "--num-shards", "2", "--shard-index", "0") == 0
    capsys.readouterr()
    assert call("one") == 0
    assert "of which 0 are to be run" not in capsys.readouterr().err
    assert call("two") == 0
    assert "40 features over" in capsys.readouterr().err
    assert content_of(tmp_path / "one") == content_of(tmp_path / "two")
    assert call("one", "--num-shards", "2", "--shard-index", "2") == 1
    assert call("one", "--no-bos") == 1
    assert "holds a harvest of another plan" in capsys.readouterr().err
    assert call("one", "--threads", "-1") == 1
    assert "--threads must be 1 or more, not -1" in capsys.readouterr().err


def test_an_sae_of_another_width_is_refused_before_anything_is_written(
    tiny_folders, tiny, saes, files, tmp_path, capsys
):
    (files / "a.txt").write_text("Some text.")
    write_sae(saes / "one", load_model(ModelSpec("folder", "tiny-gpt2", device="cpu"), tiny_folders["gpt2"]), d_in=20)
    command = ["harvest", str(files), "--out", str(tmp_path / "out"), "--model", "folder:tiny-gpt2", "--device", "cpu"]
    assert main([*command, "--sae", "folder:one"]) == 1
    assert "reads 20 numbers at each position" in capsys.readouterr().err
    assert not work_folder(tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("hook", "d_in", "sentence"),
    [
        ("blocks.1.hook_mlp_in", None, "which an ordinary pass does not compute"),
        ("blocks.1.attn.hook_cos", 8, "not one vector of 8 for each token"),
        ("rotary_emb.hook_sin", 8, "not one vector of 8 for each token"),
    ],
)
def test_an_sae_of_a_place_without_a_vector_a_token_is_refused_before_anything_is_written(
    tiny, saes, run, tmp_path, hook, d_in, sentence
):
    write_sae(saes / "one", tiny, "topk", hook=hook, d_in=d_in)
    sae, work = load_sae(tiny, SPEC), tmp_path / "work"
    with pytest.raises(SaeError, match=sentence):
        prepare(tiny, sae, Texts(TEXTS), PLAN, work)
    with pytest.raises(SaeError, match=sentence):
        finish(harvest(tiny, sae, Texts(TEXTS), PLAN, tmp_path / "out", work=work))
    assert not work.exists()


def test_the_table_says_of_every_feature_what_its_record_says(run):
    made = run("out")
    table = made.table().to_pylist()
    assert [row["feature"] for row in table] == list(range(D_SAE))
    for row in table:
        record = made.feature(row["feature"])
        assert (row["fired"], row["density"], row["windows"]) == (record.fired, record.density, record.windows_fired)
        assert (row["largest"], row["mean"]) == pytest.approx((record.largest, record.mean))
        peaks = [example.str_tokens[example.peak] for example in record.examples if example.kind == 0]
        assert set(row["top_tokens"]) <= set(peaks)
        assert bool(row["label"]) == bool(record.fired)
        if peaks:
            assert peaks.count(row["top_tokens"][0]) == max(map(peaks.count, peaks))


@pytest.mark.parametrize("characters", [1_000_000, 31], ids=["whole", "in pieces"])
def test_the_window_of_every_example_gives_its_activation_again(tiny, sae, run, monkeypatch, characters):
    monkeypatch.setattr("interp_core.harvest.documents.MOST_CHARACTERS", characters)
    made = run("out", texts=[*TEXTS, " ".join(TEXTS)])
    seen = 0
    for index in range(0, D_SAE, 3):
        for example in made.feature(index).examples:
            window = made.window(example)
            first = window.pos - example.peak
            assert window.tokens[first : first + len(example.tokens)] == example.tokens
            reading = read_features(tiny, Run(tiny.spec, window.tokens), SPEC.text)
            assert reading.dense()[window.pos, index] == pytest.approx(example.activation, rel=1e-4)
            seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    ("peak", "before", "after", "label"),
    [
        ([" The", "the", "a"], [""] * 3, [""] * 3, "“the”"),
        (list("abcde"), [" of", "of", "of", "in", ""], [""] * 5, "after “of”"),
        (list("abcde"), list("fghij"), ["\n"] * 4 + ["x"], "before “↵”"),
        (list("aabcd"), list("fghij"), list("klmno"), "a · b · c"),
        ([" ", " ", "a"], [""] * 3, [""] * 3, "“␣”"),
        (list("abcde"), ["    "] * 4 + ["x"], [""] * 5, "after “␣␣␣␣”"),
        ([], [], [], ""),
    ],
)
def test_automatic_labels_follow_a_rule(peak, before, after, label):
    assert automatic_label(TopTokens(tuple(peak), tuple(before), tuple(after))) == label
