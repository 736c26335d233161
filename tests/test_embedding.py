"""Local vectors: a tiny ONNX model through the real onnxruntime, and the real one where it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import FakeEmbedder, paper
from tiny_onnx import WIDTH, WORDS, table, write_model

from curator import onnx
from curator.devices import CPU, Device, automatic, find_device, open_session
from curator.embedding import embedding_text, open_embedder
from curator.embedding.base import Bulk, bulk_of
from curator.errors import MissingError, UsageError, WeightsCorrupt, WeightsMissing
from curator.onnx import DEVICE_FROM, DEVICE_TOKENS, OnnxModel
from curator.settings import load_settings

GPU = Device("cuda", "CUDAExecutionProvider")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_model(tmp_path_factory.mktemp("tiny"))


def tiny(files: tuple[Path, Path], **options: Any) -> OnnxModel:
    return OnnxModel(*files, **({"max_tokens": 16, "threads": 2} | options))


def texts(count: int, longest: int = 9, seed: int = 1) -> list[str]:
    random = np.random.default_rng(seed)
    return [
        " ".join(random.choice(WORDS[3:], size=random.integers(1, longest + 1)))
        for _ in range(count)
    ]


# -------------------------------------------------------------------------- running


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("pool", ["cls", "mean"])
def test_a_vector_depends_on_its_text_alone(
    files: tuple[Path, Path], threads: int, pool: str
) -> None:
    model = tiny(files, threads=threads)
    many = texts(70)
    together = model.run(many, batch=1, pool=pool)
    assert together.shape == (70, WIDTH) and together.dtype == np.float32
    for text, row in zip(many, together, strict=True):
        assert np.array_equal(model.run([text], batch=1, pool=pool)[0], row)
    # With others in its run it is not: the model rounds by the largest value of the batch.
    assert not np.array_equal(model.run(many, batch=16, pool="mean"), together)


def test_the_mean_is_over_real_tokens_only(files: tuple[Path, Path]) -> None:
    short, long = "w1", "w1 w2 w3 w4 w5 w6 w7"
    rows = tiny(files).run([short, long], batch=2, pool="mean")
    wanted = table()[[1, 2, WORDS.index("w1")]].mean(axis=0)
    assert np.allclose(rows[0], wanted, atol=0.1)


def test_long_texts_are_cut_and_unknown_words_known(files: tuple[Path, Path]) -> None:
    model = tiny(files)
    words = " ".join(f"w{n}" for n in range(40))
    cut = " ".join(f"w{n}" for n in range(14))
    rows = model.run([words, cut, "", "süß 😀 \x00"], batch=1, pool="mean")
    assert np.array_equal(rows[0], rows[1])
    assert np.isfinite(rows).all()


def test_many_threads_may_ask_at_once(files: tuple[Path, Path]) -> None:
    model = tiny(files)
    parts = [texts(30, seed=seed) for seed in range(8)]
    wanted = [model.run(part, batch=1, pool="mean") for part in parts]
    found: list[Any] = [None] * len(parts)

    def ask(n: int) -> None:
        found[n] = model.run(parts[n], batch=1, pool="mean")

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(len(parts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_pairs_keep_their_order(files: tuple[Path, Path]) -> None:
    pairs = [("w1", "w2 w3"), ("w4", "w5"), ("w1 w2 w3 w4", "w9")]
    rows = tiny(files).run(pairs, batch=1, pool="mean")
    alone = [tiny(files).run([pair], batch=1, pool="mean")[0] for pair in pairs]
    assert np.array_equal(rows, alone)


@pytest.mark.parametrize("broken", [0, 1])
@pytest.mark.parametrize("content", [b"", b"garbage" * 50, None])
def test_files_that_cannot_be_loaded_are_told(
    tmp_path: Path, broken: int, content: bytes | None
) -> None:
    made = write_model(tmp_path)
    if content is None:
        made[broken].unlink()
    else:
        made[broken].write_bytes(content)
    model = tiny(made)  # loads in the background
    for _ in range(2):
        with pytest.raises(WeightsCorrupt, match="cannot be loaded") as caught:
            model.run(["w1"], batch=1, pool="cls")
        assert "models verify" in caught.value.remedy


def test_an_error_in_one_run_ends_them_all(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny(files)
    calls: list[int] = []
    real = onnx._infer

    def fails(session: Any, group: list[Any], pool: str) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("out of memory")
        time.sleep(0.01)
        return real(session, group, pool)

    monkeypatch.setattr(onnx, "_infer", fails)
    with pytest.raises(RuntimeError, match="out of memory"):
        model.run(texts(200), batch=1, pool="cls")
    assert len(calls) < 50


# -------------------------------------------------------------------------- devices


def test_the_processor_needs_no_looking() -> None:
    assert find_device(" CPU ") is CPU


@pytest.mark.parametrize("name", ["gpu", "", "azure", "js", "cuda0", "ExecutionProvider"])
def test_no_device_of_that_name(name: str) -> None:
    with pytest.raises(UsageError, match="CURATOR_DEVICE cannot be") as caught:
        find_device(name)
    assert "cuda" in caught.value.remedy and "directml" in caught.value.remedy
    assert "azure" not in caught.value.remedy


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("cuda", "onnxruntime-gpu"),
        ("TensorRT", "onnxruntime-gpu"),
        ("directml", "onnxruntime-directml"),
        ("openvino", "onnxruntime-openvino"),
        ("migraphx", "onnxruntime.ai"),
    ],
)
def test_a_device_that_is_not_there_says_how_to_get_it(name: str, remedy: str) -> None:
    import onnxruntime as ort

    if any(name.lower() in offered.lower() for offered in ort.get_available_providers()):
        pytest.skip("this machine has it")
    with pytest.raises(MissingError) as caught:
        find_device(name)
    assert remedy in caught.value.remedy and "CURATOR_DEVICE=cpu" in caught.value.remedy
    with pytest.raises(MissingError):
        tiny((Path("x"), Path("y")), device=name)


def test_every_name_of_onnxruntime_is_a_device() -> None:
    import onnxruntime as ort

    for provider in ort.get_all_providers():
        name = provider.removesuffix("ExecutionProvider").lower()
        if name in ("azure", "js", "webnn"):
            continue
        try:
            assert find_device("directml" if name == "dml" else name).provider == provider
        except MissingError as error:
            assert provider not in ort.get_available_providers()
            assert error.remedy


def test_a_device_whose_libraries_do_not_load(
    files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """onnxruntime then goes on with the processor, and says so on stdout."""
    import onnxruntime as ort

    real = ort.InferenceSession

    def quiet(*args: Any, **options: Any) -> Any:
        print("EP Error: no libcudnn")
        options.pop("providers")
        return real(*args, providers=["CPUExecutionProvider"], **options)

    monkeypatch.setattr(ort, "InferenceSession", quiet)
    with pytest.raises(MissingError, match="cannot be loaded"):
        open_session(files[0], GPU)
    assert capsys.readouterr().out == ""


class FakeDevice:
    """A device that computes on the processor, at a pace and with an error of its own."""

    def __init__(self, model: Path, *, pause: float = 0.0, noise: float = 0.0) -> None:
        self.session = open_session(model, CPU)
        self.pause, self.noise = pause, noise
        self.runs: list[tuple[int, ...]] = []
        self._free = threading.Lock()

    def get_inputs(self) -> Any:
        return self.session.get_inputs()

    def run(self, names: None, feeds: dict[str, Any]) -> list[Any]:
        assert self._free.acquire(blocking=False), "one run at a time"
        self.runs.append(feeds["input_ids"].shape)
        time.sleep(self.pause)
        (output,) = self.session.run(names, feeds)
        noise = np.random.default_rng(1).standard_normal(output.shape) * self.noise
        self._free.release()
        return [(output + noise).astype(np.float32)]


Offer = Callable[..., FakeDevice]


@pytest.fixture
def offer(files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Makes this machine one with a GPU."""

    def offered(**options: float) -> FakeDevice:
        device = FakeDevice(files[0], **options)
        monkeypatch.setattr(onnx, "automatic", lambda: [GPU])
        monkeypatch.setattr(onnx, "find_device", lambda name: CPU if name == "cpu" else GPU)
        monkeypatch.setattr(
            onnx,
            "open_session",
            lambda model, wanted: device if wanted is GPU else open_session(model, wanted),
        )
        return device

    return offered


