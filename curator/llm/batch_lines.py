"""The lines of a batch's files: each a request on the way up, an answer on the way down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from curator.catalog import Arrived
from curator.llm.streaming import Reply, complaint

__all__ = ["answers_of", "line_of"]


def line_of(key: str, body: dict[str, Any]) -> bytes:
    """One request for a chat completion; the answer will bear the same key."""
    line = {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return (json.dumps(line) + "\n").encode()


def answers_of(raw: bytes) -> Iterator[tuple[str, Arrived]]:
    """Keys and what came for them, from a file of answers or of errors. Lines that are cut off
    or name no key are passed over."""
    for line in raw.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("custom_id"), str):
            yield row["custom_id"], _arrived(row)


def _arrived(row: dict[str, Any]) -> Arrived:
    """What one line of a file of answers says."""
    response, error = row.get("response"), row.get("error")
    status = response.get("status_code") if isinstance(response, dict) else None
    body = response.get("body") if isinstance(response, dict) else None
    if isinstance(error, dict) or status != 200 or not isinstance(body, dict):
        code = error.get("code") if isinstance(error, dict) else None
        why = code or (f"HTTP {status}" if status else "a line without an answer")
        return Arrived(reason=f"the server failed at it ({str(why)[:60]})")
    reply = Reply(0)
    reply.take_whole(_spaced(body))
    if trouble := complaint(_spaced(body)):
        return Arrived(reason=f"the server failed at it ({trouble[:60]})")
    return Arrived(reply.text, reply.prompt_tokens, reply.completion_tokens)


def _spaced(body: dict[str, Any]) -> SimpleNamespace:
    """A chat completion with the attributes that `Reply` looks at."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    choice = first if isinstance(first, dict) else {}
    message, usage = choice.get("message"), body.get("usage")
    return SimpleNamespace(
        choices=[
            SimpleNamespace(
                message=SimpleNamespace(
                    content=message.get("content") if isinstance(message, dict) else None
                ),
                finish_reason=choice.get("finish_reason"),
            )
        ],
        usage=SimpleNamespace(**usage) if isinstance(usage, dict) else None,
        error=body.get("error"),
    )
