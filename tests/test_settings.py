"""Settings: flag beats environment beats .env beats default, and .env.example has them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from curator.errors import UsageError
from curator.paths import Home, default_home, default_models_dir
from curator.settings import Settings, load_settings

EXAMPLE = Path(__file__).parents[1] / ".env.example"


def variable(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return str(alias) if alias else f"CURATOR_{name.upper()}"


def test_flag_beats_environment_beats_file_beats_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().model == "local"
    Path(".env").write_text("CURATOR_MODEL=from-file\n")
    assert load_settings().model == "from-file"
    monkeypatch.setenv("CURATOR_MODEL", "from-environment")
    assert load_settings().model == "from-environment"
    assert load_settings(model=None).model == "from-environment"
    assert load_settings(model="from-flag").model == "from-flag"


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATOR_FALLBACK_MODEL", "")
    monkeypatch.setenv("CURATOR_MAX_CALLS", "")
    assert load_settings().fallback_model is None
    assert load_settings().max_calls is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CURATOR_API_TIMEOUT", "soon"),
        ("CURATOR_API_TIMEOUT", "0"),
        ("CURATOR_API_TIMEOUT", "-1"),
        ("CURATOR_API_RETRIES", "1.5"),
        ("CURATOR_API_CONCURRENCY", "0"),
        ("CURATOR_CONTEXT_TOKENS", "12"),
        ("CURATOR_THREADS", "all"),
        ("CURATOR_MAX_CALLS", "-1"),
        ("CURATOR_MAX_MINUTES", "an hour"),
        ("CURATOR_HUB_TIMEOUT", "0"),
    ],
)
def test_a_bad_value_is_an_error_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert name in str(caught.value)
    assert repr(value) in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_file_that_is_no_text_is_an_error() -> None:
    Path(".env").write_bytes(b"CURATOR_MODEL=\xff\xfe\n")
    with pytest.raises(UsageError, match=r"\.env"):
        load_settings()


def test_a_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    settings = load_settings()
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in f"{settings!r} {settings} {settings.model_dump_json()}"


def test_other_variables_do_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATOR_UNHEARD_OF", "1")
    monkeypatch.setenv("MODEL", "not ours")
    monkeypatch.setenv("HOME_DIR", "not ours")
    assert load_settings().model == "local"


def test_the_example_lists_every_setting_and_no_other() -> None:
    listed = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", EXAMPLE.read_text("utf-8"), re.MULTILINE)
    listed = [name for name in listed if name != "CURATOR_DEBUG"]  # read before any setting
    assert sorted(listed) == sorted(map(variable, Settings.model_fields))


def test_the_example_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CURATOR_HOME", "CURATOR_MODELS_DIR"):
        monkeypatch.delenv(name)
    text = EXAMPLE.read_text("utf-8")
    Path(".env").write_text(re.sub(r"^# (?=[A-Z][A-Z_]+=)", "", text, flags=re.MULTILINE))
    shown = load_settings()
    Path(".env").unlink()
    assert shown == load_settings()


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_places(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "b").create()
    places = [home.catalog, home.lexical, home.vectors, home.threads, home.write_lock]
    assert len(set(places)) == len(places)
    assert all(place.is_relative_to(tmp_path / "a" / "b") for place in places)
    assert default_home() != default_models_dir()