def slowly(monkeypatch: pytest.MonkeyPatch, device: FakeDevice) -> None:
    """Makes the processor slow, so that any device is quicker."""
    real = onnx._infer

    def infer(session: Any, group: list[Any], pool: str) -> Any:
        if session is not device:
            time.sleep(0.002)
        return real(session, group, pool)

    monkeypatch.setattr(onnx, "_infer", infer)


def test_a_quicker_gpu_takes_many_texts_and_no_few(
    files: tuple[Path, Path], offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = offer()
    slowly(monkeypatch, device)
    told: list[str] = []
    model = tiny(files, device="auto", notify=told.append)
    model.run(texts(DEVICE_FROM - 1), batch=1, pool="mean")
    assert device.runs == []  # so a search never waits for a GPU to start
    many = texts(3000)
    rows = model.run(many, batch=1, pool="mean")
    probes, runs = device.runs[:2], device.runs[2:]
    assert probes[0] == probes[1]
    assert sum(shape[0] for shape in runs) == 3000
    assert len(runs) > 1 and all(a * b <= DEVICE_TOKENS for a, b in runs)
    ours = tiny(files, device="cpu").run(many, batch=1, pool="mean")
    likeness = (rows * ours).sum(1) / np.linalg.norm(rows, axis=1) / np.linalg.norm(ours, axis=1)
    assert likeness.min() > 0.9  # in its place, rounded otherwise
    assert told == []
    assert model.bulk_texts > DEVICE_FROM


def test_a_slower_gpu_is_not_used_and_that_is_said_once(
    files: tuple[Path, Path], offer: Offer
) -> None:
    device = offer(pause=0.5)
    told: list[str] = []
    model = tiny(files, device="auto", notify=told.append)
    many = texts(100)
    for _ in range(2):
        rows = model.run(many, batch=1, pool="mean")
        assert np.array_equal(rows[7], model.run([many[7]], batch=1, pool="mean")[0])
    assert len(device.runs) == 2
    assert len(told) == 1 and "CURATOR_DEVICE=cuda" in told[0]
    assert model.bulk_texts < DEVICE_FROM


@pytest.mark.parametrize("noise", [50.0, float("nan")])
def test_a_device_that_computes_nonsense_is_not_used(
    files: tuple[Path, Path], offer: Offer, monkeypatch: pytest.MonkeyPatch, noise: float
) -> None:
    device = offer(noise=noise)
    slowly(monkeypatch, device)
    told: list[str] = []
    rows = tiny(files, device="auto", notify=told.append).run(texts(80), batch=1, pool="mean")
    assert np.array_equal(rows, tiny(files).run(texts(80), batch=1, pool="mean"))
    assert len(told) == 1 and "other vectors" in told[0]
    named = tiny(files, device="cuda")
    for _ in range(2):
        with pytest.raises(MissingError, match="other vectors"):
            named.run(texts(80), batch=1, pool="mean")


def test_a_named_device_is_used_though_it_is_slow(files: tuple[Path, Path], offer: Offer) -> None:
    device = offer(pause=0.05)
    model = tiny(files, device="cuda")
    assert model.bulk_texts > DEVICE_FROM
    model.run(texts(80), batch=1, pool="mean")
    model.run(texts(80), batch=1, pool="mean")
    assert sum(shape[0] for shape in device.runs[2:]) == 160


def test_a_driver_that_fails_costs_nothing_but_a_word(
    files: tuple[Path, Path], offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = offer()
    monkeypatch.setattr(device, "run", lambda *_: (_ for _ in ()).throw(RuntimeError("no kernel")))
    told: list[str] = []
    model = tiny(files, device="auto", notify=told.append)
    for _ in range(2):
        assert len(model.run(texts(80), batch=1, pool="mean")) == 80
    assert told == ["no kernel. The processor is used."]


def test_no_gpu_is_no_news(files: tuple[Path, Path]) -> None:
    if automatic():
        pytest.skip("this machine has one")
    told: list[str] = []
    model = tiny(files, device="auto", notify=told.append)
    assert model.bulk_texts == 32
    assert len(model.run(texts(80), batch=1, pool="mean")) == 80
    assert told == []


# ------------------------------------------------------------------------- embedders


@pytest.mark.parametrize("name", ["openai", "openai:", "remote", "", "hf:x", "LOCAL:x"])
def test_no_embedder_of_that_name(name: str) -> None:
    with pytest.raises(UsageError, match="CURATOR_EMBEDDING"):
        open_embedder(load_settings(embedding=name or " "))


def test_weights_that_were_never_pulled() -> None:
    with pytest.raises(WeightsMissing):
        open_embedder(load_settings())


def test_how_an_embedder_is_called_in_bulk() -> None:
    assert bulk_of(FakeEmbedder()) == Bulk()

    class Own(FakeEmbedder):
        bulk = Bulk(3, 7)

    assert bulk_of(Own()) == Bulk(3, 7)


def test_the_text_of_a_paper() -> None:
    assert embedding_text(paper("A $\\beta$-model", "It is\nnew.")) == "A β-model. It is new."


SENTENCES = (
    "Owls see at night because of their large eyes.",
    "Nocturnal birds have excellent vision in the dark.",
    "We prove a lower bound for sorting networks of small depth.",
    "short",
    "A long text. " * 400,
)


@pytest.mark.model
class TestTheRealModel:
    def test_alone_or_among_others(self) -> None:
        embedder = open_embedder(load_settings())
        rows = embedder.embed(SENTENCES)
        assert rows.shape == (5, 384) and rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        for sentence, row in zip(SENTENCES, rows, strict=True):
            assert np.array_equal(embedder.embed([sentence])[0], row)
        near = rows @ rows.T
        assert near[0, 1] > near[0, 2] + 0.1

    def test_a_question_has_a_prefix_and_no_text_is_none(self) -> None:
        embedder = open_embedder(load_settings())
        question = embedder.embed_query("Do owls see at night?")
        assert question.shape == (384,)
        assert not np.allclose(question, embedder.embed(["Do owls see at night?"])[0])
        assert embedder.embed([]).shape == (0, 384)
        assert bulk_of(embedder).calls == 2

    def test_the_fingerprint_names_no_device(self) -> None:
        prints = {
            open_embedder(load_settings(device=device)).fingerprint for device in ("auto", "cpu")
        }
        assert len(prints) == 1 and "384d" in prints.pop()
