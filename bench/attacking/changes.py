"""Attacks by mutations."""

from typing import Any

from bench.attacking.attacker import Attacker


async def wide_inputs(attacker: Attacker) -> None:
    """A viewer creates pipelines of 70,000 stages, and of 99, of which one has a different shape each time."""

    async def one() -> None:
        nth = attacker.next()
        stages: list[dict[str, Any]] = [{"name": "a"} for _ in range(attacker.size(70_000, 15_000) if nth % 2 else 99)]
        for place in range(9):
            if nth >> place & 1:
                stages[place]["probability"] = 5
        query = "mutation($i:CreatePipelineInput!){createPipeline(input:$i){userErrors{code}}}"
        await attacker.post(query, {"i": {"name": "Wide", "stages": stages}})

    await attacker.waves(attacker.size(25, 4), one)


async def old_recurrences(attacker: Attacker) -> None:
    """Twenty tasks that repeat since 1900 are completed at once."""

    async def one() -> None:
        create = " ".join(
            f't{nth}:createTask(input:{{title:"Old",dueAt:"1900-01-01T00:00:00Z",recurrence:"FREQ=DAILY"}}){{'
            "task{id} userErrors{code}}"
            for nth in range(20)
        )
        created = await attacker.post(f"mutation{{{create}}}", role="rep")
        ids = [made["task"]["id"] for made in created.values() if made and made["task"]]
        change = "mutation($i:CompleteTasksInput!){completeTasks(input:$i){userErrors{code}}}"
        await attacker.post(change, {"i": {"taskIds": ids}}, role="rep")

    await attacker.waves(1, one)
