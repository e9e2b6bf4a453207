"""OGC API Features on the twin's own data, read-only (LDT-IO-71, -72, -74)."""

from __future__ import annotations

import json
from urllib.parse import quote

from ldt_conformance.checks.toolbox import other_trials as trials
from ldt_conformance.checks.toolbox.declared import listed, toolbox_check
from ldt_conformance.checks.toolbox.trials import judge_all, members
from ldt_conformance.clients.sample import GEOJSON, Batch, take_sample
from ldt_conformance.clients.twin import JSON, Twin
from ldt_conformance.engine.run_context import RunContext
from ldt_conformance.engine.verdicts import Reason, fail, inconclusive


def batches(twin: Twin) -> list[Batch]:
    """The sampled collections; inconclusive where none has features."""
    twin.place("ogc-features")
    found = take_sample(twin).of("ogc-features")
    if not found:
        inconclusive(Reason.INSUFFICIENT_EVIDENCE, "no collection gave a feature", expected="features to look at")
    return found


@toolbox_check("ogc/collections", "LDT-IO-71")
def test_collections(twin: Twin, run: RunContext) -> None:
    place = twin.place("ogc-features")
    response = place.get("/collections", headers=JSON)
    found = members(response, "collections")
    if not found:
        fail("200 with at least one collection", f"{response.status}, {len(found or [])} collections")
    faults = []
    for entry in found:
        links = entry.get("links")
        relations = {link.get("rel") for link in links if isinstance(link, dict)} if isinstance(links, list) else set()
        lacks = [name for name in ("id", "extent") if not entry.get(name)] + (
            [] if "items" in relations else ["items link"]
        )
        if lacks:
            faults.append(f"{entry.get('id', '?')} lacks {', '.join(lacks)}")
    if faults:
        fail("id, extent and an items link for each collection", listed(faults))
    run.note(f"{len(found)} collections")


@toolbox_check("ogc/item-filters", "LDT-IO-72")
def test_item_filters(twin: Twin, run: RunContext) -> None:
    batches(twin)
    tried = {
        "bbox": trials.ogc_by_place(twin),
        "datetime": trials.ogc_by_time(twin),
        "limit and next": trials.ogc_by_page(twin),
    }
    judge_all(tried, run, needed="bbox")


@toolbox_check("ogc/feature-by-id", "LDT-IO-74")
def test_feature_by_id(twin: Twin, run: RunContext) -> None:
    batch = batches(twin)[0]
    item = batch.items[0]
    if item.id is None:
        fail("features with an id", f"a feature of {batch.name} has none")
    path = f"/collections/{quote(batch.name, safe='')}/items/{quote(str(item.id), safe='')}"
    response = twin.place("ogc-features").get(path, headers=GEOJSON)
    try:
        found = json.loads(response.content) if response.status == 200 else None
    except ValueError:
        found = None
    if not isinstance(found, dict) or str(found.get("id")) != str(item.id):
        fail(f"200 and the feature {item.id}", f"{response.status} {response.text[:100]}")
    if found.get("geometry") != item.geometry:
        fail("the same geometry as in the list", str(found.get("geometry"))[:100])
    run.note(f"{batch.name}: {item.id}")
