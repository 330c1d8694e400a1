"""Dashboards as files: what is written is read back, the same comes out twice, and nothing that others made is trusted."""

import gzip
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from interp_core.errors import ExchangeError
from interp_core.exchange.choice import choose_features
from interp_core.exchange.documents import dashboards, document_json, read_documents, write_documents
from interp_core.exchange.neuronpedia_names import names_of
from interp_core.exchange.neuronpedia_rows import feature_json
from interp_core.exchange.neuronpedia_writing import export_neuronpedia, write_neuronpedia
from interp_core.exchange.opening import open_dashboards
from interp_core.harvest.bundle import open_harvest
from interp_core.harvest.documents import Texts
from interp_core.harvest.harvesting import harvest
from interp_core.harvest.plan import HarvestPlan
from interp_core.jobs import finish
from interp_core.labels import set_label
from interp_core.sae.dashboard import feature_document, with_sources
from interp_core.sae.features import held_sae
from interp_views.feature_dashboard import feature_dashboard_payload
from interp_views.feature_document import feature_view
from tests.core.harvest_killed import TEXTS
from tests.core.test_saes import D_SAE, write_sae

NAME = "folder:one"
SOURCE = "1-one"


@pytest.fixture(scope="module")
def made(tiny, tmp_path_factory):
    """An SAE of the tiny model, a harvest of it, and a label of the user's."""
    root = tmp_path_factory.mktemp("exchange")
    with pytest.MonkeyPatch.context() as patch:
        for what in ("SAES", "HARVESTS", "LABELS"):
            patch.setenv(f"HOOKSCOPE_{what}", str(root / what.lower()))
        write_sae(root / "saes" / "one", tiny, "topk")
        sae, plan = held_sae(tiny, NAME), HarvestPlan(context=12, shard_windows=6, rows=3)
        finish(harvest(tiny, sae, Texts(TEXTS), plan, root / "harvests" / "one"))
        set_label(sae.checksum, 7, "my <b>label</b>", sae=NAME)
        yield open_harvest(root / "harvests" / "one")
        tiny.saes.clear()


@pytest.fixture(scope="module")
def documents(tiny, made):
    found = list(dashboards(tiny, NAME, made, range(D_SAE)))
    assert any(not one["record"]["fired"] for one in found)  # a dead one is among them
    return found


def draws(document):
    return feature_dashboard_payload(feature_view(document))


def as_bytes(documents):
    file = io.BytesIO()
    write_documents(documents, file)
    return file.getvalue()


def api(document, **changes):
    return json.dumps({**feature_json(document), **changes}).encode()


# Ours


def test_a_set_has_what_each_dashboard_has_alone(tiny, made, documents):
    for index in (0, 7, D_SAE - 1):
        alone = feature_document(tiny, NAME, index, made, label="my <b>label</b>" if index == 7 else "")
        apart = [{name: value for name, value in one.items() if name != "logits"} for one in (alone, documents[index])]
        assert apart[0] == apart[1]
        for end in ("promoted", "suppressed"):
            values = [[row[2] for row in one["logits"][end]] for one in (alone, documents[index])]
            assert np.allclose(*values, atol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 40])
def test_json_comes_back_as_it_was(documents, count):
    content = as_bytes(documents[:count])
    assert list(read_documents(io.BytesIO(content))) == documents[:count]
    assert list(open_dashboards(content)) == documents[:count]
    assert content == as_bytes(documents[:count])
    assert len(content.splitlines()) == count + 2 if count else 1


def test_one_dashboard_is_read_with_or_without_indentation_and_mark(documents, tmp_path):
    path = tmp_path / "one.json"
    for indent, mark in ((None, ""), (1, "\ufeff")):
        path.write_text(mark + document_json(documents[3], indent=indent), encoding="utf-8")
        assert list(open_dashboards(path)) == [documents[3]]
    assert [one["feature"] for one in open_dashboards(as_bytes(documents), features={4, 9})] == [4, 9]


