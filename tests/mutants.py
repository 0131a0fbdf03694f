"""Thirty wrong rules of moves, ranks, locks, paging and entering a stage, each of which the tests named must notice.

`make mutants` applies each to a scratch copy of the tree and runs its tests there. It fails when one goes unnoticed,
and before that when a text to replace is not in its file exactly once, or when the tests fail without any mutant.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

ROOT = Path(__file__).parents[1]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".data", "node_modules", "__pycache__", "*.egg-info", ".*_cache")
AT_ONCE = int(os.environ.get("WORKERS", "2"))

CREATE = "resolvers/changes/leads/create_update.py"
CLOSING = "resolvers/changes/leads/closing.py"
CURSORS = "engine/read/cursors.py"
LIFECYCLE = "resolvers/changes/leads/lifecycle.py"
LOCKS = "resolvers/changes/locks.py"
MOVE = "resolvers/changes/leads/move.py"
KEYSET = "engine/read/keyset.py"
PAGING = "engine/read/paging.py"
PLACE = "resolvers/changes/leads/place.py"
RANK = "models/rules/rank.py"
TASK_LOCKS = "resolvers/changes/tasks/locks.py"

IN_COLUMN = "tests/resolvers/changes/leads/test_column.py"
IN_CREATE = "tests/resolvers/changes/leads/test_create_lead.py"
IN_DELETE_STAGE = "tests/resolvers/changes/pipelines/test_delete_stage.py"
IN_DEPENDENCIES = "tests/resolvers/changes/tasks/test_add_task_dependency.py"
IN_QUALIFY = "tests/resolvers/changes/leads/test_qualify_lead.py"
IN_REOPEN = "tests/resolvers/changes/leads/test_reopen_lead.py"
IN_MEANWHILE = "tests/resolvers/changes/test_changed_meanwhile.py"
IN_MOVE = "tests/resolvers/changes/leads/test_move_lead.py"
IN_PAGING = "tests/engine/read/test_paging.py"
IN_RANK = "tests/models/rules/test_rank.py"
IN_UPDATE = "tests/resolvers/changes/leads/test_update_lead.py"
IN_UPDATE_TASK = "tests/resolvers/changes/tasks/test_update_task.py"


@dataclass(frozen=True)
class Mutant:
    """A wrong rule: its description, the text in a file that is replaced, and the tests that notice it."""

    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


MUTANTS = [
    Mutant("neighbours in the wrong order", PLACE, "elif low >= below:", "elif False:", (IN_MOVE,)),
    Mutant(
        "a card its own neighbour",
        PLACE,
        "if card_id == lead_id:",
        "if False:",
        (IN_MOVE,),
    ),
    Mutant(
        "NOT_FOUND for a neighbour that went",
        PLACE,
        "if await change.first(KNOWN, card_id=card_id) is None:",
        "if True:",
        (IN_MOVE,),
    ),
    Mutant(
        "CONFLICT for a neighbour that never was",
        PLACE,
        "if await change.first(KNOWN, card_id=card_id) is None:",
        "if False:",
        (IN_MOVE,),
    ),
    Mutant(
        "above a card is on top",
        PLACE,
        "ORDER BY previous.rank DESC, previous.id DESC LIMIT 1",
        "ORDER BY previous.rank, previous.id LIMIT 1",
        (IN_COLUMN, IN_MOVE),
    ),
    Mutant("above a card is below the one before it", PLACE, "low, high = above, below", "low, high = None, above",
           (IN_COLUMN, IN_MOVE)),
    Mutant("below a card is at the bottom", PLACE, "ORDER BY next.rank, next.id LIMIT 1",
           "ORDER BY next.rank DESC, next.id LIMIT 1", (IN_COLUMN, IN_MOVE)),
    Mutant("a converted lead moves", MOVE, 'lead["converted_at"] is not None and lead["stage_id"] != stage_id', "False",
           (IN_MOVE,)),
    Mutant("a reorder keeps the version", MOVE,
           "SET rank = :rank, updated_at = statement_timestamp(), version = version + 1",
           "SET rank = :rank, updated_at = statement_timestamp()", (IN_MOVE,)),
    Mutant("a rank that ends in the lowest digit", RANK, "number += number % BASE == 0", "number += 0", (IN_RANK,)),
    Mutant("always the lowest rank", RANK, "_written(first + random.randrange(part), length)",
           "_written(start + 1, length)", (IN_RANK,)),
    Mutant("no room left above", RANK, "if number > 0 else", "if True else", (IN_RANK,)),
    Mutant("no room left below", RANK, "return _written(number) if number < BASE**WIDTH - 1 else",
           "return _written(number) if True else", (IN_RANK,)),
    Mutant("always the middle", RANK, 'longer = len(low) - len(high or "")', "longer = 0", (IN_RANK,)),
    Mutant("a lead is not locked", LOCKS, "Lead.id == ID).with_for_update(key_share=True))", "Lead.id == ID))",
           (IN_UPDATE, IN_MOVE)),
    Mutant("stages are not kept", LOCKS, """    .order_by(Stage.id)
    .with_for_update(key_share=True, read=True)
