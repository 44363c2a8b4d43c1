"""What the events of a computation on workers say of its shards and workers."""

from collections.abc import Sequence

from attlas.pipeline.workers.runners import Event, ShardFinished, ShardGivenUp, ShardTakenApart, WorkerLeftOut


def list_finished(events: Sequence[Event]) -> list[int]:
    """Return the shards that were finished, sorted."""
    return sorted(event.shard.index for event in events if isinstance(event, ShardFinished))


def list_taken_apart(events: Sequence[Event]) -> list[int]:
    """Return the shards that were taken apart, one for each time."""
    return [event.shard.index for event in events if isinstance(event, ShardTakenApart)]


def find_given_up(events: Sequence[Event]) -> dict[int, Exception]:
    """Return why a shard was given up, by its index."""
    return {event.shard.index: event.error for event in events if isinstance(event, ShardGivenUp)}


def find_left_out(events: Sequence[Event]) -> dict[str, Exception]:
    """Return why a worker was left out, by its address."""
    return {event.worker: event.error for event in events if isinstance(event, WorkerLeftOut)}
