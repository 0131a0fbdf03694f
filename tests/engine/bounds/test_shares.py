"""Shares of the pool: never more than the limits, turns for everybody, and no trace of who has left."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.bounds.places import MOST_WAITING, Work
from engine.bounds.shares import Admission, Shares
from engine.errors import RequestError

ORGS = [UUID(int=number) for number in range(4)]
A, B, C, D = ORGS


async def settle() -> None:
    """Let everything that can run, run."""
    for _ in range(10):
        await asyncio.sleep(0)


class Client:
    """One who holds or waits for a place."""

    def __init__(self, shares: Shares, work: Work, org_id: UUID, member: str) -> None:
        self.key = (work, org_id, member)
        self.done = asyncio.Event()
        self.inside = False
        self.task = asyncio.create_task(self.run(shares.admit(work, org_id, member)))

    async def run(self, admission: Admission) -> None:
        async with admission:
            self.inside = True
            await self.done.wait()
        self.inside = False


def untouched(shares: Shares) -> bool:
    """Nothing is held, and nobody waits."""
    return all(
        (kind.used, kind.organisations, kind.members, kind.waiting) == (0, {}, {}, {}) for kind in shares.kinds.values()
    )


def limits(shares: Shares) -> Iterator[tuple[int, int, int]]:
    for places in shares.kinds.values():
        yield places.reserved, places.per_organisation, places.per_member


@pytest.mark.parametrize(
    ("connections", "capacity", "expected"),
    [
        (1, 1, [(0, 1, 1), (0, 1, 1), (0, 1, 1)]),
        (2, 1, [(0, 1, 1), (0, 1, 1), (0, 1, 1)]),
        (4, 3, [(1, 1, 1), (1, 1, 1), (1, 1, 1)]),
        (8, 7, [(1, 4, 3), (1, 4, 3), (1, 4, 4)]),
        (10, 9, [(2, 5, 4), (2, 5, 4), (1, 4, 4)]),
        (100, 99, [(20, 50, 40), (20, 50, 40), (10, 50, 50)]),
    ],
)
def test_the_shares_of_a_pool(connections: int, capacity: int, expected: list[tuple[int, int, int]]) -> None:
    """Reserved, per organisation and per member, of reads, changes and events."""
    shares = Shares(connections)
    assert (shares.capacity, list(limits(shares))) == (capacity, expected)


def test_a_share_of_everything_is_no_limit() -> None:
    """One organisation, and one member of it, may then hold all that a kind of work can have."""
    assert list(limits(Shares(10, organisation=1, member=1))) == [(2, 6, 6), (2, 6, 6), (1, 5, 5)]
    assert list(limits(Shares(10, member=1))) == [(2, 5, 5), (2, 5, 5), (1, 4, 4)]


async def test_reads_leave_places_to_changes_and_events() -> None:
    """However many reads come from however many organisations."""
    shares = Shares(10)
    reads = [Client(shares, Work.READ, org_id, str(nth)) for nth in range(10) for org_id in ORGS]
    await settle()
    assert sum(client.inside for client in reads) == 6
    others = [Client(shares, Work.CHANGE, A, "ann"), Client(shares, Work.CHANGE, B, "ben")]
    others.append(Client(shares, Work.EVENT, A, ""))
    await settle()
    assert all(client.inside for client in others)
    for client in (*reads, *others):
        client.done.set()
    await asyncio.gather(*(client.task for client in (*reads, *others)))
    assert untouched(shares)


async def test_a_place_that_nobody_else_needs_is_used() -> None:
    """A change takes more than what is reserved for changes; then reads have those that are left."""
    shares = Shares(10)
    changes = [Client(shares, Work.CHANGE, org_id, str(nth)) for nth in range(10) for org_id in ORGS]
    await settle()
    assert sum(client.inside for client in changes) == 6
    reads = [Client(shares, Work.READ, org_id, "ann") for org_id in ORGS]
    await settle()
    assert sum(client.inside for client in reads) == 2
    for client in (*changes, *reads):
        client.task.cancel()
    await asyncio.gather(*(client.task for client in (*changes, *reads)), return_exceptions=True)
    assert untouched(shares)


async def test_organisations_take_turns_and_then_members() -> None:
    """A queue of a hundred in front of one does not delay it, neither between organisations nor within one."""
    shares = Shares(2)
    first = Client(shares, Work.READ, A, "ann")
    await settle()
    many = [Client(shares, Work.READ, A, "ann") for _ in range(100)]
    await settle()
    colleague, stranger = Client(shares, Work.READ, A, "ben"), Client(shares, Work.READ, B, "cem")
    await settle()
    order = []
    for client in (first, many[0], stranger, colleague, many[1]):
        assert client.inside
        order.append(client.key[1:])
        client.done.set()
        await settle()
    assert order == [(A, "ann"), (A, "ann"), (B, "cem"), (A, "ben"), (A, "ann")]
    for client in many:
        client.done.set()
    await asyncio.gather(*(client.task for client in many))
    assert untouched(shares)


async def test_kinds_of_work_take_turns_where_there_is_one_place() -> None:
    """A pool too small to reserve anything still serves changes beside endless reads."""
    shares = Shares(1)
    holder = Client(shares, Work.READ, A, "ann")
    await settle()
    reads = [Client(shares, Work.READ, A, "ann") for _ in range(3)]
    changes = [Client(shares, Work.CHANGE, A, "ann") for _ in range(3)]
    await settle()
    served = []
    running = [holder, *reads, *changes]
    while running:
        (client,) = [client for client in running if client.inside]
        served.append(client.key[0])
        running.remove(client)
        client.done.set()
        await settle()
    assert served == ["read", "read", "change", "read", "change", "read", "change"]


async def test_refused_after_the_wait_limit() -> None:
    """The code is RATE_LIMITED, the message says whose share it is, the bound is reported, and nothing stays behind."""
    hit: Counter[str] = Counter()

    def count(bound: str) -> None:
        hit[bound] += 1

    shares = Shares(10, wait=0.0, hit=count)
    held = [Client(shares, Work.READ, A, name) for name in ("ann", "ann", "ann", "ann", "ben")]
    await settle()
    for org_id, member, said in ((A, "ann", "You have 4 operations"), (A, "cem", "Your organisation has 5")):
        with pytest.raises(RequestError, match=said) as refused:
            await Client(shares, Work.READ, org_id, member).task
        assert refused.value.code == "RATE_LIMITED"
    held.append(Client(shares, Work.READ, B, "dan"))
    await settle()
    with pytest.raises(RequestError, match="This server has"):
        await Client(shares, Work.READ, C, "eva").task
    assert hit == {"read_share": 3}
    for client in held:
        client.done.set()
    await asyncio.gather(*(client.task for client in held))
    assert untouched(shares)


async def test_a_patient_one_is_never_refused() -> None:
    """Events must be delivered, and a replay has no client that could send it again."""
    shares = Shares(1, wait=0.0)
    holder = Client(shares, Work.READ, A, "ann")
    await settle()

    async def wait() -> str:
        async with shares.admit(Work.EVENT, A, patient=True):
            return "served"

    patient = asyncio.create_task(wait())
    with pytest.raises(RequestError):
        await Client(shares, Work.READ, B, "ben").task
    assert not patient.done()
    holder.done.set()
    assert await patient == "served"
    assert untouched(shares)


async def test_a_queue_is_bounded() -> None:
    """A member who has too many waiting is refused at once; another one is not."""
    shares = Shares(1, wait=1000)
    held = [Client(shares, Work.READ, A, "ann") for _ in range(MOST_WAITING + 1)]
    await settle()
    with pytest.raises(RequestError, match="You have 1 operations"):
        await Client(shares, Work.READ, A, "ann").task
    held.append(Client(shares, Work.READ, A, "ben"))
    await settle()
    assert not held[-1].task.done()
    for client in held:
        client.task.cancel()
    await asyncio.gather(*(client.task for client in held), return_exceptions=True)
    assert untouched(shares)


async def test_one_that_is_cancelled_as_it_is_admitted_gives_its_place_back() -> None:
    """The next one in the queue has it."""
    shares = Shares(1)
    holder, second, third = (Client(shares, Work.READ, A, "ann") for _ in range(3))
    await settle()
    holder.done.set()
    await asyncio.sleep(0)  # the holder leaves, and the second one is admitted, but has not run yet
    assert not second.inside
    second.task.cancel()
    await settle()
    assert (second.inside, third.inside) == (False, True)
    third.done.set()
    await third.task
    assert untouched(shares)


steps = st.lists(
    st.tuples(
        st.sampled_from(["come", "come", "end", "cancel"]),
        st.sampled_from(list(Work)),
        st.integers(0, 3),
        st.sampled_from("ab"),
        st.integers(0, 1000),
    ),
    max_size=80,
)


@settings(deadline=None)
@given(connections=st.integers(1, 12), steps=steps)
def test_limits_hold_and_nobody_starves(connections: int, steps: list[tuple[str, Work, int, str, int]]) -> None:
    """After each step: no limit is exceeded, nobody waits who fits; in the end all are served and nothing is left."""

    async def run() -> None:
        shares = Shares(connections, wait=1000)
        clients: list[Client] = []
        for step, work, org, member, which in steps:
            running = [client for client in clients if not client.task.done()]
            if step == "come":
                clients.append(Client(shares, work, ORGS[org], member))
            elif running:
                client = running[which % len(running)]
                client.done.set() if step == "end" else client.task.cancel()
            await settle()
            check(shares, [client for client in clients if not client.task.done()])
        for client in clients:
            client.done.set()
        await settle()
        await asyncio.gather(*(client.task for client in clients), return_exceptions=True)
        assert untouched(shares)

    asyncio.run(run())


def check(shares: Shares, running: list[Client]) -> None:
    """The state of the shares fits what the clients see, and its limits."""
    inside = Counter(client.key for client in running if client.inside)
    assert inside.total() <= shares.capacity
    for work, places in shares.kinds.items():
        by_organisation: Counter[UUID] = Counter()
        for (kind, org_id, member), count in inside.items():
            if kind is work:
                assert count == places.members[org_id, member] <= places.per_member
                by_organisation[org_id] += count
        assert places.organisations == by_organisation
        assert all(count <= places.per_organisation for count in by_organisation.values())
        assert places.used == by_organisation.total()
        others = [other for other in shares.kinds.values() if other is not places]
        assert places.used <= shares.capacity - sum(max(other.used, 0) for other in others)
        for client in running:
            if client.key[0] is work and not client.inside:
                assert not (places.fits(client.key[1:]) and shares.free(places)), "it waits, though there is a place"
