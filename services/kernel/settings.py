"""The base of every service's settings: read once, frozen; outside development a default secret stops the start."""

from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_SECRET = "only-for-development"  # noqa: S105 - refused outside development


class Settings(BaseSettings):
    """What every service needs to be told, by environment variables that begin with SHOUWANG_."""

    model_config = SettingsConfigDict(env_prefix="SHOUWANG_", frozen=True)

    environment: Literal["development", "production"] = "development"
    database_url: str = ""
    """The application role's connection; it can't change tables, nor update or delete events."""
    owner_url: str = ""
    """The migrating role's connection, used at start alone; empty where migrations run apart."""
    projector_url: str = ""
    """The agency service's second connection: writes rows of all agencies; readers don't get it."""
    kafka: str = "127.0.0.1:9092"
    instance: str = "1"
    """Tells processes of the same service apart: each needs its own, and keeps it when it starts again."""
    key_ring: Path = Path("keys.sqlite")
    key_passphrase: str = DEFAULT_SECRET
    suite: Literal["aes", "gm"] = "aes"
    """Seals with AES-256-GCM and SHA-256, or with SM4-GCM and SM3; what the other sealed stays readable."""
    transit_url: str = ""
    """Address of OpenBao or Vault, whose Transit engine then protects the key ring in place of the passphrase."""
    transit_key: str = "shouwang"
    """Name of the key there."""
    transit_token: str = ""
    """A token that may use it; better in a file."""
    transit_token_file: Path | None = None
    """Where the token is, read with each request: whoever renews it writes it here."""
    token_secret: str = DEFAULT_SECRET
    oidc_issuer: str = ""
    """Address of the OIDC provider's issuer; without it, development alone has a sign-in, of its own."""
    oidc_audience: str = "shouwang"
    """For whom an access token must be meant (`aud`)."""
    service_secret: str = DEFAULT_SECRET
    """Shown by services to one another on internal questions."""
    host: str = "127.0.0.1"
    port: int = 8000
    rate_per_minute: int = 6000
    """Requests a minute that a body may send to one process of a service; 0 is no limit. Reports are never counted."""
    notification_url: str = "http://127.0.0.1:8004"
    registry_url: str = "http://127.0.0.1:8000"
    agency_url: str = "http://127.0.0.1:8000"
    audit_url: str = "http://127.0.0.1:8000"
    """Where the pages ask."""
    public_url: str = ""
    """Address by which browsers reach the pages, if not the one they ask at: behind a proxy that does TLS, https."""

    @property
    def cookies_over_tls(self) -> bool:
        """Whether browsers may send cookies over TLS alone: always outside development."""
        return self.environment == "production" or self.public_url.startswith("https://")

    audit_key: Path = Path("audit.key")
    """The audit service's signing key (Ed25519); made at the first start, and missed at any later one."""
    new_audit_key: bool = False
    """Takes another signing key where that of earlier checkpoints is lost; the change stands in every later one."""

    secrets: ClassVar[tuple[str, ...]] = ("key_passphrase", "service_secret")
    """What must be of one's own outside development."""

    @model_validator(mode="after")
    def _nothing_of_development_in_production(self) -> Self:
        if self.environment == "production":
            for name in self.secrets:
                held_elsewhere = name == "key_passphrase" and self.transit_url
                if not held_elsewhere and getattr(self, name) == DEFAULT_SECRET:
                    message = f"生产环境必须设置 SHOUWANG_{name.upper()} · set SHOUWANG_{name.upper()} outside development"
                    raise ValueError(message)
            if not self.oidc_issuer.startswith("https://"):
                message = (
                    "生产环境必须用 SHOUWANG_OIDC_ISSUER 指明身份提供方(https 地址)"
                    " · outside development, SHOUWANG_OIDC_ISSUER must name the OIDC provider by an https address"
                )
                raise ValueError(message)
        return self


class PageSettings(Settings):
    """What the pages need to be told: they have no keys."""

    secrets: ClassVar[tuple[str, ...]] = ("service_secret",)
