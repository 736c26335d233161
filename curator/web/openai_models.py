"""What the OpenAI-compatible endpoint takes and gives, in the words of that interface."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from curator.answers import AnswerSentence, Rungs, Source, UsageReport

__all__ = [
    "ChatRequest",
    "Completion",
    "Embeddings",
    "EmbeddingsRequest",
    "Failure",
    "Known",
    "Message",
    "Model",
    "Models",
    "Spent",
]

LONGEST = 200_000  # characters of one message; earlier answers come back with their footnotes


class Part(BaseModel):
    """A piece of a message; only text is read."""

    type: str = Field(max_length=40)
    text: str | None = Field(None, max_length=LONGEST)


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = Field(None, max_length=LONGEST)


class StreamOptions(BaseModel):
    include_usage: bool | None = None


class ResponseFormat(BaseModel):
    type: str = Field(max_length=40)


class ChatRequest(BaseModel):
    """A question and what was said before it. What is not named here is taken and does nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "curator", "messages": [{"role": "user", "content": "What is LoRA?"}]}
            ]
        }
    )

    model: str = Field(max_length=200, description="curator")
    messages: list[Message] = Field(
        min_length=1,
        max_length=500,
        description="The last one is the question; of those before, the user's and the "
        "assistant's are the conversation. System messages are not read: answers come from "
        "the library.",
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, description="Only 1: there is one answer to a question.")
    tools: list[Any] | None = Field(None, description="Refused: the answers are the library's.")
    functions: list[Any] | None = Field(None, description="Refused, as tools.")
    response_format: ResponseFormat | None = Field(None, description="Only text.")
    logprobs: bool | None = Field(None, description="Refused: sentences are checked, not likely.")
    top_logprobs: int | None = Field(None, description="Refused, as logprobs.")
    audio: Any = Field(None, description="Refused.")
    modalities: list[str] | None = Field(None, description="Only text.")
    temperature: float | None = Field(None, description="Without effect.")
    top_p: float | None = Field(None, description="Without effect.")
    max_tokens: int | None = Field(
        None, description="Without effect: answers have three sentences at most, or are lists."
    )
    max_completion_tokens: int | None = Field(None, description="Without effect.")
    seed: int | None = Field(
        None,
        description="Without effect: the same question to the same library has the same answer.",
    )
    stop: str | list[str] | None = Field(None, description="Without effect.")
    presence_penalty: float | None = Field(None, description="Without effect.")
    frequency_penalty: float | None = Field(None, description="Without effect.")
    user: str | None = Field(None, max_length=1000, description="Without effect; not kept.")


class KnownSentence(AnswerSentence):
    """A sentence, and how it is known: ``quoted``, ``checked 0.97``, ``from the catalog``."""

    known: str


class Known(BaseModel):
    """The answer as data: each sentence with the stored sentences that it rests on."""

    sentences: list[KnownSentence]
    sources: list[Source]
    abstained: bool
    reason: str
    model: str
    rungs: Rungs
    usage: UsageReport


class Spoken(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    curator: Known


class Choice(BaseModel):
    index: int = 0
    message: Spoken
    logprobs: None = None
    finish_reason: Literal["stop"] = "stop"


class Spent(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Completion(BaseModel):
    """An answer; ``message.curator`` has it as data."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str = "curator"
    choices: list[Choice]
    usage: Spent


class Model(BaseModel):
    """``created`` is when the server began."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "paper-curator"


class Models(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


class EmbeddingsRequest(BaseModel):
    """Texts to embed, one or up to 64 of up to 8,000 characters."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"model": "local:bge-small", "input": ["a text"]}]}
    )

    model: str = Field(max_length=200, description="The embedding model's name, see /v1/models.")
    input: str | list[str] | list[int] | list[list[int]] = Field(
        max_length=10_000, description="Text, not numbers of tokens."
    )
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: int | None = Field(None, description="Only as many as the model has.")
    input_type: Literal["document", "query"] = Field(
        "document",
        description="Not of OpenAI's: `query` for what is searched with. Some models have "
        "questions begin with an instruction of theirs; then the vectors differ.",
    )
    user: str | None = Field(None, max_length=1000, description="Without effect; not kept.")


class Embedding(BaseModel):
    """``embedding`` is a list of numbers, or 32-bit floats, little-endian, in base64."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class EmbeddingsSpent(BaseModel):
    prompt_tokens: int
    total_tokens: int


class Embeddings(BaseModel):
    """Vectors of length 1. Tokens are not counted here: the numbers are 0."""

    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: EmbeddingsSpent


class Trouble(BaseModel):
    message: str
    type: str
    code: str | None = None
    param: str | None = None


class Failure(BaseModel):
    """Every error has this form."""

    error: Trouble
