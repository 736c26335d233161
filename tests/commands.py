"""Running the real program in a process of its own, as a person would."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warm import Warm

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples" / "library.jsonl"
SEEDS = ROOT.parent / "shared" / "seeds"
CURATOR = [sys.executable, "-m", "curator"]
WARM = Warm()
atexit.register(WARM.close)


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def curator(
    *args: str | Path,
    env: dict[str, str] | None = None,
    stdin: str | bytes | None = None,
    prefix: list[str] | None = None,
    timeout: float = 240,
    cold: bool = False,
) -> Result:
    """Runs ``curator ARGS``; no run may ever show a traceback. ``cold``: by an interpreter
    of its own, with a seed of hashes of its own, and not by `warm`."""
    given = stdin.encode() if isinstance(stdin, str) else stdin or b""
    environment = {**os.environ, **(env or {})}
    if prefix or cold:
        done = subprocess.run(
            [*(prefix or []), *CURATOR, *map(str, args)],
            env=environment,
            input=given,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
        result = Result(done.returncode, done.stdout.decode(), done.stderr.decode())
    else:
        result = Result(*WARM.run([*map(str, args)], env=environment, stdin=given, timeout=timeout))
    assert "Traceback" not in result.err, result.err
    return result


def write_lines(file: Path, *rows: Any) -> Path:
    """A JSON Lines file; a row that is text is written as it is."""
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    file.write_text(text, "utf-8")
    return file


def inline(*args: str | Path, stdin: str | None = None) -> Result:
    """Runs ``curator ARGS`` in this process, which is quicker and enough for most."""
    from typer.testing import CliRunner

    from curator.cli.app import app

    done = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Result(done.exit_code, done.stdout, done.stderr)
