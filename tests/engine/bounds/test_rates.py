"""Rates: never more than a minute's units at once and what is earned since, and a refusal takes nothing."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.bounds import rates as module
from engine.bounds.rates import Rates
from engine.caller import Caller
from engine.engine import Engine
from engine.errors import RequestError
from models import Role

ANN = Caller("acme", "ann", Role.ADMIN)
BEN = Caller("acme", "ben", Role.ADMIN)
EVE = Caller("other", "ann", Role.ADMIN)


@dataclass
class Charged:
    """Rates with a clock that the test sets, and the bounds that they report."""

    organisation: int = 600
    member: int = 300
    now: float = 0.0
    hits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rates = Rates(self.organisation, self.member, hit=self.hits.append, clock=lambda: self.now)

    def refusal(self, caller: Caller, cost: int) -> Any:
        """The error with which an operation is refused, which takes nothing."""
        before = self.rates.left(caller)
        with pytest.raises(RequestError) as refused:
            self.rates.charge(caller, cost)
        assert self.rates.left(caller) == before
        return refused.value.errors[0]

    def remaining(self, caller: Caller) -> list[int]:
        """What is left of each rate."""
        return [shown["remaining"] for shown in self.rates.left(caller).values()]


def test_an_operation_takes_its_cost_from_both_buckets() -> None:
    """From the member's and the organisation's; colleagues share the latter, other organisations neither."""
    found = Charged()
    found.rates.charge(ANN, 100)
    assert found.rates.left(ANN) == {
        "organisation": {"limit": 600, "remaining": 500, "resetSeconds": 10},
        "member": {"limit": 300, "remaining": 200, "resetSeconds": 20},
    }
    assert found.remaining(BEN) == [500, 300]
    assert found.remaining(EVE) == [600, 300]


def test_every_operation_costs_something() -> None:
    """What reads no row costs 1."""
    found = Charged()
    found.rates.charge(ANN, 0)
    assert found.remaining(ANN) == [599, 299]


def test_a_member_is_refused_until_enough_is_earned() -> None:
    """The error says what is left and in how many seconds the operation can be sent again, and then it can."""
    found = Charged()
    found.rates.charge(ANN, 290)
    error = found.refusal(ANN, 60)
    assert error.message == (
        "You may use 300 units of cost a minute (setting DEALBOARD_MEMBER_RATE): 10 are left, and this operation costs"
        " 60. Wait 10 seconds, then send it again."
    )
    assert error.extensions == {"code": "RATE_LIMITED", "value": 60, "limit": 300, "remaining": 10, "retryAfter": 10}
    assert found.hits == ["member_rate"]
    found.rates.charge(BEN, 60)
    found.now = 9.9
    assert found.refusal(ANN, 60).message.endswith("Wait 1 second, then send it again.")
    found.now = 10.0
    found.rates.charge(ANN, 60)


def test_an_organisation_is_refused_as_a_whole() -> None:
    """The rate that takes longer to recover is named."""
    found = Charged()
    found.rates.charge(ANN, 300)
    found.rates.charge(BEN, 290)
    third = Caller("acme", "cyd", Role.ADMIN)
    assert found.refusal(third, 60).message == (
        "Your organisation may use 600 units of cost a minute (setting DEALBOARD_ORGANISATION_RATE): 10 are left, and"
        " this operation costs 60. Wait 5 seconds, then send it again."
    )
    assert found.refusal(ANN, 60).extensions["retryAfter"] == 12  # her own bucket is empty
    assert found.hits == ["organisation_rate", "member_rate"]
    found.rates.charge(EVE, 60)


@pytest.mark.parametrize(
    ("cost", "message", "limit"),
    [
        (301, "You may use 300 units of cost a minute (setting DEALBOARD_MEMBER_RATE)", 300),
        (1001, "Your organisation may use 600 units of cost a minute (setting DEALBOARD_ORGANISATION_RATE)", 600),
    ],
)
def test_what_costs_more_than_a_minute_has_is_too_costly(cost: int, message: str, limit: int) -> None:
    """Waiting would not help, so the code is another one."""
    found = Charged()
    error = found.refusal(ANN, cost)
    assert error.message == f"{message}, and this operation costs {cost:,}. Ask for less, or in several requests."
    assert error.extensions == {"code": "TOO_COSTLY", "value": cost, "limit": limit}
    assert found.hits == []
    found.rates.charge(ANN, 300)


def test_without_a_limit_nothing_is_counted() -> None:
    """0 is no limit, of either."""
    found = Charged(organisation=0, member=0)
    found.rates.charge(ANN, 10**9)
    assert found.rates.left(ANN) == {}
    found = Charged(organisation=0)
    found.rates.charge(ANN, 300)
    found.refusal(ANN, 1)
    assert list(found.rates.left(ANN)) == ["member"]


SPENDING = st.lists(st.tuples(st.floats(0, 30), st.integers(1, 400), st.sampled_from((ANN, BEN))), max_size=60)


@given(SPENDING, st.integers(1, 1000), st.integers(1, 1000))
def test_never_more_is_granted_than_a_minute_holds_and_time_earns(
    spending: list[tuple[float, int, Caller]], organisation: int, member: int
) -> None:
    """Since any moment: at most the limit, and what the time since then earns; and what fits is never refused."""
    found = Charged(organisation, member)
    granted: list[tuple[float, int, Caller]] = []
    for pause, cost, caller in spending:
        found.now += pause
        fits = all(shown["remaining"] >= cost for shown in found.rates.left(caller).values())
        try:
            found.rates.charge(caller, cost)
        except RequestError:
            assert not fits
        else:
            granted.append((found.now, cost, caller))
    for limit, callers in ((organisation, (ANN, BEN)), (member, (ANN,)), (member, (BEN,))):
        own = [(at, cost) for at, cost, caller in granted if caller in callers]
        for first in range(len(own)):
            total = 0
            for at, cost in own[first:]:
                total += cost
                assert total <= limit + (at - own[first][0]) * limit / 60 + 1e-6


def test_buckets_are_forgotten_when_they_are_full_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who are away cost no memory, and there are never more than the most, of whom the latest stay."""
    found = Charged(organisation=0)
    (rate,) = found.rates.limited
    for nth in range(100):
        found.now += 1
        found.rates.charge(Caller("acme", f"a{nth}", Role.VIEWER), 50)
    assert len(rate.buckets) <= 11  # 50 units are earned in 10 seconds
    monkeypatch.setattr(module, "MOST_BUCKETS", 20)
    for nth in range(100):
        found.rates.charge(Caller("acme", f"b{nth}", Role.VIEWER), 50)
    assert [spender[1] for spender in rate.buckets] == [f"b{nth}" for nth in range(80, 100)]


async def test_everything_is_charged_before_it_runs(engine: Engine) -> None:
    """Queries, mutations, introspection and subscriptions take their cost once; what is invalid takes nothing."""
    found = Charged(organisation=0, member=300)
    engine.rates = found.rates
    ask = engine.documents.prepare
    await engine.execute(ask("{ customers(first: 10) { nodes { name } } }"), None, ANN)
    assert found.remaining(ANN) == [290]
    await engine.execute(ask("{ __typename }"), None, ANN)
    assert found.remaining(ANN) == [289]
    create = ask('mutation { createCustomer(input: {name: "A"}) { customer { name } userErrors { code } } }')
    await engine.execute(create, None, ANN)
    assert found.remaining(ANN) == [277]
    with pytest.raises(RequestError):
        await engine.execute(ask("query($n: Int!) { customers(first: $n) { nodes { name } } }"), {}, ANN)
    assert found.remaining(ANN) == [277]
    found.rates.charge(ANN, 277)
    stream = engine.subscribe(ask("subscription { stageChanged { lead { id } } }"), None, ANN)
    with pytest.raises(RequestError) as refused:
        await anext(stream)
    assert refused.value.code == "RATE_LIMITED"
