"""Who gets what: properties of the division of writes and of the narrowing of queries (4.3.6, 5.6, 5.12)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ldt_stack.broker.federation.dividing import Division, Target, divide
from ldt_stack.broker.federation.querying import parts_of, selects
from ldt_stack.broker.federation.registration import Registration, compile_registration
from ldt_stack.broker.query import TypeSelection, compile_pattern
from ldt_stack.broker.store.data import EntitySelector

CAR = "urn:x:Car:1"
ATTRIBUTES = ["x:a", "x:b", "x:c"]
TYPES = ["x:Car", "x:Bus"]
IDS = [CAR, "urn:x:Car:2"]
PATTERNS = [":1$", ":2$", "Car"]

TYPE_LISTS = st.lists(st.sampled_from(TYPES), min_size=1, max_size=2, unique=True)
ENTITY_INFO = st.fixed_dictionaries(
    {"type": TYPE_LISTS}, optional={"id": st.sampled_from(IDS), "idPattern": st.sampled_from(PATTERNS)}
)
NAMES = st.lists(st.sampled_from(ATTRIBUTES), min_size=1, max_size=3, unique=True)
INFO = st.fixed_dictionaries(
    {}, optional={"entities": st.lists(ENTITY_INFO, min_size=1, max_size=2), "propertyNames": NAMES}
)
MODES = st.sampled_from(["inclusive", "exclusive", "redirect", "auxiliary"])


def registrations() -> st.SearchStrategy[list[Registration]]:
    """Some Registrations, whatever their mode allows by 5.9.2.4: the division must not rely on it."""
    one = st.fixed_dictionaries(
        {
            "mode": MODES,
            "information": st.lists(INFO, min_size=1, max_size=2),
            "operations": st.sampled_from([["createEntity"], ["retrieveEntity"]]),
            "contextSourceAlias": st.sampled_from(["one", "two"]),
        }
    )
    return st.lists(one, max_size=4).map(
        lambda found: [
            compile_registration({**members, "id": f"urn:r:{number}", "endpoint": "http://x"})
            for number, members in enumerate(found)
        ]
    )


def division(found: list[Registration], attributes: frozenset[str] | None, types: Any, via: Any = ()) -> Division:
    return divide(found, Target(CAR, types, attributes), ("createEntity",), via, "own")


KNOWN_TYPES = st.none() | TYPE_LISTS.map(frozenset)


@given(registrations(), st.frozensets(st.sampled_from(ATTRIBUTES)), KNOWN_TYPES)
def test_every_attribute_goes_where_it_is_held_and_nowhere_twice(
    found: list[Registration], attributes: frozenset[str], types: Any
) -> None:
    """4.3.6.3: what a proxied source holds is not done here, nor at inclusive ones; all else is done here."""
    result = division(found, attributes, types)
    proxied = [share for share in result.shares if share.registration.proxied]
    taken = {name for share in proxied for name in share.attributes or ()}
    assert result.remaining == attributes - taken
    for share in result.shares:
        assert share.registration.mode != "auxiliary"
        assert share.attributes is not None
        assert share.attributes <= attributes
        assert all(info.covers(CAR, types) for info in share.infos)
        if not share.registration.proxied:
            assert share.supported == "createEntity"
            assert share.attributes <= result.remaining
    if attributes and not result.remaining:
        assert result.elsewhere
    exclusive = {n for one in proxied if one.registration.mode == "exclusive" for n in one.attributes or ()}
    redirected = {n for one in proxied if one.registration.mode == "redirect" for n in one.attributes or ()}
    assert not exclusive & redirected


@given(registrations(), KNOWN_TYPES)
def test_a_deletion_is_done_here_too(found: list[Registration], types: Any) -> None:
    """5.6.6.4: "The input data shall be used to remove the entity locally if it exists"."""
    result = division(found, None, types)
    assert (result.remaining, result.elsewhere) == (None, False)
    covering = [one for one in found if any(info.covers(CAR, types) for info in one.information)]
    expected = [
        one for one in covering if one.proxied or (one.mode == "inclusive" and "createEntity" in one.operations)
    ]
    assert {share.registration.id for share in result.shares} == {one.id for one in expected}


@given(registrations(), st.frozensets(st.sampled_from(ATTRIBUTES)), KNOWN_TYPES)
def test_inclusive_sources_that_were_passed_get_nothing(
    found: list[Registration], attributes: frozenset[str], types: Any
) -> None:
    """5.12: "no registration shall match if the … contextSourceAlias can be found within the listing"."""
    for via in (("one",), ("one", "two"), ("own",)):
        shares = division(found, attributes, types, via).shares
        assert not [s for s in shares if not s.registration.proxied and (s.registration.alias in via or "own" in via)]


SELECTOR = st.builds(
    lambda types, ids, pattern: EntitySelector(tuple(ids), None if ids else pattern, types),
    st.none() | st.lists(TYPE_LISTS.map(frozenset), min_size=1, max_size=2).map(lambda one: TypeSelection(tuple(one))),
    st.lists(st.sampled_from(IDS), max_size=2, unique=True),
    st.none() | st.sampled_from(PATTERNS),
)


@given(st.lists(SELECTOR, max_size=2), INFO, st.sampled_from(IDS), TYPE_LISTS)
def test_a_source_is_asked_for_what_both_are_about(
    selectors: list[EntitySelector], info: Any, entity_id: str, types: list[str]
) -> None:
    """4.3.6.1 and 5.12: whatever a query selects and a Registration covers; ids and types of others never."""
    members = {"id": "urn:r:1", "endpoint": "http://x", "information": [info]}
    (compiled,) = compile_registration(members).information
    entity = {"id": entity_id, "type": types}
    parts = parts_of(selectors, compiled)
    asked = [
        part
        for part in parts
        if (not part.ids or entity_id in part.ids)
        and (part.id_pattern is None or compile_pattern(part.id_pattern).search(entity_id))
        and (not part.types or any(wanted <= set(types) for wanted in part.types))
    ]
    selected = not selectors or any(selects(selector, entity) for selector in selectors)
    # 5.12 matches types literally: a selector of more types than are registered does not match.
    literal = [s for s in selectors if s.types is None or all(len(a) == 1 for a in s.types.alternatives)]  # type: ignore[attr-defined]
    if selected and compiled.covers(entity_id, frozenset(types)) and len(literal) == len(selectors):
        assert asked or not _type_registered(selectors, info)
    for part in asked:
        if compiled.entities and part.id_pattern is None:
            assert compiled.covers(entity_id, frozenset(types))


def _type_registered(selectors: list[EntitySelector], info: Any) -> bool:
    """Whether some EntityInfo has a type that each selector asks for."""
    offered = [set(one["type"]) for one in info.get("entities", [])]
    return not offered or all(
        selector.types is None or all(any(wanted <= one for wanted in selector.types.alternatives) for one in offered)  # type: ignore[attr-defined]
        for selector in selectors
    )
