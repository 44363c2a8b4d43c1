"""The dry run of a build: its cost and the proteins it would skip, from the input and the shape of the model."""

from collections.abc import Sequence
from dataclasses import dataclass

from attlas.pipeline.drafting import (
    Options,
    Sources,
    check_options,
    choose_device,
    choose_run_attention,
    choose_run_products,
    find_unreadable,
    list_sources,
    read_model_vocabulary,
)
from attlas.pipeline.estimate import CostEstimate, ProcessCost, estimate_cost, predict_process_cost, runs_in_process
from attlas.pipeline.model.files import PUBLISHED_SHAPES, ModelShape, find_model, find_shape
from attlas.pipeline.model.letters import ESM2_VOCABULARY, Vocabulary
from attlas.pipeline.model.precision import choose_dtype
from attlas.pipeline.plan import Shard, cut_shards
from attlas.pipeline.proteins.arranging import ArrangedProteins, arrange_proteins, parse_input
from attlas.pipeline.workers.resources import check_precision, choose_threads, choose_workers, has_device
from attlas.pipeline.workers.scheduler_workers import ask_scheduler
from attlas.schema import EnvironmentFault


@dataclass(frozen=True)
class BuildDraft:
    """What a build would compute, of a model that need not be there."""

    options: Options
    proteins: ArrangedProteins
    shape: ModelShape
    device: str
    attention: str
    """As of `Run`."""
    shards: Sequence[Shard]


def draft_build(source: Sources, options: Options) -> BuildDraft:
    """Return the draft of a build; nothing is written but a temporary folder for a large input.

    Neither the device nor a published ESM-2 model, whose shape is known, has to be on this machine.

    Raises:
        InputError: the input or an option cannot be used.
        EnvironmentFault: as of a build: the device that is here is too old or too small, or the model cannot be read.
    """
    check_options(options)
    shape = find_shape(options.model, revision=options.revision)
    parsed = parse_input(list_sources(source), max_length=options.max_length)
    vocabulary = _expect_vocabulary(options)
    proteins = arrange_proteins(parsed, find_unreadable(shape, vocabulary))

    device = choose_device(options.device)
    attention = choose_run_attention(shape, vocabulary, device)
    shards = cut_shards(proteins.lengths, shape=shape, device=device, attention=attention)

    if shards and device == "cuda" and has_device(device):
        check_precision(choose_dtype(options.dtype), choose_run_products(options, attention, device))
    return BuildDraft(options, proteins, shape, device, attention, shards)


def estimate_draft(draft: BuildDraft, *, n_workers: int | None = None, scheduler: str | None = None) -> CostEstimate:
    """Return the cost of a build by processes as of `encode.encode`. Raises EnvironmentFault as `choose_processes`."""
    proteins = draft.proteins
    processes = choose_processes(draft.shards, device=draft.device, n_workers=n_workers, scheduler=scheduler)
    return estimate_cost(
        draft.shards,
        proteins.lengths,
        draft.shape,
        n_proteins=proteins.n_proteins,
        n_skipped=proteins.n_skipped,
        device=draft.device,
        dtype=choose_dtype(draft.options.dtype),
        n_workers=processes.n_workers,
        is_in_process=processes.is_in_process,
        n_at_once=processes.n_at_once,
    )


@dataclass(frozen=True)
class Processes:
    """The processes that compute shards."""

    n_workers: int
    is_in_process: bool
    """Whether no workers are started: the process of the command computes."""
    n_at_once: int
    """Shards that a process computes side by side."""


def choose_processes(
    shards: Sequence[Shard], *, device: str, n_workers: int | None, scheduler: str | None = None
) -> Processes:
    """Return the processes that compute shards; `n_workers` and `scheduler` are as in `encode.encode`.

    Raises:
        EnvironmentFault: the machine has the device, and too little memory for the shards; the scheduler does not
            answer; or all its workers are too small. The memory of GPUs is known only to the workers that use them.
    """
    if scheduler is not None:
        workers = ask_scheduler(scheduler)
        n_fitting = workers.count_fitting(shards if device == "cpu" else ())
        return Processes(max(1, min(n_fitting, n_workers or n_fitting)), is_in_process=False, n_at_once=1)

    # 0 workers are one process, this one. Without the device, as on a login node, its memory is not known.
    is_in_process = runs_in_process(shards, device=device, n_workers=n_workers)
    n_processes, n_at_once = 1 if is_in_process else n_workers, 1
    if shards and has_device(device):
        n_processes = choose_workers(shards, device=device, n_workers=n_processes)
        if is_in_process and device == "cpu":  # on a GPU one shard at a time runs through the model
            n_at_once = choose_threads(shards, device=device)
    return Processes(n_processes or 1, is_in_process, n_at_once)


def predict_pass_cost(
    shards: Sequence[Shard],
    shape: ModelShape,
    *,
    device: str,
    n_workers: int | None,
    scheduler: str | None = None,
    seconds_of_build: float,
    disk_bytes: int,
) -> ProcessCost:
    """Return the cost of the shards of a pass, by processes as in `encode.encode`; see `predict_process_cost`.

    Raises EnvironmentFault as `choose_processes`.
    """
    processes = choose_processes(shards, device=device, n_workers=n_workers, scheduler=scheduler)
    return predict_process_cost(
        shards,
        shape,
        device=device,
        **vars(processes),
        disk_bytes=disk_bytes,
        seconds_of_build=seconds_of_build,
    )


def _expect_vocabulary(options: Options) -> Vocabulary:
    """Return the vocabulary of a model; a published ESM-2 does not have to be on this machine."""
    try:
        return read_model_vocabulary(find_model(options.model, revision=options.revision))
    except EnvironmentFault:
        if options.model not in PUBLISHED_SHAPES:
            raise
    return ESM2_VOCABULARY
