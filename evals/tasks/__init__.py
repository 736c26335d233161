"""The seven kinds of output that are measured."""

from __future__ import annotations

from typing import Any

from evals.tasks.ask import AskTask
from evals.tasks.base import EvalTask
from evals.tasks.digest import DigestTask
from evals.tasks.grounding import GroundingTask
from evals.tasks.retrieval import RetrievalTask
from evals.tasks.safety import SafetyTask
from evals.tasks.tag import TagTask
from evals.tasks.tldr import TldrTask

__all__ = ["TASKS"]

TASKS: dict[str, EvalTask[Any]] = {
    task.name: task
    for task in (
        RetrievalTask(),
        GroundingTask(),
        AskTask(),
        TldrTask(),
        TagTask(),
        DigestTask(),
        SafetyTask(),
    )
}