""", "    .order_by(Stage.id)\n", (IN_MEANWHILE,)),
    Mutant("a stage is not taken alone", LOCKS, """    .order_by(Stage.id)
    .with_for_update()
""", "    .order_by(Stage.id)\n", (IN_MEANWHILE, IN_DELETE_STAGE)),
    Mutant("any version is expected", LOCKS, 'row["version"] != expected', 'row["version"] < expected', (IN_MOVE,)),
    Mutant("leads of tasks are not shared", TASK_LOCKS, "ORDER BY id FOR SHARE", "ORDER BY id", (IN_MEANWHILE,)),
    Mutant("tasks are not locked", TASK_LOCKS, "ORDER BY id FOR NO KEY UPDATE", "ORDER BY id",
           (IN_UPDATE_TASK, IN_DEPENDENCIES, IN_MEANWHILE)),
    Mutant("a page begins with the cursor's own row", KEYSET, "return here > there if ascending else here < there",
           "return here >= there if ascending else here <= there", (IN_PAGING,)),
    Mutant("there is always another page", PAGING, "return func.count() > self.page.size if",
           "return func.count() >= self.page.size if", (IN_PAGING,)),
    Mutant("a backward page in the order it is read", PAGING,
           "order = self.nth.desc() if self.page.backward else None", "order = None", (IN_PAGING,)),
    Mutant("rows without a value are lost", PAGING, "(part.where(column.is_(None)), (key,))]",
           "(part.where(column.is_not(None)), (key,))]", (IN_PAGING,)),
    Mutant("a cursor of another order is taken", PAGING, "if order != self.name:", "if False:", (IN_PAGING,)),
    Mutant("a cursor's number of any size", CURSORS,
           "if not _INTEGER.fullmatch(text) or not -(2**bits) <= int(text) < 2**bits:",
           "if not _INTEGER.fullmatch(text):", (IN_PAGING,)),
    Mutant("a new lead in a WON stage is open", CREATE, 'closed=stage["kind"] != StageKind.OPEN', "closed=False",
           (IN_CREATE,)),
    Mutant("the last open stage qualifies nobody on", LIFECYCLE, "(next.position, next.id) > (here.position, here.id)",
           "(next.position, next.id) >= (here.position, here.id)", (IN_QUALIFY,)),
    Mutant("reopened in the first stage it was in", LIFECYCLE, "been.occurred_at DESC NULLS LAST", "been.occurred_at",
           (IN_REOPEN,)),
    Mutant("the disqualified are reopened with their stage", CLOSING,
           "THEN CASE WHEN disqualified_at IS NOT NULL OR converted_at IS NOT NULL THEN closed_at END", "THEN NULL",
           (IN_DELETE_STAGE,)),
]  # fmt: skip


def misplaced() -> list[str]:
    """The mutants whose text is not in its file exactly once."""
    return [mutant.name for mutant in MUTANTS if (ROOT / mutant.file).read_text().count(mutant.text) != 1]


def outcome(mutant: Mutant | None, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run tests in a scratch copy of the tree, with a mutant or without any."""
    with tempfile.TemporaryDirectory(prefix="dealboard-mutant-") as folder:
        scratch = Path(folder) / "tree"
        shutil.copytree(ROOT, scratch, ignore=LEFT_OUT)
        if mutant is not None:
            file = scratch / mutant.file
            file.write_text(file.read_text().replace(mutant.text, mutant.instead))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "--no-header", *tests]
        return subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)


def main() -> int:
    """Run all mutants; returns 1 when one survives or when the outcome is unknown."""
    console = Console()
    if wrong := misplaced():
        console.print("Not exactly once in its file: " + "; ".join(wrong) + ". Adapt these mutants to the code.")
        return 1
    failed = 0
    with Progress(console=console) as progress, ThreadPoolExecutor(AT_ONCE) as threads:
        task = progress.add_task("Without a mutant", total=len(MUTANTS))
        clean = outcome(None, tuple(sorted({test for mutant in MUTANTS for test in mutant.tests})))
        if clean.returncode:
            console.print(clean.stdout[-3000:] + clean.stderr[-3000:], markup=False)
            console.print("The tests fail without any mutant. Mend that first.")
            return 1
        progress.update(task, description="Mutants")
        for mutant, run in zip(MUTANTS, threads.map(lambda one: outcome(one, one.tests), MUTANTS), strict=True):
            verdict = {0: "[red]SURVIVED[/]", 1: "killed"}.get(run.returncode, "[red]DID NOT RUN[/]")
            failed += run.returncode != 1
            console.print(f"{verdict}  {mutant.file}: {mutant.name}")
            progress.advance(task)
    console.print(f"{len(MUTANTS) - failed} of {len(MUTANTS)} mutants were killed.")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
