"""The OpenAI-compatible endpoint, by the real client against a real server."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from fakes import Said
from served import live, make_home, open_library, says

from curator.answerable import NO_ANSWER
from curator.answers import Answer, quotation
from curator.library import Library
from curator.llm.base import Request
from curator.web.openai_models import Message
from curator.web.openai_text import Writing, conversation

ASKED = "What does OwlNet reach on the Barn test set?"
SENTENCE = "OwlNet reaches an accuracy of 91.5% on the Barn test set."


class Script:
    """The scripted model; while ``hold`` is clear, it thinks."""

    def __init__(self) -> None:
        self.hold = threading.Event()
        self.hold.set()
        self.thinking = threading.Event()
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Said:
        self.asked.append(request.user)
        self.thinking.set()
        assert self.hold.wait(30)
        return says(request)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory.mktemp("openai") / "home")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def library(home: Path, script: Script, tmp_path: Path) -> Iterator[Library]:
    import shutil

    shutil.copytree(home, tmp_path / "home")
    with open_library(tmp_path / "home", script) as library:
        yield library


@pytest.fixture
def address(library: Library) -> Iterator[str]:
    with live(library) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        yield client


def ask(client: openai.OpenAI, *messages: str, **options: Any) -> Any:
    """The messages are the user's and the assistant's, in turn."""
    roles = ("user", "assistant")
    given: list[Any] = [
        {"role": roles[place % 2], "content": text} for place, text in enumerate(messages)
    ]
    return client.chat.completions.create(model="curator", messages=given, **options)


# ------------------------------------------------------------------------ answers


def test_an_answer_has_its_footnotes_and_its_data(client: openai.OpenAI) -> None:
    made = ask(client, ASKED)
    choice = made.choices[0]
    text = choice.message.content
    assert made.object == "chat.completion" and made.model == "curator"
    assert choice.finish_reason == "stop" and choice.message.role == "assistant"
    body, _, notes = text.partition("\n\nSources:\n\n")
    assert body == f"{SENTENCE} [1]"
    first, second = notes.split("\n")
    data = choice.message.model_extra["curator"]
    paper = data["sources"][0]["paper_id"]
    assert first == f"- [1] OwlNet: Hearing Prey in the Dark, <https://example.org/owl> ({paper})"
    assert data["sentences"][0]["citations"] == [{"paper_id": paper, "quote": SENTENCE}]
    assert second == f"  - sentence 1, {data['sentences'][0]['known']}: “{SENTENCE}”"
    assert not data["abstained"] and data["rungs"]["passed"] == 1
    assert made.usage.prompt_tokens == 100 and made.usage.total_tokens == 110


def test_a_stream_says_the_same(client: openai.OpenAI) -> None:
    options = {"include_usage": True}
    chunks = list(ask(client, ASKED, stream=True, stream_options=options))
    whole = ask(client, ASKED)
    assert chunks[0].choices[0].delta.role == "assistant"
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    pieces = [delta.content for delta in deltas if delta.content]
    assert pieces[0] == f"{SENTENCE} [1]", "a sentence comes as soon as it is checked"
    assert "".join(pieces) == whole.choices[0].message.content
    data = [delta.model_extra["curator"] for delta in deltas if delta.model_extra]
    said = whole.choices[0].message.model_extra["curator"]
    assert [one["sentences"] for one in data] == [said["sentences"]]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == [] and chunks[-1].usage.total_tokens == 110
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_without_usage_and_its_end(address: str) -> None:
    body = {"model": "curator", "stream": True, "messages": [{"role": "user", "content": ASKED}]}
    answer = httpx.post(f"{address}/v1/chat/completions", json=body, timeout=30)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text.endswith("data: [DONE]\n\n")
    assert '"usage"' not in answer.text.replace('"usage": {"llm_calls"', "")


def test_what_is_not_in_the_library_is_said_so(client: openai.OpenAI) -> None:
    made = ask(client, "Who won the chess olympiad of 1972 in Skopje?")
    text = made.choices[0].message.content
    assert text.startswith(NO_ANSWER)
    data = made.choices[0].message.model_extra["curator"]
    assert data["abstained"] and data["sentences"] == []
    stream = ask(client, "Who won the chess olympiad of 1972 in Skopje?", stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in stream) == text


def test_a_question_about_the_library_is_answered_from_the_catalog(client: openai.OpenAI) -> None:
    made = ask(client, "How many papers are there?")
    text = made.choices[0].message.content
    assert "3 papers" in text and "- sentence 1, from the catalog" in text


def test_content_in_parts(client: openai.OpenAI) -> None:
    parts: list[Any] = [
        {"type": "text", "text": "What accuracy does OwlNet reach"},
        {"type": "text", "text": "on the Barn test set?"},
    ]
    system: Any = {"role": "system", "content": "You are a pirate."}
    messages: list[Any] = [system, {"role": "user", "content": parts}]
    made = client.chat.completions.create(model="curator", messages=messages, temperature=0.9)
    assert made.choices[0].message.content.startswith(SENTENCE)  # type: ignore[union-attr]


@pytest.mark.parametrize("back", ["What about its range?", "What halves the range of [1]?"])
def test_a_follow_up_means_what_was_said(client: openai.OpenAI, script: Script, back: str) -> None:
    first = ask(client, ASKED).choices[0].message.content
    ask(client, ASKED, first, back)
    asked = next(line for line in script.asked[-1].splitlines() if line.endswith("?"))
    assert "OwlNet" in asked and "range" in asked, "it stands alone"


# ----------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"n": 2}, "n cannot"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools cannot"),
        ({"response_format": {"type": "json_object"}}, "response_format cannot"),
        ({"logprobs": True}, "logprobs cannot"),
        ({"extra_body": {"modalities": ["text", "audio"]}}, "modalities cannot"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_cannot_be_had_is_refused(
    client: openai.OpenAI, options: dict[str, Any], says: str, stream: bool
) -> None:
    with pytest.raises(openai.BadRequestError, match=says) as error:
        ask(client, ASKED, stream=stream, **options)
    assert error.value.type == "invalid_request_error"


def test_what_has_no_effect_is_taken(client: openai.OpenAI) -> None:
    made = ask(
        client, ASKED, n=1, temperature=2.0, top_p=0.1, max_tokens=1, seed=7, user="u",
        tools=[], logprobs=False, response_format={"type": "text"}, stop=["x"],
        extra_body={"unheard_of": [1, {"of": None}]},
    )  # fmt: skip
    assert made.choices[0].message.content.startswith(SENTENCE)


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": " \n\t "}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": "x" * 2001}],
        [{"role": "user", "content": ASKED}, {"role": "assistant", "content": "Well."}],
        [{"role": "system", "content": ASKED}],
        [{"role": "tool", "content": "42"}, {"role": "user", "content": ASKED}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}],
        [{"role": "user", "content": [{"type": "input_audio", "text": "x"}]}],
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_question_is_refused(address: str, messages: list[Any], stream: bool) -> None:
    body = {"model": "curator", "messages": messages, "stream": stream}
    answer = httpx.post(f"{address}/v1/chat/completions", json=body, timeout=30)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"model": "curator"}',
        b'{"model": "curator", "messages": []}',
        b'{"model": "curator", "messages": [{"role": "wizard", "content": "x"}]}',
        b'{"model": "curator", "messages": [{"role": "user", "content": {"a": 1}}]}',
        b'{"model": 7, "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "curator", "messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"model": "curator", "n": 1e400, "messages": [{"role": "user", "content": "x"}]}',
        b"\xff\xfe" * 10,
        b'{"a":' * 5000,
    ],
)
def test_what_is_no_request_is_refused(address: str, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    url = f"{address}/v1/chat/completions"
    answer = httpx.post(url, content=body, headers=headers, timeout=30)
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]["message"]


def test_no_other_model_is_there(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no model 'gpt-4o'"):
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": ASKED}]
        )


def test_who_must_know_a_token(library: Library) -> None:
    token = "a-token-of-some-length"
    with live(library, token=token) as address:
        for key in ("none", token + "x"):
            with openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=0) as client:
                with pytest.raises(openai.AuthenticationError):
                    client.models.list()
                with pytest.raises(openai.AuthenticationError):
                    ask(client, ASKED)
        with openai.OpenAI(base_url=f"{address}/v1", api_key=token, max_retries=0) as client:
            assert ask(client, ASKED).choices[0].message.content.startswith(SENTENCE)


def test_a_model_that_is_not_there_is_told(library: Library, address: str) -> None:
    from curator.errors import WeightsMissing

    def missing(spec: str) -> Any:
        raise WeightsMissing("There are no weights.", remedy="Pull them.")

    library.open_model = missing  # type: ignore[method-assign]
    with openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0) as client:
        for stream in (False, True):
            with pytest.raises(openai.APIError, match=r"There are no weights\. Pull them\."):
                list(ask(client, ASKED, stream=stream))


# -------------------------------------------------------------------- who waits


def lines_of(address: str, question: str) -> Generator[str, None, None]:
    body = {"model": "curator", "stream": True, "messages": [{"role": "user", "content": question}]}
    url = f"{address}/v1/chat/completions"
    as_the_client = {"authorization": "Bearer x"}
    with httpx.stream("POST", url, json=body, headers=as_the_client, timeout=30) as answer:
        yield from answer.iter_lines()


def until(said: threading.Event) -> None:
    assert said.wait(20)


def test_who_waits_is_told_and_who_leaves_frees_the_place(
    client: openai.OpenAI, address: str, script: Script, library: Library
) -> None:
    script.hold.clear()
    first = ask(client, ASKED, stream=True)
    until(script.thinking)
    second = lines_of(address, "What does rain do to the range of OwlNet?")
    assert next(second).startswith("data:")  # the role
    positions = (line for line in second if line.startswith(": position"))
    assert next(positions) == ": position 1"
    third = lines_of(address, "How many milliwatts does BatSense need?")
    waiting = (line for line in third if line.startswith(": position"))
    assert next(waiting) == ": position 2"
    second.close()  # a client that waits leaves
    assert next(waiting) == ": position 1"
    first.close()  # and the one that is being answered, with the real client
    time.sleep(0.3)
    script.hold.set()
    assert [line for line in third if line == "data: [DONE]"]
    assert answered(library) == 1, "nobody was answered who had left"


def test_who_leaves_without_a_stream_frees_the_place(
    address: str, script: Script, library: Library
) -> None:
    script.hold.clear()
    with (
        ThreadPoolExecutor() as pool,
        openai.OpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0, timeout=1) as hasty,
        openai.OpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0) as patient,
    ):
        leaving = pool.submit(ask, hasty, ASKED)
        until(script.thinking)
        staying = pool.submit(ask, patient, "How many milliwatts does BatSense need?")
        with pytest.raises(openai.APITimeoutError):
            leaving.result()
        time.sleep(0.3)
        script.hold.set()
        assert staying.result().choices[0].message.content
    assert answered(library) == 1


def answered(library: Library) -> int:
    return int(library.catalog.answered.summary()["questions"])


def test_too_many_at_once_are_told_to_wait(address: str, script: Script) -> None:
    script.hold.clear()
    streams = [lines_of(address, ASKED) for _ in range(8)]
    for stream in streams:
        next(stream)
        until(script.thinking)
    with openai.OpenAI(base_url=f"{address}/v1", api_key="x", max_retries=0) as client:
        with pytest.raises(openai.RateLimitError) as error:
            ask(client, ASKED)
        assert error.value.response.headers["retry-after"]
    script.hold.set()
    for stream in streams:
        stream.close()


# ----------------------------------------------------------- models and embeddings


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["curator", "fake"]
    assert client.models.retrieve("fake").id == "fake"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("local/../x")


def test_embeddings_are_the_librarys(client: openai.OpenAI, library: Library) -> None:
    wanted = library.embedder.embed(["an owl", "a bat"])
    for form in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
        options: Any = form
        made = client.embeddings.create(model="fake", input=["an owl", "a bat"], **options)
        rows = [one.embedding for one in made.data]
        if form.get("encoding_format") == "base64":
            raw: list[Any] = rows
            assert np.array_equal(
                [np.frombuffer(base64.b64decode(row), dtype="<f4") for row in raw], wanted
            )
        else:
            assert np.allclose(rows, wanted)
        assert [one.index for one in made.data] == [0, 1] and made.model == "fake"
    one = client.embeddings.create(
        model="fake", input="an owl", dimensions=32, extra_body={"input_type": "query"}
    )
    assert np.allclose(one.data[0].embedding, wanted[0])


@pytest.mark.parametrize(
    "bad",
    [
        {"input": [1, 2, 3]},
        {"input": [[1, 2], [3]]},
        {"input": []},
        {"input": ""},
        {"input": ["a", " "]},
        {"input": ["x"] * 65},
        {"input": "x" * 8001},
        {"input": "x", "dimensions": 31},
        {"input": "x", "dimensions": -1},
    ],
)
def test_what_cannot_be_embedded_is_refused(client: openai.OpenAI, bad: dict[str, Any]) -> None:
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(**{"model": "fake", **bad})


def test_no_other_embedding_model_is_there(client: openai.OpenAI) -> None:
    for name in ("curator", "text-embedding-3-small"):
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model=name, input="x")


# -------------------------------------------------------------- text that is hostile


def test_nothing_from_a_paper_is_markup() -> None:
    evil = "![x](http://evil.example/?q) <img src=x> [1]: http://evil `a` \x1b[31m\u202e"
    source = {"paper_id": "p" + "0" * 12, "title": evil, "url": "javascript:alert(1)"}
    answer: Any = {
        "abstained": False,
        "sentences": [quotation(source["paper_id"], evil + " says.", "A [group](x)")],
        "sources": [source],
    }
    text = Writing().rest(answer)
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").render(text)
    assert not any(mark in html for mark in ("<img", "<a ", "<code", "\x1b", "\u202e"))
    assert "javascript" not in text


def test_how_each_sentence_is_known_is_said() -> None:
    paper = "p" + "0" * 12
    checked = {**quotation(paper, "It has 12% of $\\alpha$."), "origin": "model", "score": 0.97}
    answer: Any = {
        "abstained": False,
        "sentences": [{**checked, "text": "12% of α."}, quotation(paper, "It works.")],
        "sources": [{"paper_id": paper, "title": "T", "url": "https://example.org/a(b)_c"}],
    }
    assert Writing().rest(answer) == (
        "12% of α. [1] It works. [1]\n\nSources:\n\n"
        f"- [1] T, <https://example.org/a(b)_c> ({paper})\n"
        "  - sentence 1, checked 0.97: “It has 12% of α.”\n"
        "  - sentence 2, quoted: “It works.”"
    )


def test_footnotes_can_be_read_again() -> None:
    ids = [f"p{number:012x}" for number in range(3)]
    answer: Any = {
        "abstained": False,
        "sentences": [quotation(i, f"A sentence of paper {i}.") for i in ids],
        "sources": [{"paper_id": i, "title": "A (p000000000000)", "url": None} for i in ids],
    }
    said = Writing().rest(answer)
    history = [("user", "One?"), ("assistant", said), ("user", "Two?"), ("user", "Three?")]
    question, turns = conversation([Message(role=r, content=c) for r, c in history])  # type: ignore[arg-type]
    assert question == "Three?"
    assert [turn["paper_ids"] for turn in turns] == [ids]
    assert turns[0]["question"] == "One?" and "Sources" not in turns[0]["answer"]


def test_what_was_not_answered_is_no_turn() -> None:
    none: Answer | Any = {"abstained": True, "reason": "no word", "sentences": [], "sources": []}
    said = Writing().rest(none)
    history = [("user", "One?"), ("assistant", said), ("user", "Two?")]
    assert conversation([Message(role=r, content=c) for r, c in history]) == ("Two?", [])  # type: ignore[arg-type]
