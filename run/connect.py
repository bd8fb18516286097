"""Builds the connections that the parts use, from the settings."""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.service import RetryConfig

from activities.channels import JsonPost, Mail, Post, PrintQueue, Sms, Webhook
from api.oidc import Client as OidcClient
from api.oidc import Provider
from complaints.addresses import is_loopback
from register import connect as database
from run import tracing
from run.logs import temporal_runtime
from run.settings import MissingSetting, Settings, needed_secret
from vault.codec import data_converter
from vault.keyring import Keyring
from vault.master import LocalMaster


@dataclass
class Parts:
    """The connections of one process."""

    settings: Settings
    engine: AsyncEngine
    temporal: Client


def master(settings: Settings) -> LocalMaster:
    """The master keys that the settings hold."""
    try:
        return LocalMaster.parse(needed_secret(settings.master_keys, "master_keys"))
    except ValueError as wrong:
        raise MissingSetting(f"AMENDS_MASTER_KEYS: {wrong}") from None


async def temporal(
    settings: Settings,
    engine: AsyncEngine,
    *,
    lazy: bool = False,
    retry: RetryConfig | None = None,
    serves: bool = False,
    traces: TracerProvider | None = None,
) -> Client:
    """A Temporal client: Temporal's own configuration (TEMPORAL_...), then ours over it; `lazy` connects late.

    What it sends is sealed with the keys of that register. `serves`: this process is one that Prometheus asks.
    """
    config = ClientConfig.load_client_connect_config()
    address = settings.temporal_address or config.get("target_host") or "127.0.0.1:7233"
    namespace = settings.temporal_namespace or config.get("namespace") or "default"
    metrics = f"{settings.metrics_host}:{settings.metrics_port}" if serves and settings.metrics_port else None
    rest = {k: v for k, v in config.items() if k not in ("target_host", "namespace")}
    return await Client.connect(
        address,
        namespace=namespace,
        lazy=lazy,
        data_converter=data_converter(engine, namespace),
        retry_config=retry,
        runtime=temporal_runtime(metrics),
        interceptors=[tracing.Interceptor(traces)] if traces else [],
        **rest,  # type: ignore[arg-type]  # TLS, API key and the like, as Temporal's configuration names them
    )


def register(settings: Settings, *, ping: bool = True, within: timedelta | None = None) -> AsyncEngine:
    """The register's engine; without `ping` for who tries again anyway; `within`: the longest a statement may take."""
    url = needed_secret(settings.database_url, "database_url")
    return database.engine(url, Keyring(master(settings)), settings.database_pool, ping=ping, within=within)


def provider(settings: Settings) -> Provider | None:
    """The bank's identity provider, if one is named."""
    if not settings.oidc_issuer:
        return None
    if not settings.oidc_client_id:
        raise MissingSetting("AMENDS_OIDC_CLIENT_ID is not set")
    issuer = urlsplit(settings.oidc_issuer)
    if issuer.scheme != "https" and not is_loopback(issuer.hostname or ""):
        raise MissingSetting("AMENDS_OIDC_ISSUER has to begin with https://")
    return Provider(
        OidcClient(
            issuer=settings.oidc_issuer,
            id=settings.oidc_client_id,
            secret=settings.oidc_client_secret.get_secret_value() if settings.oidc_client_secret else None,
            scopes=settings.oidc_scopes,
            username_claim=settings.oidc_username_claim,
            roles_claim=settings.oidc_roles_claim,
            department_claim=settings.oidc_department_claim or None,
            region_claim=settings.oidc_region_claim or None,
            role_map={name: role.value for name, role in settings.oidc_role_map.items()},
        )
    )


def post(settings: Settings, engine: AsyncEngine) -> Post:
    """The ways out of the house that the settings name."""
    mail = None
    if settings.smtp_host:
        mail = Mail(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.mail_from,
            username=settings.smtp_username,
            password=settings.smtp_password,
            tls=settings.smtp_tls,
            verify=settings.smtp_verify,
            ca=settings.smtp_ca,
        )
    webhook = None
    if settings.webhook_url:
        webhook = Webhook(target=JsonPost(url=settings.webhook_url), style=settings.webhook_style)
    return Post(
        mail=mail,
        sms=Sms(gateway=JsonPost(url=settings.sms_url)) if settings.sms_url else None,
        print_queue=PrintQueue(folder=settings.print_queue, engine=engine) if settings.print_queue else None,
        webhook=webhook,
    )
