"""What a run's numbers depend on: code, settings, models, prompts, packages, machine."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import curator
import graphs
from curator.prompting import builtin_prompts
from curator.settings import Settings

if TYPE_CHECKING:
    from curator.library import Library

__all__ = ["code_hash", "provenance", "system_hash"]

# Those that outputs, and their timing, depend on.
PACKAGES = (
    "chromadb", "huggingface-hub", "inspect-ai", "ir-measures", "jinja2", "langgraph",
    "llama-cpp-python", "numpy", "onnxruntime", "openai", "pydantic", "rouge-score",
    "scikit-learn", "scipy", "sqlalchemy", "tantivy", "tokenizers",
)  # fmt: skip
_FORMING = (
    "chromadb", "jinja2", "langgraph", "llama-cpp-python", "numpy", "onnxruntime", "openai",
    "pydantic", "tantivy", "tokenizers",
)  # fmt: skip
# Where things lie, and what is secret, is nobody's business who reads a log.
_PRIVATE = {
    "home", "models_dir", "openai_api_key", "openai_base_url", "prompts", "taxonomy",
    "allow_private", "mirrors", "contact", "s2_api_key", "openalex_api_key",
}  # fmt: skip
_MODELS_OF = ("model", "fallback_model", "embedding", "reranker")
# Settings that change an output, or how it is made.
_SETTINGS = ("model", "fallback_model", "embedding", "reranker", "context_tokens", "threads")


def provenance(settings: Settings, library: Library, *, model: bool) -> dict[str, Any]:
    """All of it, for the log; without the language model, where no suite of the run uses it."""
    shown = settings.model_dump(mode="json", exclude=_PRIVATE)
    shown |= {name: _without_folder(shown[name]) for name in _MODELS_OF if shown[name]}
    return {
        **_commit(),
        "version": curator.__version__,
        "code": code_hash(),
        "settings": shown,
        "models": _models(library, model=model),
        "prompts": prompt_hashes(settings),
        "taxonomy": library.taxonomy.hash,
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": _machine(),
    }


def _without_folder(spec: str) -> str:
    """``local:/home/me/x.gguf`` → ``local:x.gguf``."""
    kind, _, name = spec.partition(":")
    if kind != "local" or name.startswith("hf:") or "/" not in name.replace("\\", "/"):
        return spec
    return f"local:{Path(name).name}"


def system_hash(settings: Settings, library: Library, *, model: bool) -> str:
    """Names all that an output depends on, besides its input."""
    parts = [
        code_hash(),
        *(f"{name}={getattr(settings, name)}" for name in _SETTINGS),
        *(f"{name} {value}" for name, value in sorted(_models(library, model=model).items())),
        *(
            f"{name} {value}"
            for name, value in sorted(prompt_hashes(settings).items())
            if not name.startswith("judge")  # graders make no output
        ),
        *(f"{name} {_version(name)}" for name in _FORMING),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


@lru_cache(maxsize=1)
def code_hash() -> str:
    """Names the code that makes outputs: the packages ``curator`` (without the command line,
    which only shows them) and ``graphs``."""
    digest = hashlib.sha256()
    for package in (curator, graphs):
        root = Path(str(package.__file__)).parent
        for file in sorted(root.rglob("*.py")):
            name = file.relative_to(root).as_posix()
            if not name.startswith("cli/"):
                digest.update(f"{package.__name__}/{name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def prompt_hashes(settings: Settings) -> dict[str, str]:
    """Each prompt file and taxonomy that is in force."""
    folders = [builtin_prompts(), *([settings.prompts] if settings.prompts else [])]
    files = {f.name: f for folder in folders for f in _prompt_files(folder)}
    if settings.taxonomy:
        files["taxonomy.yaml"] = settings.taxonomy
    return {
        name: hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        for name, file in sorted(files.items())
        if file.is_file()
    }


def _prompt_files(folder: Path) -> Iterable[Path]:
    return sorted([*folder.glob("*.md"), *folder.glob("*.yaml")])


def _models(library: Library, *, model: bool) -> dict[str, str]:
    """Each model with the hash of its weights (an API model has none to show)."""
    found = {"embedding": library.embedder.fingerprint}
    reranker = library.selector.reranker
    found["reranker"] = getattr(reranker, "identity", "none")
    if model:
        found["model"] = library.llm.identity
        if library.settings.fallback_model:
            found["fallback"] = library.fallback.identity
    return found


def _commit() -> dict[str, Any]:
    """The commit of the checkout that this code runs from; none where it was installed."""
    root = Path(__file__).parents[1]

    def git(*args: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", "-C", str(root), *args],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # Not the checkout of something else, in whose folder this was installed.
    commit = git("rev-parse", "HEAD") if (root / "pyproject.toml").is_file() else None
    if commit is None:
        return {"commit": None, "dirty": None}
    return {"commit": commit, "dirty": bool(git("status", "--porcelain"))}


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, OSError, AttributeError):
        memory = None
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1) if memory else None,
    }
