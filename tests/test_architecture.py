"""Imports point one way: core ← graphs ← faces. Heavy libraries have one door each."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    file
    for folder in ("curator", "graphs", "evals")
    for file in (ROOT / folder).rglob("*.py")
    if "__pycache__" not in file.parts
)
FACES = ("curator.cli", "curator.web", "curator.mcp", "curator.serving")
DOORS = {
    "tantivy": "curator.index.lexical",
    "chromadb": "curator.index.vectors",
    "llama_cpp": "curator.llm.local",
    "openai": "curator.llm.api",
}
HEAVY = ("chromadb", "langgraph", "openai", "llama_cpp", "onnxruntime", "sqlalchemy", "pydantic")


def name_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text("utf-8"))


def imports(file: Path, *, top_only: bool = False) -> Iterator[str]:
    """Every module that a file imports, with names taken from it; outside functions only, and
    not for type checkers, if ``top_only``."""
    todo: list[ast.AST] = [parsed(file)]
    while todo:
        node = todo.pop()
        if top_only and (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        ):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports here are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        todo.extend(ast.iter_child_nodes(node))


def inside(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def layer(name: str) -> str:
    if inside(name, *FACES) or name in ("curator.__main__",):
        return "face"
    package = name.partition(".")[0]
    return package if package in ("graphs", "evals") else "core"


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_point_one_way(file: Path) -> None:
    name = name_of(file)
    for imported in imports(file):
        where = f"{name} imports {imported}"
        if layer(name) == "core":
            assert not inside(imported, "evals", *FACES), where
            if inside(imported, "graphs"):
                assert name == "curator.library", where
                assert imported not in set(imports(file, top_only=True)), f"{where} at the top"
            if inside(imported, "curator.library"):
                assert name in ("curator", "curator.doctor"), where
        if layer(name) == "graphs":
            forbidden = ("curator.library", "typer", "evals", *DOORS, *FACES)
            assert not inside(imported, *forbidden), where


@pytest.mark.parametrize("library", DOORS)
def test_each_heavy_library_has_one_door(library: str) -> None:
    """In the program, that is: a benchmark may measure the bare library beside it."""
    doors = {
        name_of(file)
        for file in MODULES
        if layer(name_of(file)) != "evals" and any(inside(i, library) for i in imports(file))
    }
    assert doors == {DOORS[library]}


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['curator', '--help']\n"
        "from curator.__main__ import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "add" in done.stdout


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_modules_are_short_and_say_what_they_are(file: Path) -> None:
    text = file.read_text("utf-8")
    assert len(text.splitlines()) < 450, "a module of one idea has fewer lines"
    if len(text.splitlines()) > 1:
        assert ast.get_docstring(parsed(file)), "it begins with what it is"


def test_only_faces_print() -> None:
    for file in MODULES:
        if layer(name_of(file)) in ("core", "graphs"):
            for node in ast.walk(parsed(file)):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    assert node.func.id != "print", f"{name_of(file)} line {node.lineno}"


def test_what_a_module_exports_is_there() -> None:
    for file in MODULES:
        tree = parsed(file)
        names = {
            element.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
            and isinstance(node.value, ast.List)
            for element in node.value.elts
            if isinstance(element, ast.Constant) and isinstance(element.value, str)
        }
        text = file.read_text("utf-8")
        for name in names:
            assert text.count(name) > 1, f"{name_of(file)} exports {name}, and has none"
