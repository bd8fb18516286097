"""Everything the environment can say; read once, here. Prefix AMENDS_; every default is safe in public.

Temporal's TLS and API key are read by Temporal's own client configuration (TEMPORAL_TLS_..., TEMPORAL_API_KEY).
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of every part; a part ignores what it does not need."""

    model_config = SettingsConfigDict(env_prefix="AMENDS_", extra="ignore", secrets_dir=None)

    host: str = Field(default="127.0.0.1", description="address the API listens on")
    api_port: int = Field(default=8000, ge=1, le=65535)
    database_url: SecretStr | None = Field(default=None, description="postgresql+psycopg://user:password@host/database")
    owner_url: SecretStr | None = Field(default=None, description="the same as the tables' owner; for `amends migrate`")
    database_pool: int = Field(default=10, ge=1, le=200)
    temporal_address: str | None = Field(default=None, description="host:port; else TEMPORAL_ADDRESS")
    temporal_namespace: str | None = Field(default=None, description="else TEMPORAL_NAMESPACE, else default")
    secret_key: SecretStr | None = Field(default=None, description="signs tokens; at least 32 characters")
    token_minutes: int = Field(default=60, ge=1, le=24 * 60)

    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    smtp_verify: bool = Field(default=True, description="check the SMTP server's certificate")
    smtp_ca: Path | None = Field(default=None, description="PEM file of a private authority that signed it")
    mail_from: str = "complaints@localhost.localdomain"
    sms_url: str | None = Field(default=None, description="gateway that takes a POST of {to, text}")
    webhook_url: str | None = Field(default=None, description="where staff digests are posted as JSON")
    webhook_style: Literal["wecom", "dingtalk", "feishu", "slack"] = "wecom"
    public_url: str | None = Field(
        default=None,
        pattern=r"^(https?://[^\s?#]+)?$",
        description="where customers reach this API; their letters then carry a personal link",
    )
    print_queue: Path | None = Field(default=None, description="folder for postal letters as PDF")

    data: Path = Field(default=Path("var"), description="what `amends run` keeps")
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)
    mail_port: int | None = Field(default=None, ge=1, le=65535, description="the local mailbox's page; 8025 if free")
    demo_password: SecretStr | None = Field(default=None, description="fixes the demo staff's password")
    log_level: Literal["debug", "info", "warning", "error"] = "info"


def beside_the_local_stack() -> Settings:
    """The settings of a command used beside `amends run`: what that wrote down, where the environment says nothing."""
    return Settings(_env_file=Settings().data / "environment")


class MissingSetting(Exception):
    """A part cannot start without this setting."""


def needed_secret(value: SecretStr | None, name: str) -> str:
    """The value of a setting without which a part cannot start."""
    if value is None:
        raise MissingSetting(f"AMENDS_{name.upper()} is not set")
    return value.get_secret_value()
