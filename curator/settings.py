"""All settings, in one place. Flag beats environment beats ``.env`` beats default."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from curator.errors import UsageError
from curator.paths import default_home, default_models_dir

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """Read from ``CURATOR_*`` variables and from ``.env`` in the current folder.

    ``.env.example`` lists each of them with its meaning; a test holds the two together.
    """

    model_config = SettingsConfigDict(
        env_prefix="CURATOR_",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
    )

    home: Path = Field(default_factory=default_home, description="folder of the library")
    models_dir: Path = Field(
        default_factory=default_models_dir, description="folder of pulled weights"
    )

    model: str = Field("local", description="local, local:NAME, local:PATH.gguf, openai:MODEL")
    fallback_model: str | None = Field(None, description="tried when the first model's text fails")
    embedding: str = Field("local", description="local, local:NAME, openai:MODEL")
    reranker: str = Field("local", description="local, local:NAME, or none")

    chroma_url: str | None = Field(None, description="a Chroma server that holds the vectors")
    chroma_token: SecretStr | None = Field(None, description="what it asks for, as a bearer token")

    openai_base_url: str | None = Field(
        None, validation_alias="OPENAI_BASE_URL", description="an OpenAI-compatible server"
    )
    openai_api_key: SecretStr | None = Field(
        None, validation_alias="OPENAI_API_KEY", description="its key"
    )
    api_timeout: float = Field(120.0, gt=0, description="seconds for one API call")
    api_retries: int = Field(2, ge=0, description="retries after 429, 5xx and lost connections")
    api_concurrency: int = Field(8, ge=1, description="API calls under way at once")

    context_tokens: int = Field(4096, ge=512, description="context of the local model")
    threads: int | None = Field(None, ge=1, description="threads of the local models; all cores")
    device: str = Field("auto", description="auto, cpu, cuda, ...: where papers are embedded")

    prompts: Path | None = Field(None, description="a folder whose prompts replace the built-in")
    taxonomy: Path | None = Field(None, description="a taxonomy file instead of the built-in")

    allow_private: bool = Field(
        False, description="fetch from this machine and private networks too"
    )
    mirrors: str = Field("", description="HOST=ADDRESS pairs: where a service is got from instead")
    contact: str | None = Field(None, description="your e-mail, told to services that ask for it")
    s2_api_key: SecretStr | None = Field(None, description="a key for Semantic Scholar")
    openalex_api_key: SecretStr | None = Field(None, description="a key for OpenAlex")

    weights_sources: str = Field("hub,index", description="where weights come from, in order")
    hub_timeout: float = Field(1.0, gt=0, description="seconds to wait for the hub to connect")

    smtp_url: str | None = Field(
        None, description="the mail server: smtp://USER@HOST:587 or smtps://USER@HOST:465"
    )
    smtp_password: SecretStr | None = Field(None, description="the password of USER there")
    mail_from: str = Field("", description="who digests are from: Name <address>")
    unsubscribe: str = Field("", description="a mailto: or https: address that ends a digest")

    token: SecretStr | None = Field(
        None, description="what clients of `curator serve` must know; needed beyond this machine"
    )

    tag_questions: int | None = Field(
        None,
        ge=0,
        le=20,
        description="how many of a paper's most uncertain tags the model decides "
        "(2 for models behind an API, else 0)",
    )
    max_calls: int | None = Field(None, ge=0, description="model calls a command may make")
    max_tokens: int | None = Field(None, ge=0, description="model tokens a command may use")
    max_minutes: float | None = Field(None, ge=0, description="minutes a command may compute")


def load_settings(**flags: object) -> Settings:
    """Reads the settings; ``flags`` that are not None win over everything else.

    Raises:
        UsageError: a variable has a value that cannot be used.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"The file .env cannot be read: {error}.", remedy="Save it as UTF-8 text."
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        shown = name if name.isupper() else f"CURATOR_{name.upper()}"
        raise UsageError(
            f"The setting {shown} cannot be {first['input']!r}: {first['msg'].lower()}.",
            remedy="See .env.example for what it takes.",
        ) from error
