"""Which profiles of requirements apply to a site: only what it declares or what answers there is asked of it."""

from __future__ import annotations

from ldt_conformance.engine.judging.standing import roles_of
from ldt_conformance.engine.site.model import Site

# profile -> roles whose presence brings it in
ROLES = {
    "ngsi-ld": {"history"},
    "temporal": {"history"},
    "ogc": {"features", "processes", "tiles"},
    "sta": {"sensorthings"},
    "auth": {"identity"},
    "ai": {"forecaster"},
    "catalogue": {"catalogue"},
    "portal": {"portal"},
    "dsp": {"connector"},
    "dsc": {"connector", "registry"},
    "viz": {"visualisation"},
    "orch": {"pipelines", "scenarios"},
    "ops": {"monitoring"},
    "store": {"objects"},
}
APIS = {"ngsi-v2": "ngsi-v2", "dtdl": "dtdl", "sparql": "sparql", "ldes": "ldes", "sta": "sta", "ogc": "ogc"}


def profiles_of(site: Site) -> frozenset[str]:
    """The profiles of a site; `core` always."""
    roles = set(roles_of(site))
    found = {"core"} | {profile for profile, wanted in ROLES.items() if roles & wanted}
    apis = [endpoint.api or "" for endpoint in site.endpoints.values()]
    found |= {profile for profile, api in APIS.items() if any(name.startswith(api) for name in apis)}
    if any(endpoint.auth.kind != "none" for endpoint in site.endpoints.values()):
        found.add("auth")
    declared = {"ai": site.ai, "orch": site.pipelines, "services": site.services, "viz": site.visualisations}
    found |= {profile for profile, entries in declared.items() if entries}
    if site.objectives is not None:
        found.add("load")
    return frozenset(found)
