"""Keystone: tokens, the directory of users and projects, the catalog, trusts and credentials."""
from kamado.localcloud.errors import IdentityDialect
from kamado.localcloud.identity.catalog import REGIONS
from kamado.localcloud.service import CatalogEntry, Service

SERVICE = Service(
    name="identity",
    catalog=(CatalogEntry("keystone", "identity", "/v3"),),
    dialect=IdentityDialect(),
    collections=(REGIONS,),
)


def announce(cloud):
    pass
