"""What is to blame when something fails, by the type of the error, and what is done about it.

| what fails | belongs to | what is done |
|---|---|---|
| a sequence alone, where the known protein passes | the protein | it is `failed`; its shard goes on (`shard`) |
| `DeviceFault` | the worker | it is left out at once and nothing that it reports is believed; others go on |
| any other `Fault` (a full /tmp, a bad mount, no model) | the worker or the build | another worker tries the shard |
| any other exception | the worker or the shard | another worker tries the shard |
| a check when a worker joins (`joining`) | the worker | it is left out before its first shard |
| a worker's process ends | the worker or a protein | the shard goes to another; see below |
| no worker for PATIENCE_S, or the scheduler ends | the build | it stops; finished shards are kept |

A worker that failed a shard gets no other shards until the shard is judged. If another worker computes it, the first is
left out and named. If N_TRIES workers fail it, or all there are, a `Fault` ends the build, and any other exception
gives up the shard, while the others go on. The N_TRIES must not be of one host while another has not tried: a full disk
of one host fails all its workers. One of them must have computed another shard: the others may simply be slower. A
`Fault` of one cause that every worker meets, each at another shard, such as a full disk that they share, ends the
build, too.

A shard at which DEATHS_BEFORE_SEARCH workers ended is taken apart (`deadly`): its sequences run in a process of their
own until those that end it are found. They are `failed`, with that as the reason, and the others are computed. A worker
that leaves during the search proves less than a process that it saw end (`search.N_DEPARTURES`). A pass
cannot be taken apart: its shard is given up after WORKER_DEATHS.

A worker at which a search fails by a `Fault`, for example because there is no memory for a second model, continues with
other shards, and another worker searches; if N_TRIES workers fail, or all there are, the shard is given up. Any other
exception of a search gives up the shard at once.

Workers of a scheduler come one after the other. A bad first worker must not end a build that others are about to join.
So before PATIENCE_S the workers that have come do not count as all there are, and workers that are left out do not end
the build.
"""

from attlas.schema import Fault

N_TRIES = 3
"""Workers, or hosts, that may fail a shard before the shard or the build is to blame, and no longer the workers."""

WORKER_DEATHS = 3
"""Number of workers that may die at a shard, or whose devices may fail, before it is given up (the others go on)."""

DEATHS_BEFORE_SEARCH = 2
"""Workers that end at a shard before its sequences are tried one by one."""

MOST_SEARCHES = 5
"""Times that a shard is taken apart at most: workers may also end for reasons that the shard has no part in, as when a
machine is taken away."""

PATIENCE_S = 120.0
"""Seconds that shards wait while no worker can compute them, before the build stops; and seconds after the first worker
of a scheduler in which others may join."""


def have_one_cause(errors: list[Exception]) -> bool:
    """Return whether errors are faults with one cause: of one type, with the same hint."""
    causes = {(type(error), error.hint if isinstance(error, Fault) else None) for error in errors}
    return len(causes) == 1 and isinstance(errors[0], Fault)
