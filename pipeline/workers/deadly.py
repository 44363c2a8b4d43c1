"""The sequences of a shard that end the process which computes them, found in a process that nobody else needs.

    python -P -m attlas.pipeline.workers.deadly ROOT N_THREADS < packs

The process loads the model and runs packs of sequences, one after the other, and says which one it begins. If it ends,
another process goes on with the sequences of that pack, each alone. What comes through is not run again. Results are
thrown away: the shard is computed as usual afterwards, without the sequences that were found.

Where memory runs out in a container, all its processes may be ended at once, the worker too. So what is known is kept
in a file of the atlas (`Search`), and the search goes on in another worker. But a worker also leaves where its machine
is taken away, so workers that leave are counted apart from processes that a worker saw end.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from attlas.pipeline.plan import Shard, cut_packs
from attlas.schema import AtlasPaths, DeviceFault, EnvironmentFault, Fault
from attlas.schema.errors import first_line
from attlas.schema.publish import TEMPORARY_PREFIX, publish_bytes

N_DEATHS = 2
"""Processes that a sequence must end, the last one alone, before it is failed: one may have ended for other reasons.
Only those count whose worker saw their exit status."""

N_DEPARTURES = 3
"""Workers that must leave while a sequence runs alone, before it is failed though nobody saw its process end."""

SEARCH_PREFIX = f"{TEMPORARY_PREFIX}search-"
"""How the file begins that keeps what a search knows; it is there during the search alone."""

Pack = Mapping[int, str]
"""Sequences that run together, by `sequence_id`."""


@dataclass(frozen=True)
class Trial:
    """What became of a process that ran packs."""

    n_finished: int
    """Packs that came through."""
    has_begun: bool
    """Whether the process ended during the next one."""
    cause: str
    """How the process ended."""


@dataclass
class Search:
    """What is known of the sequences of a shard that end their process, kept in a file as it becomes known."""

    path: Path
    begun: list[int] = field(default_factory=list)
    """The sequences of the pack that began last."""
    has_ended: bool = False
    """Whether the process was seen to end during that pack, so that its sequences are blamed already."""
    n_deaths: Counter[int] = field(default_factory=Counter)
    """Processes that were seen to end while they ran a sequence."""
    n_departures: Counter[int] = field(default_factory=Counter)
    """Workers that left while a sequence ran alone."""
    deadly: dict[int, str] = field(default_factory=dict)
    """The sequences that end their process, with the reason of each."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the search that another worker has begun, or a new one."""
        try:
            values = json.loads(path.read_text())
        except (OSError, ValueError):
            return cls(path)
        return cls(
            path,
            values["begun"],
            values["has_ended"],
            Counter({int(i): n for i, n in values["n_deaths"].items()}),
            Counter({int(i): n for i, n in values["n_departures"].items()}),
            {int(i): reason for i, reason in values["deadly"].items()},
        )

    def write(self) -> None:
        """Keep what is known in the file."""
        values = {
            "begun": self.begun,
            "has_ended": self.has_ended,
            "n_deaths": self.n_deaths,
            "n_departures": self.n_departures,
            "deadly": self.deadly,
        }
        publish_bytes(self.path, json.dumps(values).encode())

    def begin(self, pack: Pack) -> None:
        """Keep which sequences run now."""
        self.begun, self.has_ended = sorted(pack), False
        self.write()

    def blame(self, pack: Pack, cause: str) -> list[Pack]:
        """Record that a process was seen to end while it ran a pack, and return what is to be tried of it."""
        self.n_deaths.update(pack.keys())
        sequence_id = min(pack)
        if len(pack) == 1 and self.n_deaths[sequence_id] >= N_DEATHS:
            self.deadly[sequence_id] = f"its computation ended the process of two workers, {cause}"
        self.has_ended = True  # the next process takes long to load the model, and the worker may leave meanwhile
        self.write()
        return self.split(pack)

    def note_departure(self, pack: Pack) -> list[Pack]:
        """Record that the worker left after a pack had begun, and return what is to be tried of it."""
        sequence_id = min(pack)
        if len(pack) == 1 and not self.has_ended:
            self.n_departures[sequence_id] += 1
            if self.n_departures[sequence_id] >= N_DEPARTURES:
                self.deadly[sequence_id] = (
                    f"{N_DEPARTURES} workers left while they computed it alone, and none said why"
                )
        self.has_ended = True
        self.write()
        return self.split(pack)

    def split(self, pack: Pack) -> list[Pack]:
        """Return the sequences of a pack that are not known to be deadly, each alone."""
        return [{i: pack[i]} for i in sorted(pack) if i not in self.deadly]


def find_deadly_sequences(
    packs: Sequence[Pack], run_packs: Callable[[Sequence[Pack], Callable[[Pack], None]], Trial], search: Search
) -> dict[int, str]:
    """Return the sequences that end the process, or the worker, which runs them alone, with the reason of each.

    Args:
        packs: the sequences to try.
        run_packs: runs packs in a process of their own until it ends, and calls a function with each that begins.
        search: what is known already.

    Raises:
        EnvironmentFault: the process ends before it has begun a pack.
    """
    waiting = deque(packs)
    if search.begun:  # another worker began it, and left
        waiting = deque(pack for pack in packs if max(pack) >= search.begun[0])
        if waiting:
            pack = waiting.popleft()
            begun = {i: sequence for i, sequence in pack.items() if i in search.begun}
            after = {i: sequence for i, sequence in pack.items() if i > search.begun[-1]}
            parts = search.note_departure(begun) if begun else []
            waiting.extendleft(reversed([*parts, *({i: after[i]} for i in sorted(after))]))

    while waiting:
        trial = run_packs(list(waiting), search.begin)
        for _ in range(trial.n_finished):
            waiting.popleft()
        if not waiting:
            break
        if not trial.has_begun:
            raise EnvironmentFault(
                "The process that tries sequences one by one cannot be used.",
                found=f"it ended {trial.cause}",
                hint="see whether there is memory for the model twice; or use fewer --workers",
            )
        waiting.extendleft(reversed(search.blame(waiting.popleft(), trial.cause)))
    search.path.unlink(missing_ok=True)
    return search.deadly


