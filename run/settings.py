"""Everything the environment can say; read once, here. Prefix AMENDS_; every default is safe in public.

Temporal's TLS and API key are read by Temporal's own client configuration (TEMPORAL_TLS_..., TEMPORAL_API_KEY).
"""

import os
from pathlib import Path
from stat import S_IROTH, S_IWGRP, S_IWOTH
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SecretsSettingsSource, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from complaints.addresses import checked_url, is_loopback
from complaints.names import Role


def _gateway(url: SecretStr) -> SecretStr:
    checked_url(url.get_secret_value())
    return url


Gateway = Annotated[SecretStr, AfterValidator(_gateway)]
URL = r"^(https?://[^\s?#]+)?$"


class Settings(BaseSettings):
    """Settings of every part; a part ignores what it does not need."""

    model_config = SettingsConfigDict(
        env_prefix="AMENDS_", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )

    host: str = Field(default="127.0.0.1", description="address the API listens on")
    api_port: int = Field(default=8000, ge=1, le=65535)
    database_url: SecretStr | None = Field(default=None, description="postgresql+psycopg://user:password@host/database")
    owner_url: SecretStr | None = Field(default=None, description="the same as the tables' owner; for `amends migrate`")
    database_pool: int = Field(default=10, ge=1, le=200)
    temporal_address: str | None = Field(default=None, description="host:port; else TEMPORAL_ADDRESS")
    temporal_namespace: str | None = Field(default=None, description="else TEMPORAL_NAMESPACE, else default")
    master_keys: SecretStr | None = Field(
        default=None, description="name:base64 of 32 random bytes, the newest first, parted by commas"
    )
    secret_key: SecretStr | None = Field(default=None, description="signs tokens; at least 32 characters")

    token_minutes: int = Field(default=15, ge=1, le=24 * 60, description="how long an access token is good")
    session_idle_minutes: int = Field(default=120, ge=5, le=24 * 60, description="a session not used so long is over")
    session_hours: int = Field(default=12, ge=1, le=7 * 24, description="after so long one signs in again")
    requests_per_minute: int = Field(default=3000, ge=10, description="of one account, at one web server")
    failed_sign_ins_per_minute: int = Field(default=30, ge=5, description="from one address, at one web server")
    staff_url: str | None = Field(default=None, pattern=URL, description="where staff reach the pages and the API")

    oidc_issuer: str | None = Field(default=None, pattern=URL, description="the identity provider, as it names itself")
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = Field(default=None, description="none: a public client, by PKCE alone")
    oidc_scopes: str = "openid profile email"
    oidc_username_claim: str = "preferred_username"
    oidc_roles_claim: str = Field(default="roles", description="may be a dotted path, such as realm_access.roles")
    oidc_department_claim: str | None = None
    oidc_region_claim: str | None = None
    oidc_role_map: dict[str, Role] = Field(default={}, description="JSON: the provider's name to ours")

    secrets_dir: Path | None = Field(
        default=None, description="folder with a file for each secret, named as its variable in small letters"
    )

    smtp_host: str | None = None
    smtp_port: int = 587
    smtp_username: str | None = None
    smtp_password: SecretStr | None = None
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    smtp_verify: bool = Field(default=True, description="check the SMTP server's certificate")
    smtp_ca: Path | None = Field(default=None, description="PEM file of a private authority that signed it")
    mail_from: str = "complaints@localhost.localdomain"
    sms_url: Gateway | None = Field(default=None, description="gateway that takes a POST of {to, text}")
    webhook_url: Gateway | None = Field(default=None, description="where staff digests are posted as JSON")
    webhook_style: Literal["wecom", "dingtalk", "feishu", "slack"] = "wecom"
    public_url: str | None = Field(
        default=None,
        pattern=URL,
        description="where customers reach this API; their letters then carry a personal link",
    )
    print_queue: Path | None = Field(default=None, description="folder for postal letters as PDF")

    versioning: bool = Field(default=True, description="workers say which build they are; off for an old server")
    build_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$",
        description="the build's name; else version and digest of the files",
    )
    drain_seconds: float = Field(
        default=5, ge=0, le=60, description="a web server told to stop answers on so long, while /readyz says 503"
    )

    data: Path = Field(default=Path("var"), description="what `amends run` keeps")
    temporal_port: int = Field(default=7233, ge=1, le=65535)
    temporal_ui_port: int = Field(default=8233, ge=1, le=65535)
    mail_port: int | None = Field(default=None, ge=1, le=65535, description="the local mailbox's page; 8025 if free")
    demo_password: SecretStr | None = Field(default=None, description="fixes the demo staff's password")
    temporal_ui_url: str | None = Field(
        default=None,
        pattern=r"^(https?://[^\s/?#]+)?$",
        description="Temporal's Web UI, for the codec server",
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="where worker and web serve Temporal's figures to Prometheus"
    )
    metrics_host: str = Field(default="127.0.0.1", pattern=r"^[0-9.]+$|^\[[0-9a-f:]+\]$", description="its address")
    traces: str | None = Field(
        default=None,
        pattern=URL,
        validation_alias=AliasChoices("AMENDS_TRACES", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="an OTLP receiver over HTTP; OpenTelemetry's other variables, such as its headers, count too",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("database_url")
    @classmethod
    def _readable(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            if value and make_url(value.get_secret_value()).drivername != "postgresql+psycopg":
                raise ValueError
        except (ArgumentError, ValueError):  # neither may quote it
            raise ValueError("must be postgresql+psycopg://user:password@host/database") from None
        return value

    @model_validator(mode="after")
    def _no_password_in_the_clear(self) -> Self:
        if self.smtp_password and self.smtp_tls == "none" and not is_loopback(self.smtp_host or "localhost"):
            raise ValueError("AMENDS_SMTP_PASSWORD would go over the network in the clear; set AMENDS_SMTP_TLS")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment first, then the files of AMENDS_SECRETS_DIR, then what `amends run` wrote down."""
        folder = os.environ.get("AMENDS_SECRETS_DIR")
        if folder and not Path(folder).is_dir():
            raise MissingSetting("AMENDS_SECRETS_DIR is no folder")
        files = SecretsSettingsSource(settings_cls, secrets_dir=folder or None)
        return init_settings, env_settings, files, dotenv_settings


def open_to_others(folder: Path | None) -> list[str]:
    """The files of that folder that everybody on the machine may read, or others change."""
    if folder is None:
        return []
    files = [f for f in sorted(folder.iterdir()) if f.name.lower().startswith("amends_") and f.is_file()]
    return [f.name for f in files if f.stat().st_mode & (S_IROTH | S_IWOTH | S_IWGRP)]


def shown(value: SecretStr | None) -> str | None:
    """The value itself, for who needs it."""
    return value.get_secret_value() if value else None


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
