"""What an operator sets from outside, as SCIDEX_... variables; `docs/settings.md` lists each."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from scidex.core.errors import Invalid


class SettingInvalid(Invalid):
    """{variable} is set to {given!r}: {problem}. Mend it; docs/settings.md lists what it takes."""


class Settings(BaseSettings):
    """One value per variable: the field's name in capitals after SCIDEX_."""

    model_config = SettingsConfigDict(env_prefix="SCIDEX_", frozen=True, extra="ignore")

    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("scidex", appauthor=False)),
        description="folder of the embedded PostgreSQL, its log and its locks",
    )
    database_url: str | None = Field(
        default=None, description="a PostgreSQL 15 or newer to use instead of the embedded one"
    )
    actor: str = Field(
        default="operator", description="who acts on the command line and, where a request names nobody, over HTTP"
    )
    auth: Literal["loopback", "keys"] = Field(
        default="loopback",
        description="whom HTTP believes: anybody on this machine, or nobody without a key (`scidex keys issue`)",
    )
    oidc_issuer: str | None = Field(
        default=None,
        description="OpenID Connect issuer whose tokens for the audience `scidex` are keys of the actors they name",
    )
    key: SecretStr | None = Field(default=None, description="the key that `scidex mcp` asks with, as the key's actor")
    host: str = Field(default="127.0.0.1", description="address that HTTP listens on")
    port: int = Field(default=8765, ge=0, le=65535, description="port that HTTP listens on; 0 takes a free one")
    pool_size: int = Field(default=16, ge=1, le=500, description="connections to the database per process")
    lock_timeout_ms: int = Field(
        default=10_000, ge=1, description="longest wait for a row lock before the answer is Busy"
    )
    connect_timeout_s: int = Field(
        default=5, ge=1, le=600, description="longest wait for a connection before the answer is Busy"
    )
    retries: int = Field(
        default=12, ge=0, le=100, description="repeats of a transaction that PostgreSQL asks to repeat"
    )
    batch_size: int = Field(default=1000, ge=1, le=10_000, description="most commands of one transaction")
    batch_waiting_max: int = Field(
        default=20_000, ge=1, description="commands that may wait for a batch; above it the answer is Busy"
    )
    batch_writers: int = Field(default=2, ge=1, le=64, description="batches under way at once per process")
    seal_every_s: float = Field(default=1.0, gt=0, description="pause between two blocks of the journal")
    keeper: bool = Field(
        default=True,
        description="whether `scidex up` does the periodic work too; not needed where `scidex worker` runs",
    )
    worker_every_s: int = Field(
        default=5, ge=1, le=30, description="pause between two rounds of `scidex worker`: what is due, then a block"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="the least severe log line that is written"
    )
    log_json: bool = Field(default=False, description="log lines as JSON instead of for people")


def load_settings() -> Settings:
    """The settings of this process from its environment. Refuses: SettingInvalid."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        raise SettingInvalid(
            variable=f"SCIDEX_{name.upper()}", given=str(first["input"])[:40], problem=first["msg"]
        ) from None
