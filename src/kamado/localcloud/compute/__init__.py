"""Nova; `SERVICE` is what the cloud serves."""

from kamado.localcloud.errors import ComputeDialect
from kamado.localcloud.service import CatalogEntry, Service

SERVICE = Service(name="compute", catalog=(CatalogEntry("nova", "compute", "/v2.1"),), dialect=ComputeDialect())
