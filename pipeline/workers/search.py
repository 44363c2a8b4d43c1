"""The search for the sequences of a shard that end their process; a file keeps what is known meanwhile.

If memory runs out in a container, all its processes may be ended at once, the worker, too. Then another worker
continues the search from the file. But a worker also leaves if its machine is taken away, so workers that leave are
counted separately from processes that a worker saw end.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from attlas.pipeline.plan import Shard
from attlas.pipeline.workers.trial import Pack
from attlas.schema import AtlasPaths
from attlas.schema.publish import TEMPORARY_PREFIX, publish_bytes

N_DEATHS = 2
"""Processes that a sequence must end before it is failed, the last one while it runs alone: a single process may have
ended for another reason. Only processes count whose exit status a worker saw."""

N_DEPARTURES = 3
"""Workers that must leave while a sequence runs alone, before it is failed although nobody saw its process end."""

SEARCH_PREFIX = f"{TEMPORARY_PREFIX}search-"
"""Beginning of the name of the file, which exists only during the search."""


@dataclass
class DeadlySearch:
    """What is known about the sequences of a shard that end their process; each change is written to the file."""

    path: Path
    begun: list[int] = field(default_factory=list)
    """The sequences of the pack that began last."""
    has_ended: bool = False
    """Whether that pack is judged already: its process was seen to end, or its worker left."""
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
        """Write what is known to the file."""
        values = {
            "begun": self.begun,
            "has_ended": self.has_ended,
            "n_deaths": self.n_deaths,
            "n_departures": self.n_departures,
            "deadly": self.deadly,
        }
        publish_bytes(self.path, json.dumps(values).encode())

    def begin(self, pack: Pack) -> None:
        """Record which sequences run now."""
        self.begun, self.has_ended = sorted(pack), False
        self.write()

    def blame(self, pack: Pack, cause: str) -> list[Pack]:
        """Record that a process was seen to end while it ran a pack, and return the packs to try next."""
        self.n_deaths.update(pack.keys())
        sequence_id = min(pack)
        if len(pack) == 1 and self.n_deaths[sequence_id] >= N_DEATHS:
            self.deadly[sequence_id] = f"its computation ended the process of two workers, {cause}"
        # A worker that leaves while the next process loads the model must not count against this pack.
        self.has_ended = True
        self.write()
        return self.split(pack)

    def note_departure(self, pack: Pack) -> list[Pack]:
        """Record that the worker left after a pack had begun, and return the packs to try next."""
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


def name_search(paths: AtlasPaths, index: int) -> Path:
    """Return the file of the search in shard `index`."""
    return paths.receipts / f"{SEARCH_PREFIX}{index:05d}.json"


def remove_searches(paths: AtlasPaths, shards: Sequence[Shard]) -> None:
    """Remove the files of searches in some shards: a search belongs to one computation."""
    names = {name_search(paths, shard.index) for shard in shards}
    for path in paths.receipts.glob(f"{SEARCH_PREFIX}*"):
        if path in names:
            path.unlink(missing_ok=True)