def test_an_array_is_read_one_dashboard_at_a_time(documents):
    """What comes later does not matter, however long or wrong it is."""
    content = document_json(documents[0])
    assert next(open_dashboards(f"[{content}, {{]".encode())) == documents[0]
    endless = io.BytesIO(f"[{content},{' ' * 5_000_000}".encode())
    reading = read_documents(endless)
    assert next(reading) == documents[0]
    with pytest.raises(ExchangeError, match="Export it again"):
        next(reading)
    large = {**documents[0], "note": "x" * 6_000_000}  # past one chunk
    assert list(open_dashboards(as_bytes([large, documents[1]]))) == [large, documents[1]]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"<!doctype html>", "page of HTML"),
        (b"\x1f\x8b\x08", "one gzipped file"),
        (b"{", "cannot be read as JSON"),
        (b"[", "cannot be read as JSON"),
        (b"[{}", "cannot be read as JSON|something else"),
        (b"[]x", "something else|no JSON|follows behind"),
        (b"12", "something else"),
        (b"[[1]]", "something else"),
        (b'"\xff"', "not UTF-8"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a":' * 100_000, "nested too deep"),
        (b'{"format": NaN}', "NaN, which is no finite number"),
        (b'{"format": -Infinity}', "no finite number"),
        (b'{"format": 1e999}', "1e999, which is no finite number"),
        (b'{"format": ' + b"9" * 5000 + b"}", "cannot be read as JSON"),
        (b'{"format": "another"}', "something else than dashboards"),
        (b'{"format": "hookscope feature dashboard"}', "of version 'None'"),
        (b'{"format": "hookscope feature dashboard", "version": 2}', "version '2'.*update this one"),
        (b'{"format": "hookscope feature dashboard", "version": true}', "version 'True'"),
    ],
)  # fmt: skip
def test_what_is_no_dashboard_is_refused_with_a_sentence(content, sentence):
    with pytest.raises(ExchangeError, match=sentence):
        list(open_dashboards(content, "The file"))


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(ExchangeError, match=r"nothing\.json cannot be read"):
        list(open_dashboards(tmp_path / "nothing.json"))
    with pytest.raises(ExchangeError, match="holds no features"):
        list(open_dashboards(tmp_path))


