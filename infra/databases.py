"""Databases and roles of the services: one that migrates and one that runs for each, and what each may touch."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from pathlib import Path

import asyncpg

SERVICES = ("registry", "reporting", "assessment", "notification", "agency", "live", "audit")
Url = Callable[[str, str, str], str]
"""(database, role, password) → URL."""

# The writing services' role reads everything of its own database, appends by the one function, keeps checkpoints.
# It can't change tables, and can't update or delete events.
_RUNS = """
revoke all on all tables in schema public from {app};
grant usage on schema public to {app};
grant select on all tables in schema public to {app};
grant execute on function append to {app};
grant insert, update on relay, checkpoint, reference, residence, tracking to {app};
grant insert, delete on parked to {app};
"""
_ROUTES = """
grant insert on heard, feed, disclosed to {app};
grant insert, delete on access to {app};
grant insert, update, delete on moved to {app};
grant insert, update on recused to {app};
grant insert, delete on emergency to {app};
grant insert, update on duty to {app};
grant update on feed_head to {app};
"""
_IMPORTS = """
grant insert, update on column_choice, import to {app};
grant delete on claim to {app};  -- of those who were erased
"""
_PROJECTS = """
revoke all on all tables in schema public from {app}, agency_projector;
revoke execute on function append from public;
grant usage on schema public to {app}, agency_projector;
grant select on look, look_head, store, version, active, awaited, checkpoint to {app};
grant insert on look to {app};
grant update on look_head to {app};
grant select, insert, update on relay to {app};
grant select on migration, store, version, active to agency_projector;
grant update (state) on version to agency_projector;  -- a fold locks its version's row, and changes nothing in it
grant select, delete on awaited to agency_projector;
grant select, insert, update on checkpoint, reference to agency_projector;
grant select, insert, delete on parked to agency_projector;
do $$ declare pages text; begin
  for pages in select 'pages_' || n from version loop
    execute format('grant usage on schema %I to {app}, agency_projector', pages);
    execute format('grant select on all tables in schema %I to {app}', pages);
    execute format('grant select, insert, update, delete on all tables in schema %I to agency_projector', pages);
  end loop;
end $$;
"""
_COPIES = """
revoke all on all tables in schema public from {app};
revoke execute on function append from public;
grant usage on schema public to {app};
grant select on migration, store to {app};
grant select, insert, update on checkpoint, reference to {app};
grant select, insert, delete on parked to {app};
"""
_AUDITS = (
    _COPIES
    + """
grant select, insert on leaf, node, signed, told, read, look, differing, signing_key to {app};
grant select on said, look_head to {app};
grant update on look_head to {app};
grant select, insert, update on relay to {app};
grant select, insert, update on log to {app};
"""
)


def password(secret: str, role: str) -> str:
    """Return a role's password: it follows from the deployment's secret."""
    return hmac.digest(secret.encode(), f"role {role}".encode(), hashlib.sha256).hex()


def grants(service: str) -> str:
    """Return the SQL that a service's owner runs after its migrations."""
    text = {
        "registry": _RUNS + _IMPORTS,
        "agency": _PROJECTS,
        "notification": _RUNS + _ROUTES,
        "live": _COPIES,
        "audit": _AUDITS,
    }.get(service, _RUNS)
    return text.format(app=f"{service}_app")


async def prepare(admin_url: str, secret: str) -> None:
    """Make roles and databases that don't exist yet; safe to repeat."""
    connection = await asyncpg.connect(admin_url)
    try:
        for service in SERVICES:
            roles = {f"{service}_owner": "", f"{service}_app": ""}
            if service == "agency":
                roles["agency_projector"] = "bypassrls"
            for role, extra in roles.items():
                exists = await connection.fetchval("select 1 from pg_roles where rolname = $1", role)
                verb = "alter" if exists else "create"
                await connection.execute(
                    f"{verb} role {role} login {extra} password '{password(secret, role)}'"
                )
            if not await connection.fetchval("select 1 from pg_database where datname = $1", service):
                await connection.execute(f"create database {service} owner {service}_owner")
            await connection.execute(f"revoke connect on database {service} from public")
            await connection.execute(f"grant connect on database {service} to {', '.join(roles)}")
    finally:
        await connection.close()


def urls(service: str, url: Url, secret: str) -> Mapping[str, str]:
    """Return the service's connections by use: owner, app, and for agency projector."""
    uses = ["owner", "app", *(["projector"] if service == "agency" else [])]
    return {use: url(service, f"{service}_{use}", password(secret, f"{service}_{use}")) for use in uses}


def migrations(service: str) -> list[Path]:
    """Return the folders of a service's migrations: the kernel's, then its own."""
    root = Path(__file__).parents[1] / "services"
    return [f for f in (root / "kernel" / "migrations", root / service / "migrations") if f.is_dir()]
