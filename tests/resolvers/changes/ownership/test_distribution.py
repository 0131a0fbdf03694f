"""How pools distribute leads: fair shares, whatever the capacities, caps and absences."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from models.rules.sharing import Load, Place, Sharing

CAPACITIES = st.lists(st.integers(1, 50), min_size=1, max_size=12)


def sharing(strategy: str, loads: list[Load]) -> Sharing:
    """A pool of these members."""
    return Sharing(strategy, [Place(load) for load in loads])


def load(nth: int, capacity: int = 1, room: int | None = None, active: bool = True) -> Load:
    """A member and its load."""
    return Load(UUID(int=nth), active, capacity, room)


@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 200))
def test_round_robin_differs_by_at_most_one(active: list[bool], leads: int) -> None:
    """At any time present members' counts differ by at most one; absent ones get nothing, and no one gets their turn
    twice."""
    pool = sharing("ROUND_ROBIN", [load(nth, active=is_active) for nth, is_active in enumerate(active)])
    for _ in range(leads):
        pool.next()
        given = [place.given for place in pool.places if place.load.active]
        assert not given or max(given) - min(given) <= 1
    assert [place.given for place in pool.places if not place.load.active] == [0] * active.count(False)
    assert sum(place.given for place in pool.places) == (leads if any(active) else 0)


@given(CAPACITIES, st.integers(0, 300))
def test_weights_are_kept_within_rounding(capacities: list[int], leads: int) -> None:
    """After any number of leads each has the exact share, rounded down or up, and the credits add up to zero."""
    pool = sharing("WEIGHTED", [load(nth, capacity) for nth, capacity in enumerate(capacities)])
    total = sum(capacities)
    for count in range(1, leads + 1):
        pool.next()
        for place in pool.places:
            assert abs(place.given * total - count * place.load.capacity) < total
        assert sum(place.credit for place in pool.places) == 0


@given(CAPACITIES, st.data())
def test_who_comes_back_does_not_catch_up(capacities: list[int], data: st.DataObject) -> None:
    """While a member is away the others share; afterwards each share of what follows is right to within two."""
    pool = sharing("WEIGHTED", [load(nth, capacity) for nth, capacity in enumerate(capacities)])
    away = pool.places[data.draw(st.integers(0, len(capacities) - 1))].load
    away.active = False
    for _ in range(data.draw(st.integers(0, 100))):
        pool.next()
    away.active = True
    before = [place.given for place in pool.places]
    count = data.draw(st.integers(0, 100))
    for _ in range(count):
        pool.next()
    for place, earlier in zip(pool.places, before, strict=True):
        assert abs((place.given - earlier) - count * place.load.capacity / sum(capacities)) < 2


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5), st.integers(0, 30)), min_size=1, max_size=8),
       st.sampled_from(["ROUND_ROBIN", "FEWEST_OPEN", "WEIGHTED"]), st.integers(0, 60))  # fmt: skip
def test_caps_are_never_exceeded(members: list[tuple[int, int, int]], strategy: str, leads: int) -> None:
    """A lead is left over only when every member has reached the daily cap."""
    loads = [Load(UUID(int=nth), True, capacity, cap, open) for nth, (capacity, cap, open) in enumerate(members)]
    pool = sharing(strategy, loads)
    given = [pool.next() for _ in range(leads)]
    weighted = strategy == "WEIGHTED"
    room = sum(cap for capacity, cap, _ in members if capacity or not weighted)
    assert sum(owner is not None for owner in given) == min(leads, room)
    for place, (capacity, cap, _) in zip(pool.places, members, strict=True):
        assert place.given <= (cap if capacity or not weighted else 0)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=8), st.integers(0, 100))
def test_fewest_open_levels_out(open_leads: list[int], leads: int) -> None:
    """Each lead goes to a member who had the fewest open leads at that time."""
    loads = [Load(UUID(int=nth), True, 1, None, count) for nth, count in enumerate(open_leads)]
    pool = sharing("FEWEST_OPEN", loads)
    for _ in range(leads):
        fewest = min(load.open_leads for load in loads)
        owner = pool.next()
        assert owner is not None
        assert owner.open_leads == fewest + 1