WRONG = [
    ("feature", "7"), ("feature", 1.5), ("feature", True), ("feature", 2**60), ("name", 3), ("record", [1]), ("record", {"tokens": 5}),
    ("examples", {"kind": 0}), ("examples", [[]]), ("examples", [{}] * 501), ("tables", [{"rows": [[1]]}]), ("logits", "none"),
    ("logits", {"promoted": [["a", 1]]}), ("logits", {"promoted": [["a", 1, 1e300]]}), ("label", "text"), ("label", {"text": 5}),
    ("record", {"tokens": None, "largest": 10**400, "mean": 0}), ("record", {"tokens": None, "density": 3, "largest": 1, "mean": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("part", "value"), WRONG)
def test_a_part_of_another_kind_is_refused_when_it_is_drawn(documents, part, value):
    (read,) = open_dashboards(as_bytes([{**documents[3], part: value}]))
    with pytest.raises(ValueError, match=r"\."):
        draws(read)


def test_counts_of_a_thousand_million_are_drawn(documents):
    record = {**documents[3]["record"], "fired": 10**9, "tokens": 4 * 10**9}
    (read,) = open_dashboards(as_bytes([{**documents[3], "record": record}]))
    assert feature_view(read).density == 0.25
    draws(read)


def test_half_a_surrogate_pair_and_markup_stay_text(documents):
    content = json.dumps({**documents[3], "label": {"text": "\ud800<script>alert(1)</script>", "by": "user"}}).encode()
    (read,) = open_dashboards(content)
    assert feature_view(read).label == "?<script>alert(1)</script>"
    assert next(open_dashboards(as_bytes([read])))["label"]["text"].startswith("?<script>")
    draws(read)


# Neuronpedia


@pytest.fixture(scope="module")
def export(tiny, made, tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "np"
    steps = list(export_neuronpedia(tiny, NAME, made, range(D_SAE), out))
    assert len(steps) == D_SAE and steps[-1].fraction == 1
    return out


def rows(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def test_an_export_has_neuronpedias_layout(export, documents):
    (root,) = (export / "tiny-llama").iterdir()
    assert root.name == SOURCE
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*.*")) == [
        "activations/batch-0.jsonl.gz", "explanations/batch-0.jsonl.gz", "features/batch-0.jsonl.gz",
        "model.jsonl", "release.jsonl", "source.jsonl", "sourceset.jsonl",
    ]  # fmt: skip
    model, source, source_set, release = (
        json.loads((root / f"{name}.jsonl").read_text()) for name in ("model", "source", "sourceset", "release")
    )
    assert (model["id"], model["layers"], model["neuronsPerLayer"]) == ("tiny-llama", 3, 64)
    assert source["id"] == SOURCE and source["setName"] == source_set["name"] == "one"
    assert source_set["releaseName"] == release["name"]
    features = rows(root / "features" / "batch-0.jsonl.gz")
    assert [row["index"] for row in features] == [str(index) for index in range(D_SAE)]
    for table in ("features", "activations", "explanations"):
        found = rows(root / table / "batch-0.jsonl.gz")
        assert len({tuple(row) for row in found}) == 1  # the database reads the columns off the first row
        assert all((row["modelId"], row["layer"]) == ("tiny-llama", SOURCE) for row in found)
    ids = [row["id"] for table in ("activations", "explanations") for row in rows(root / table / "batch-0.jsonl.gz")]
    assert len(set(ids)) == len(ids) and all(len(one) == 25 for one in ids)
    assert sum(len(one["examples"]) for one in documents) == len(rows(root / "activations" / "batch-0.jsonl.gz"))


def test_columns_hold_what_neuronpedias_own_tools_put_there(documents):
    for document in documents:
        row, record = feature_json(document), document["record"]
        assert row["maxActApprox"] == record["largest"]
        assert row["frac_nonzero"] == record["fired"] / record["tokens"]
        assert sum(row["freq_hist_data_bar_heights"]) == record["fired"]
        assert np.allclose(np.diff(row["freq_hist_data_bar_values"], 2), 0, atol=1e-4)
        assert row["logits_hist_data_bar_heights"] == document["logits"]["histogram"]["counts"]
        for activation, example in zip(row["activations"], document["examples"], strict=True):
            assert (
                activation["maxValue"]
                == max(activation["values"])
                == activation["values"][activation["maxValueTokenIndex"]]
            )
            assert activation["qualifyingTokenIndex"] == example["peak"]
            assert (activation["binContains"] == -1) == (example["kind"] == 0)
    human, automatic = (feature_json(documents[index])["explanations"][0] for index in (7, 3))
    assert (human["typeName"], human["notes"], human["description"]) == ("human", None, "my <b>label</b>")
    assert (automatic["typeName"], automatic["explanationModelName"]) == (None, None)
    assert automatic["notes"].startswith("Automatic")


def as_neuronpedia_keeps(document):
    """What `docs/features.md` says comes back."""
    record = document["record"]
    kinds = sorted({example["kind"] for example in document["examples"]} - {0})
    return {
        "index": document["feature"], "name": document["name"], "place": document["place"],
        "label": document["label"] and {**document["label"], "author": ""}, "density": pytest.approx(record["fired"] / record["tokens"]),
        "largest": record["largest"], "bands": [record["bands"][kind - 1] for kind in kinds],
        "promoted": [[row[0], row[2]] for row in document["logits"]["promoted"]],
        "suppressed": [[row[0], row[2]] for row in document["logits"]["suppressed"]],
        "logits": document["logits"]["histogram"]["counts"],
        "tables": [(one["title"], one["columns"], [[value or 0 for value in row] for row in one["rows"]])
                   for one in document["tables"] if one["rows"]],
        "examples": [
            (0 if one["kind"] == 0 else 1 + kinds.index(one["kind"]), one["tokens"], [value or 0 for value in one["activations"]],
             one["peak"], one["document"], one["place"]) for one in document["examples"]
        ],
    }  # fmt: skip


def kept(document):
    record = document["record"]
    return {
        "index": document["feature"], "name": document["name"], "place": document["place"], "label": document["label"],
        "density": record["density"], "largest": record["largest"], "bands": record["bands"],
        "promoted": [[row[0], row[2]] for row in document["logits"]["promoted"]],
        "suppressed": [[row[0], row[2]] for row in document["logits"]["suppressed"]],
        "logits": document["logits"]["histogram"]["counts"],
        "tables": [(one["title"], one["columns"], one["rows"]) for one in document["tables"]],
        "examples": [
            (one["kind"], one["tokens"], one["activations"], one["peak"], one["document"], one["place"])
            for one in document["examples"]
        ],
    }  # fmt: skip


def test_what_went_out_comes_back_as_far_as_the_layout_holds_it(export, documents):
    back = list(open_dashboards(export))
    assert len(back) == D_SAE
    for ours, theirs in zip(documents, back, strict=True):
        assert kept(theirs) == as_neuronpedia_keeps(ours)
        assert sum((theirs["record"]["histogram"] or {"counts": []})["counts"]) == ours["record"]["fired"]
        edges = np.array(theirs["logits"]["histogram"]["edges"])
        assert np.allclose(edges, ours["logits"]["histogram"]["edges"], atol=1e-3)
        draws(theirs)
    assert [one["feature"] for one in open_dashboards(export, features={5, 30})] == [5, 30]


def test_one_feature_goes_and_comes_by_the_api_s_json(documents):
    for document in documents[:5]:
        (back,) = open_dashboards(api(document))
        assert kept(back) == as_neuronpedia_keeps(document)
    both = b"[" + api(documents[0]) + b"," + api(documents[1]) + b"]"
    assert [one["feature"] for one in open_dashboards(both)] == [0, 1]


def test_what_came_from_neuronpedia_can_go_there_again(export, tmp_path):
    back = list(open_dashboards(export))
    finish(write_neuronpedia(back, len(back), tmp_path / "again"))
    again = list(open_dashboards(tmp_path / "again"))
    assert list(map(kept, again)) == list(map(kept, back))


def test_sources_of_an_example_are_kept(documents):
    n = len(documents[3]["examples"][0]["tokens"])
    document = with_sources(documents[3], 0, np.arange(n, dtype=np.float32))
    (back,) = open_dashboards(api(document))
    assert back["examples"][0]["sources"] == list(range(n))
    assert "sources" not in back["examples"][1]


def test_the_same_features_give_the_same_bytes_as_folder_and_as_zip(tiny, made, export, tmp_path):
    zips = [tmp_path / "a.zip", tmp_path / "b.zip"]
    for path in zips:
        finish(export_neuronpedia(tiny, NAME, made, range(D_SAE), path))
    assert zips[0].read_bytes() == zips[1].read_bytes()
    with zipfile.ZipFile(zips[0]) as archive:
        for name in archive.namelist():
            assert archive.read(name) == (export / name).read_bytes()
    assert list(open_dashboards(zips[0])) == list(open_dashboards(export))
    assert [path.name for path in tmp_path.iterdir() if path not in zips] == []


def test_batches_are_cut_where_neuronpedia_cuts_them(documents, tmp_path, monkeypatch):
    monkeypatch.setattr("interp_core.exchange.neuronpedia_writing.BATCH", 16)
    finish(write_neuronpedia(documents, D_SAE, tmp_path / "out"))
    names = sorted(path.name for path in (tmp_path / "out").rglob("features/*"))
    assert names == ["batch-0.jsonl.gz", "batch-1.jsonl.gz", "batch-2.jsonl.gz"]
    assert list(open_dashboards(tmp_path / "out")) == list(open_dashboards(written(documents, tmp_path / "one")))


def written(documents, out):
    return finish(write_neuronpedia(documents, len(documents), out))


def test_activations_are_found_in_whatever_file_they_are(documents, tmp_path):
    """Neuronpedia cuts features in the order of their numbers as text, and activations in that of numbers."""
    out = written(documents[:12], tmp_path / "out")
    root = next(out.rglob("features")).parent
    expected = {one["feature"]: one for one in open_dashboards(out)}
    for table in ("features", "activations"):
        found = rows(root / table / "batch-0.jsonl.gz")
        (root / table / "batch-0.jsonl.gz").unlink()
        found.sort(key=lambda row: row["index"] if table == "features" else int(row["index"]))
        for batch, part in enumerate((found[: len(found) // 2], found[len(found) // 2 :])):
            packed = gzip.compress("\n".join(map(json.dumps, part)).encode())
            (root / table / f"batch-{batch}.jsonl.gz").write_bytes(packed)
    back = list(open_dashboards(out))
    assert [one["feature"] for one in back] == sorted(range(12), key=str)
    assert all(one == expected[one["feature"]] for one in back)


def test_an_export_that_fails_leaves_nothing_behind(documents, tmp_path):
    def some():
        yield from documents[:3]
        raise ExchangeError("no more")

    for out in (tmp_path / "out", tmp_path / "out.zip"):
        with pytest.raises(ExchangeError, match="no more"):
            finish(write_neuronpedia(some(), 5, out))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ExchangeError, match="no features to write"):
        finish(write_neuronpedia([], 0, tmp_path / "out"))
    (tmp_path / "out").mkdir()
    with pytest.raises(ExchangeError, match="is there already"):
        written(documents[:3], tmp_path / "out")
    with pytest.raises(ExchangeError, match="one SAE at a time"):
        written([documents[0], {**documents[1], "sae": "folder:two"}], tmp_path / "two")


def test_names_are_plain_whatever_the_sae_is_called(documents):
    names = names_of(
        {**documents[0], "sae": "release:Ünder/../x:y z", "model": "Org/Model.5 B", "name": "F3", "place": "embed"}
    )
    assert (names.model, names.source, names.hook) == ("model-5-b", "0-nder-x-y-z", None)
    assert names_of(documents[0]).hook == "blocks.1.hook_resid_post"


# What Neuronpedia does not say, and what others make of it


def test_what_is_missing_is_shown_as_missing():
    (bare,) = open_dashboards(b'{"modelId": "gpt2-small", "layer": "6-res-jb", "index": "12", "unknown": [1]}')
    assert (bare["name"], bare["record"], bare["logits"], bare["label"]) == ("L6F12", None, None, None)
    view = feature_view(bare)
    assert np.isnan(view.density) and view.activations is None and view.promoted is None and view.groups == ()
    draws(bare)
    some = {
        "modelId": "gpt2-small", "layer": "6-res-jb", "index": 12, "frac_nonzero": 0.0125, "maxActApprox": 3.5,
        "explanations": [{"description": "time", "typeName": "oai_token-act-pair", "explanationModelName": "gpt-4o-mini"},
                         {"description": "hours", "typeName": "human"}],
        "activations": [{"tokens": ["a", "b"], "values": [0, 3.5], "maxValueTokenIndex": 1}],
        "freq_hist_data_bar_heights": [0.01, 0.02], "freq_hist_data_bar_values": [1.0, 2.0],
        "topkCosSimIndices": [12, 3], "topkCosSimValues": [1.0, 0.4], "source": {"dataset": "pile", "num_tokens_in_prompt": 128},
    }  # fmt: skip
    (read,) = open_dashboards(json.dumps(some).encode())
    assert read["label"] == {"text": "hours", "by": "user", "author": ""}
    assert read["record"]["histogram"] is None  # shares are no counts
    assert read["tables"][0]["rows"] == [[12, 1.0], [3, 0.4]]
    assert read["text"]["source"] == "pile"
    view = feature_view(read)
    assert (view.density, view.largest) == (0.0125, 3.5)
    assert ("active on", "1.250% of tokens") in view.facts and not any(name == "mean" for name, _ in view.facts)
    draws(read)
    some["explanations"].pop()
    (read,) = open_dashboards(json.dumps(some).encode())
    assert read["label"] == {"text": "time", "by": "automatic", "author": "gpt-4o-mini"}


HOSTILE = [
    ({"index": "1e3"}, "has the index '1e3'"), ({"index": True}, "has the index"), ({"index": "9" * 30}, "has the index"),
    ({"layer": 6}, "layer is no text"), ({"pos_str": "abc"}, "pos_str is no list"), ({"pos_str": [1]}, "pos_str holds '1'"),
    ({"pos_values": [0.5]}, "shorter|longer"), ({"pos_values": ["<b>"]}, "pos_values holds '<b>'"), ({"frac_nonzero": "x"}, "frac_nonzero"),
    ({"maxActApprox": 1e300}, "no number"), ({"activations": {}}, "something|no lists of rows|cannot"), ({"activations": [1]}, "no lists of rows"),
    ({"activations": [{"tokens": ["a"], "values": []}]}, "1 tokens and 0 values"),
    ({"activations": [{"tokens": ["a"], "values": [1], "maxValueTokenIndex": 4}]}, "its peak at 4"),
    ({"activations": [{"tokens": ["a"], "values": [[1]]}]}, "values holds"),
    ({"activations": [{"tokens": ["a"], "values": [1]}] * 501}, "501 activations"),
    ({"explanations": [{"description": 5}]}, "description is no text"),
    ({"freq_hist_data_bar_heights": [1, 2], "freq_hist_data_bar_values": [1]}, "2 bars at 1 places"),
    ({"neuron_alignment_indices": [1]}, "shorter|longer"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "sentence"), HOSTILE)
def test_columns_of_another_kind_are_named(documents, changes, sentence):
    if changes == {"activations": {}}:
        assert next(open_dashboards(api(documents[3], **changes)))["examples"] == []
        return
    with pytest.raises(ExchangeError, match=sentence):
        list(open_dashboards(api(documents[3], **changes)))


def zipped(files, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


def features_gz(*documents):
    lines = [json.dumps({**feature_json(one), "activations": None, "explanations": None}) for one in documents]
    return gzip.compress("\n".join(lines).encode())


@pytest.mark.parametrize(
    "name",
    ["../features/a.jsonl", "/etc/features/a.jsonl", "a/../../features/b.jsonl", "C:/features/a.jsonl", "..\\a", "."],
)
def test_a_zip_that_names_files_outside_itself_is_refused(documents, name):
    with pytest.raises(ExchangeError, match="names a file outside itself"):
        list(open_dashboards(zipped({"features/batch-0.jsonl.gz": features_gz(documents[0]), name: b"{}"})))


def test_files_of_any_name_are_put_in_order(documents):
    names = ["features/batch-10.jsonl.gz", "features/batch-2.jsonl.gz", f"features/batch-{'1' * 5000}.jsonl.gz"]
    content = {name: features_gz(one) for name, one in zip(names, documents, strict=False)}
    found = list(open_dashboards(zipped({**content, "x1²2.txt": b"", "٣.txt": b""})))
    assert [one["feature"] for one in found] == [documents[place]["feature"] for place in (1, 0, 2)]


def test_bombs_stop_before_they_fill_anything(documents):
    line = json.dumps({"modelId": "m", "layer": "1-x", "index": "3", "tokens": ["a"], "values": [1]}).encode() + b"\n"
    features = features_gz(documents[3])
    zeros = zipped({"features/a.jsonl.gz": features, "activations/a.jsonl.gz": gzip.compress(b"0" * 40_000_000)})
    with pytest.raises(ExchangeError, match="a line of more than 16,000,000 bytes"):
        list(open_dashboards(zeros))
    blank = zipped({"features/a.jsonl.gz": features, "activations/a.jsonl.gz": gzip.compress(b"\n" * 80_000_000)})
    with pytest.raises(ExchangeError, match="mostly empty lines"):
        list(open_dashboards(blank))
    wide = json.dumps({"modelId": "m", "layer": "1-x", "index": "3", "notes": "a" * 1_000_000}).encode() + b"\n"
    squeezed = zipped({"features/a.jsonl.gz": features, "activations/a.jsonl.gz": gzip.compress(wide * 80)})
    with pytest.raises(ExchangeError, match="unpacks to more than 64,000,000 bytes"):
        list(open_dashboards(squeezed))
    again = zipped({"features/a.jsonl.gz": features, "activations/a.jsonl.gz": gzip.compress(line * 100_000)})
    with pytest.raises(ExchangeError, match="more than 500 rows of activations"):
        list(open_dashboards(again))
    with pytest.raises(ExchangeError, match="unpacks to more than 1,000 bytes"):
        list(open_dashboards(zipped({"features/a.jsonl.gz": features}), most_bytes=1000))
    many = zipped({f"features/{number}.jsonl": b"" for number in range(20_001)})
    with pytest.raises(ExchangeError, match="20,001 files"):
        list(open_dashboards(many))


def test_damaged_and_foreign_archives_are_refused(documents, export):
    whole = features_gz(*documents[:8])
    for content, sentence in (
        ({"features/batch-0.jsonl.gz": whole[:-20]}, "damaged or encrypted"),
        ({"features/batch-0.jsonl.gz": b"no gzip"}, "damaged or encrypted"),
        ({"features/batch-0.jsonl": b"[1, 2]"}, "a line that is no row"),
        ({"features/batch-0.jsonl": b"{no json"}, "cannot be read as JSON"),
        (
            {"features/batch-0.jsonl": b'{"index": "1", "modelId": "a", "layer": "b", "pos_values": [NaN]}'},
            "no finite number",
        ),
        ({"index.html": b"<html>", "features/00000-a.html": b"<html>"}, "holds no features"),
    ):
        with pytest.raises(ExchangeError, match=sentence):
            list(open_dashboards(zipped(content)))
    good = zipped({"features/batch-0.jsonl.gz": whole})
    assert len(list(open_dashboards(good))) == 8
    with pytest.raises(ExchangeError, match="no zip that can be read"):
        list(open_dashboards(good[: len(good) // 2]))
    flagged = bytearray(good)
    flagged[good.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ExchangeError, match="encrypted"):
        list(open_dashboards(bytes(flagged)))


def test_a_link_in_a_folder_is_not_followed(export, documents, tmp_path):
    copy = Path(shutil.copytree(export, tmp_path / "copy"))
    target = tmp_path / "elsewhere.jsonl"
    target.write_text(api(documents[0]).decode())
    features = next(copy.rglob("features"))
    (features / "batch-1.jsonl").symlink_to(target)
    assert len(list(open_dashboards(copy))) == D_SAE


@pytest.mark.parametrize(
    ("text", "chosen"), [("7", [7]), ("1,5-9", [1, 5, 6, 7, 8, 9]), (" 3 - 4 , 0", [3, 4, 0]), ("all", list(range(40)))]
)
def test_features_are_chosen_as_people_type_them(text, chosen):
    assert list(choose_features(text, 40)) == chosen


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "'' is no feature"), ("x", "no feature"), ("1-", "no feature"), ("-3", "no feature"), ("40", "0 to 39"), ("0-999999999", "0 to 39"),
     ("9-3", "not there"), ("1,1", "second time"), ("1-3,2", "second time"), ("1," * 10_001, "too many"), ("¹", "no feature")],
)  # fmt: skip
def test_lists_of_features_that_cannot_be_are_refused(text, sentence):
    with pytest.raises(ExchangeError, match=sentence):
        choose_features(text, 40)
