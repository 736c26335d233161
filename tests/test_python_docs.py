"""The examples for programs, run as they stand in docs/python.md, with the real models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(
    r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text("utf-8"), re.M | re.S
)


@pytest.mark.model
@pytest.mark.timeout(900)
def test_the_examples_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(BLOCKS) >= 5
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)
    printed = capsys.readouterr().out
    assert "52 papers, 0 rejected" in printed
    assert "1 p5c109d45218c" in printed or "LoRA" in printed
    assert "quote " in printed or "model " in printed
    (right, wrong) = names["checked"]
    assert (right.status, wrong.is_trouble) == ("supported", True)
    assert names["answer"]["sentences"] and names["digest"]["sections"]