def name_search(paths: AtlasPaths, index: int) -> Path:
    """Return the file of the search in shard `index`."""
    return paths.receipts / f"{SEARCH_PREFIX}{index:05d}.json"


def remove_searches(paths: AtlasPaths, shards: Sequence[Shard]) -> None:
    """Remove the files of searches in some shards: a search belongs to one computation."""
    names = {name_search(paths, shard.index) for shard in shards}
    for path in paths.receipts.glob(f"{SEARCH_PREFIX}*"):
        if path in names:
            path.unlink(missing_ok=True)


def find_deadly_sequences_of(
    root: str, index: int, n_threads: int, earlier: frozenset[int] = frozenset()
) -> dict[int, str]:
    """Return the sequences of shard `index` that end a process, with the reason of each.

    Args:
        root: directory of the atlas.
        index: number of the shard, from 1.
        n_threads: threads of torch.
        earlier: sequences of the shard that are known to, which are not run.
    """
    from attlas.pipeline.planned_sequences import read_sequences
    from attlas.pipeline.shard_parts import find_part_folder
    from attlas.pipeline.workers.runners import load_plan_and_model

    paths, plan, encoder = load_plan_and_model(root, n_threads)
    shard = plan.shards[index - 1]
    sequences = read_sequences(paths, shard)["sequence"].to_pylist()
    lengths = [len(sequence) for sequence in sequences]

    # As the shard's own, so that a pack which is too large for the memory is met again.
    slices = list(cut_packs(lengths, encoder.limit_pack(plan.pack_tokens)))

    # What is in closed parts came through.
    shard_begin = shard.first_sequence_id
    folder = find_part_folder(paths, paths.receipt(index), plan.plan_id)
    closed = folder.read_chain(shard_begin, ends=[shard_begin + pack.stop for pack in slices])
    begin = closed[-1].end_sequence_id if closed else shard_begin

    packs = []
    for pack in slices:
        numbered = enumerate(sequences[pack], start=shard_begin + pack.start)
        packs.append({i: sequence for i, sequence in numbered if i >= begin and i not in earlier})

    encoder.free_memory()
    search = Search.read(name_search(paths, index))
    return find_deadly_sequences([pack for pack in packs if pack], partial(run_packs, root, n_threads), search)


def run_packs(root: str, n_threads: int, packs: Sequence[Pack], begin: Callable[[Pack], None]) -> Trial:
    """Run packs in a process of their own, which ends when they are done, and whenever this process ends.

    Args:
        root: directory of the atlas.
        n_threads: threads of torch.
        packs: the packs, in order.
        begin: is called with each that begins.

    Raises:
        DeviceFault: the model cannot be run in another process beside this one.
    """
    # Without -P, a file queue.py in the current directory would be imported in place of Python's own.
    words = [sys.executable, "-P", "-m", "attlas.pipeline.workers.deadly", root, str(n_threads)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("a process without pipes")
        # Its input stays open: the process ends when this one does, because the pipe closes then.
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([list(pack.values()) for pack in packs]) + "\n")
            process.stdin.flush()

        n_begun = n_finished = 0
        fault = ""
        for line in process.stdout:
            word, _, text = line.strip().partition(" ")
            if word == "begin":
                begin(packs[n_begun])
                n_begun += 1
            n_finished += word == "end"
            fault = text if word == "fault" else fault

        process.wait()
        with suppress(BrokenPipeError):
            process.stdin.close()
    if fault:
        raise DeviceFault(
            "The model cannot be run in another process of this worker.",
            found=fault,
            hint="see whether there is memory for the model twice (nvidia-smi, free)",
        )
    return Trial(n_finished, n_begun > n_finished, describe_end(process.returncode))


def describe_end(code: int) -> str:
    """Return how a process ended, from its exit status as `subprocess` has it."""
    if code == -signal.SIGKILL:
        return "probably out of memory"
    if code < 0:
        return f"by signal {-code} ({signal.strsignal(-code)})"
    return f"with exit status {code}"


def main(root: str, n_threads: int) -> None:
    """Run the packs that stdin has in its first line, and say on stdout which of them begins and ends."""
    from attlas.pipeline.workers.runners import load_plan_and_model

    packs = json.loads(sys.stdin.readline())
    _volunteer_to_be_killed()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        _, _, encoder = load_plan_and_model(root, n_threads)
        for pack in packs:
            print("begin", flush=True)
            try:
                encoder.start(pack).results()
            except Fault:
                raise
            except Exception:  # what fails without ending the process is the shard's own affair
                encoder.free_memory()
            print("end", flush=True)
    except Fault as fault:
        print("fault", first_line(fault), flush=True)


def _end_with_parent() -> None:
    """End this process as soon as its input closes."""
    while os.read(0, 1):
        pass
    os._exit(1)


def _volunteer_to_be_killed() -> None:
    """Let Linux end this process rather than the worker, where memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
