"""Keystone: tokens, the directory of users and projects, the catalog, trusts and credentials.

`SERVICE` is what `server` serves; `announce` writes the catalog at each start. The trap: most policies are `admin`; what else is
allowed (one's own user, project, credentials) stands beside each request.
"""

from kamado.localcloud.errors import IdentityDialect
from kamado.localcloud.identity import auth, control, credentials, directory, discovery, ec2, grants, trusts
from kamado.localcloud.identity.catalog import CATALOG_SERVICES, ENDPOINTS, REGIONS, announce
from kamado.localcloud.identity.seeding import seed_identity
from kamado.localcloud.service import Answer, Call, CatalogEntry, Service

__all__ = ["SERVICE", "announce"]


def _vary(call: Call, answer: Answer) -> Answer:
    """Every answer of Keystone depends on who asks, and says so to caches."""
    return Answer(answer.status, answer.body, {"Vary": "X-Auth-Token", **answer.headers}, answer.raw, answer.media)


SERVICE = Service(
    name="identity",
    catalog=(CatalogEntry("keystone", "identity", "/v3"),),
    dialect=IdentityDialect(),
    collections=(
        REGIONS,
        CATALOG_SERVICES,
        ENDPOINTS,
        *directory.COLLECTIONS,
        trusts.TRUSTS,
        credentials.CREDENTIALS,
        credentials.APPLICATION_CREDENTIALS,
    ),
    routes=(
        *discovery.ROUTES,
        *auth.ROUTES,
        *directory.ROUTES,
        *grants.ROUTES,
        *trusts.ROUTES,
        *credentials.ROUTES,
        *ec2.ROUTES,
        *control.ROUTES,
    ),
    after=_vary,
    seed=seed_identity,
)
