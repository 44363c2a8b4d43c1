"""The sequences of a shard that end the process in which they run, found by runs in a process for this purpose alone.

Packs of sequences run in another process (`trial`). If it ends, a new process continues with the sequences of the pack
that had begun, each alone. Sequences that pass are not run again. Afterwards the shard is computed as usual, without
the sequences that end a process.
"""

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from attlas.pipeline.plan import cut_packs
from attlas.pipeline.workers.search import DeadlySearch, name_search
from attlas.pipeline.workers.trial import Pack, PackTrial, run_packs
from attlas.schema import EnvironmentFault


def find_deadly_sequences(
    packs: Sequence[Pack],
    run_packs: Callable[[Sequence[Pack], Callable[[Pack], None]], PackTrial],
    search: DeadlySearch,
) -> dict[int, str]:
    """Return the sequences that end the process, or the worker, in which they run alone, with the reason of each.

    Args:
        packs: the sequences to try.
        run_packs: runs packs in a separate process until it ends, and calls a function with each pack that begins.
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
            later = {i: sequence for i, sequence in pack.items() if i > search.begun[-1]}
            packs_again = search.note_departure(begun) if begun else []
            waiting.extendleft(reversed([*packs_again, *({i: later[i]} for i in sorted(later))]))

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


def find_deadly_sequences_of(
    root: str, index: int, n_threads: int, earlier: frozenset[int] = frozenset()
) -> dict[int, str]:
    """Return the sequences of shard `index` that end a process, with the reason of each.

    Args:
        root: directory of the atlas.
        index: number of the shard, from 1.
        n_threads: threads of torch.
        earlier: sequences of the shard that are known to end it, and are not run.
    """
    from attlas.pipeline.planned_sequences import read_sequences
    from attlas.pipeline.shard_parts import find_part_folder
    from attlas.pipeline.workers.runners import load_plan_and_model

    paths, plan, encoder = load_plan_and_model(root, n_threads)
    shard = plan.shards[index - 1]
    sequences = read_sequences(paths, shard)["sequence"].to_pylist()
    lengths = [len(sequence) for sequence in sequences]

    # The packs of the shard itself, so that a pack that is too large for the memory comes up again.
    slices = list(cut_packs(lengths, encoder.limit_pack(plan.pack_tokens)))

    # Sequences in closed parts have passed already.
    shard_begin = shard.first_sequence_id
    folder = find_part_folder(paths, paths.receipt(index), plan.plan_id)
    closed = folder.read_chain(shard_begin, ends=[shard_begin + pack.stop for pack in slices])
    begin = closed[-1].end_sequence_id if closed else shard_begin

    packs = []
    for pack in slices:
        numbered = enumerate(sequences[pack], start=shard_begin + pack.start)
        packs.append({i: sequence for i, sequence in numbered if i >= begin and i not in earlier})

    encoder.free_memory()
    search = DeadlySearch.read(name_search(paths, index))
    return find_deadly_sequences([pack for pack in packs if pack], partial(run_packs, root, n_threads), search)
