"""The three steps of a build: plan, encode, seal. Each reads from the directory what the step before it wrote."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from attlas.pipeline.directory import hold_lock, read_intact_receipts, read_plan, read_receipts, write_plan
from attlas.pipeline.encode import StartProgress, encode
from attlas.pipeline.estimate import Estimate, estimate_cost, measure_rate, runs_in_process
from attlas.pipeline.model.architectures import KERNELS, choose_attention
from attlas.pipeline.model.files import PUBLISHED_SHAPES, ModelFiles, ModelShape, find_model, find_shape
from attlas.pipeline.model.letters import ESM2_VOCABULARY, Vocabulary, has_esm2_vocabulary
from attlas.pipeline.model.precision import AUTO, choose_dtype, choose_products, find_attention_bound, refuse_exact_half
from attlas.pipeline.plan import Plan, Shard, choose_pack_tokens, cut_shards, order_sequences
from attlas.pipeline.proteins.proteome import Protein, Proteome, read_proteome
from attlas.pipeline.seal import seal, set_manifest_aside
from attlas.pipeline.sites.calling import DEFAULT_RULE, RULES
from attlas.pipeline.workers.cluster import prepare_workers
from attlas.pipeline.workers.libraries import import_libraries
from attlas.pipeline.workers.resources import (
    check_device,
    check_products,
    choose_threads,
    choose_workers,
    has_device,
)
from attlas.schema import (
    FORMAT_VERSION,
    AtlasPaths,
    EnvironmentFault,
    InputError,
    Manifest,
    PlanError,
    Receipt,
)
from attlas.schema.columns import EDGE_THETA
from attlas.schema.json_file import digest
from attlas.schema.run import PLAIN, Run
from attlas.schema.verify import find_problems


@dataclass(frozen=True)
class Options:
    """The options of a build, as on the command line."""

    model: str
    revision: str | None = None
    device: str = "auto"
    dtype: str = AUTO
    rule: str = DEFAULT_RULE
    max_length: int | None = None
    is_exact: bool = False
    """Whether float32 is computed by plain products on a GPU, too."""


@dataclass(frozen=True)
class BuildStatus:
    """The state of a build: its plan, the finished shards, and whether the atlas is sealed."""

    plan: Plan
    receipts: dict[int, Receipt]
    is_sealed: bool

    @property
    def missing(self) -> list[Shard]:
        """Return the shards without a receipt."""
        return [shard for shard in self.plan.shards if shard.index not in self.receipts]


Draft = tuple[tuple[Protein, ...], Plan]
"""A plan that is not written yet, with its proteins."""

Prepare = Callable[[Sequence[Shard], str], None]
"""Takes the shards of a plan and their device, and begins what takes seconds until they can be computed."""


def make_plan(draft: Draft, paths: AtlasPaths) -> Plan:
    """Write a plan into a directory, or return the same plan that the directory holds; the caller holds the lock.

    Raises:
        PlanError: the directory holds another plan; the message names the differences.
    """
    proteins, plan = draft
    if paths.plan.is_file():
        earlier = read_plan(paths)
        if differences := earlier.describe_changes(plan):
            raise PlanError(
                f"The build in {paths.root} has another input, model or rule.",
                expected=f"plan {earlier.plan_id}",
                found=f"plan {plan.plan_id}; differences (in the directory -> now):",
                offenders=differences,
                hint=f"{_explain_products(earlier.run, plan.run)}, or build into another directory",
            )
        if earlier.model_directory != plan.model_directory:
            earlier = replace(earlier, model_directory=plan.model_directory)
            write_plan(paths, earlier, proteins)
        return earlier

    write_plan(paths, plan, proteins)
    return plan


def _explain_products(begun: Run, run: Run) -> str:
    """Return what to do about a build that was begun as another run: above all if only the products differ."""
    if begun.dtype == run.dtype and begun.device == run.device and begun.products != run.products:
        if begun.products == PLAIN:
            return "add --exact, as the build was begun with plain float32 (the default of earlier releases)"
        return "leave out --exact, as the build was begun with products of halves"
    return "repeat the command with which it began"


def draft_plan(source: str, options: Options, *, prepare: Prepare | None = None) -> Draft:
    """Read the input, find the model and cut the shards, writing nothing.

    Args:
        source: path of the FASTA file, or `-`.
        options: the model, the rule and the like.
        prepare: called with the shards and their device while the weights are hashed, which takes seconds.

    Raises:
        InputError: the input or an option cannot be used.
        EnvironmentFault: the model is not on this machine, or cannot be read.
    """
    _check_options(options)

    files = find_model(options.model, revision=options.revision)
    device = _choose_device(options.device)
    proteome = read_proteome(source, max_length=options.max_length)
    if prepare is not None:
        measure_rate(device)  # now, because the digest would slow what is measured
    with ThreadPoolExecutor(1) as threads:
        weights_sha256 = threads.submit(files.weights_sha256)

        vocabulary = _read_vocabulary(files)
        proteins = _skip_unreadable(proteome, files.shape, vocabulary)
        lengths = [len(sequence) for sequence in order_sequences(proteins)]
        attention = _choose_attention(files.shape, vocabulary, device)
        shards = cut_shards(lengths, shape=files.shape, device=device, attention=attention)
        if prepare is not None:
            prepare(shards, device)

        run = _describe_run(files, options, vocabulary, device=device, weights_sha256=weights_sha256.result())

    plan = Plan(
        run=run,
        source=proteome.name,
        source_sha256=proteome.sha256,
        n_records=proteome.n_records,
        proteins_digest=_digest_proteins(proteins),
        model_directory=str(files.directory),
        pack_tokens=choose_pack_tokens(run.attention, run.device),
        shards=shards,
    )
    return proteins, plan


def build(
    source: str,
    out: Path,
    options: Options,
    *,
    progress: StartProgress,
    n_workers: int | None = None,
    scheduler: str | None = None,
    is_retry: bool = False,
) -> Manifest:
    """Plan, encode and seal: build an atlas from a FASTA file. Finished shards are kept.

    Args:
        source: path of the FASTA file, or `-`.
        out: directory of the atlas.
        options: the model, the rule and the like.
        progress: called once with the plan and the missing shards; its result is called with every event.
        n_workers: as in `encode.encode`.
        scheduler: as in `encode.encode`.
        is_retry: whether shards that hold failed proteins are computed again.

    Raises:
        InputError: as `draft_plan`.
        PlanError: as `make_plan`.
        EnvironmentFault: as `draft_plan` and `encode.encode`.
    """
    # Before the lock: a build that is refused leaves no directory behind.
    paths = AtlasPaths(out)
    is_new = scheduler is None and not paths.manifest.is_file()
    draft = draft_plan(source, options, prepare=partial(_prepare, n_workers=n_workers) if is_new else None)
    _, drafted = draft
    if drafted.shards and scheduler is None and not paths.plan.is_file():
        check_device(drafted.run.device)
        check_products(drafted.run.products)

    with hold_lock(paths):
        plan = make_plan(draft, paths)
        if is_retry:
            remove_failed_receipts(paths, plan)

        if paths.manifest.is_file():
            manifest = Manifest.read(paths)
            if not find_problems(paths, manifest):
                return manifest
            set_manifest_aside(paths)  # damaged shards are computed again

        if shards := find_missing_shards(paths, plan):
            report = progress(plan, shards)
            encode(paths, plan, shards=shards, progress=report, n_workers=n_workers, scheduler=scheduler)
        return seal(paths, plan)


def _prepare(shards: Sequence[Shard], device: str, *, n_workers: int | None) -> None:
    """Begin to import what computes the shards, here or in the process from which workers fork."""
    if not shards or not has_device(device):
        return
    if runs_in_process(shards, device=device, n_workers=n_workers):
        import_libraries()
    else:
        prepare_workers()


def remove_failed_receipts(paths: AtlasPaths, plan: Plan) -> None:
    """Remove the receipts of shards with failed proteins, so that these are computed again."""
    failed = [receipt for receipt in read_receipts(paths, plan).values() if receipt.n_failed]
    if failed:
        set_manifest_aside(paths)  # before the receipts: without all its shards the atlas is not whole
    for receipt in failed:
        paths.receipt(receipt.index).unlink()


def find_missing_shards(paths: AtlasPaths, plan: Plan) -> list[Shard]:
    """Return the shards that have no receipt, or whose files differ from it."""
    receipts = read_intact_receipts(paths, plan)
    return [shard for shard in plan.shards if shard.index not in receipts]


def select_shards(plan: Plan, text: str | None) -> Sequence[Shard]:
    """Return the shards A to B of a text `A-B` or `A`, from 1, inclusive; all of them for None.

    B may be larger than the last shard: the last job of an array may have fewer shards.

    Raises:
        InputError: the text is no range, or it begins outside the plan.
    """
    if text is None:
        return plan.shards

    begin, _, end = text.partition("-")
    end = end or begin
    if begin.isdecimal() and end.isdecimal() and 1 <= int(begin) <= min(int(end), len(plan.shards)):
        return plan.shards[int(begin) - 1 : int(end)]

    raise InputError(
        f"--shards {text} names no shards of this plan.", expected=f"A-B within 1-{len(plan.shards)}", found=text
    )


def read_status(paths: AtlasPaths) -> BuildStatus:
    """Read the state of the build in a directory."""
    plan = read_plan(paths)
    receipts = read_intact_receipts(paths, plan, by_digest=False)
    return BuildStatus(plan, receipts, paths.manifest.is_file() and len(receipts) == len(plan.shards))


def estimate_build(
    source: str, options: Options, *, n_workers: int | None = None
) -> tuple[Estimate, tuple[Protein, ...]]:
    """Return the cost of a build and the proteins it would skip; nothing is written and no model is loaded.

    Neither the device nor a published ESM-2 model, whose shape is known, has to be on this machine.
    """
    _check_options(options)
    shape = find_shape(options.model, revision=options.revision)
    proteome = read_proteome(source, max_length=options.max_length)
    vocabulary = _expect_vocabulary(options)
    proteins = _skip_unreadable(proteome, shape, vocabulary)
    skipped = tuple(protein for protein in proteins if protein.reason is not None)

    lengths = [len(sequence) for sequence in order_sequences(proteins)]
    device = _choose_device(options.device)
    attention = _choose_attention(shape, vocabulary, device)
    shards = cut_shards(lengths, shape=shape, device=device, attention=attention)

    # 0 workers are one process, this one. Without the device, as on a login node, its memory is not known.
    is_in_process = runs_in_process(shards, device=device, n_workers=n_workers)
    n_processes, n_at_once = 1 if is_in_process else n_workers, 1
    if shards and has_device(device):
        n_processes = choose_workers(shards, device=device, n_workers=n_processes)
        if is_in_process and device == "cpu":  # on a GPU one shard at a time runs through the model
            n_at_once = choose_threads(shards, device=device)

    cost = estimate_cost(
        shards,
        lengths,
        shape,
        n_proteins=len(proteins),
        n_skipped=len(skipped),
        device=device,
        dtype=choose_dtype(options.dtype),
        n_workers=n_processes or 1,
        is_in_process=is_in_process,
        n_at_once=n_at_once,
    )
    return cost, skipped


def _check_options(options: Options) -> None:
    if options.rule not in RULES:
        raise InputError(f"There is no rule {options.rule!r}.", expected=" or ".join(RULES), found=options.rule)
    refuse_exact_half(choose_dtype(options.dtype), is_exact=options.is_exact)


def _read_vocabulary(files: ModelFiles) -> Vocabulary:
    """Return the vocabulary of a model; that of ESM-2 without loading transformers."""
    if has_esm2_vocabulary(files.directory):
        return ESM2_VOCABULARY
    from attlas.pipeline.model.vocabulary import read_vocabulary  # imports transformers, which takes seconds

    return read_vocabulary(files)


def _expect_vocabulary(options: Options) -> Vocabulary:
    """Return the vocabulary of a model; a published ESM-2 does not have to be on this machine."""
    try:
        return _read_vocabulary(find_model(options.model, revision=options.revision))
    except EnvironmentFault:
        if options.model not in PUBLISHED_SHAPES:
            raise
    return ESM2_VOCABULARY


def _choose_attention(shape: ModelShape, vocabulary: Vocabulary, device: str) -> str:
    """Return the reduction of a run, by the architecture of its model and the tokens that its vocabulary makes."""
    return choose_attention(
        shape.architecture, device, is_of_pieces=vocabulary.is_of_pieces, has_both_ends=vocabulary.has_both_ends
    )


def _describe_run(
    files: ModelFiles, options: Options, vocabulary: Vocabulary, *, device: str, weights_sha256: str
) -> Run:
    dtype = choose_dtype(options.dtype)
    attention = _choose_attention(files.shape, vocabulary, device)
    # Of the models whose attention the kernels of a GPU do not take, the linear layers are not split either.
    is_exact = options.is_exact or attention != KERNELS[device]

    return Run(
        model=files.name,
        revision=files.revision,
        weights_sha256=weights_sha256,
        config_sha256=files.config_sha256(),
        architecture=files.shape.architecture,
        n_layers=files.shape.n_layers,
        n_heads=files.shape.n_heads,
        dtype=dtype,
        device=device,
        attention=attention,
        products=choose_products(dtype, device=device, is_exact=is_exact),
        attention_bound=find_attention_bound(dtype),
        letters=vocabulary.mapping,
        rule=options.rule,
        edge_theta=EDGE_THETA,
        max_length=options.max_length,
        format_version=FORMAT_VERSION,
        attlas_version=version("attlas"),
        torch_version=version("torch"),
        transformers_version=version("transformers"),
    )


def _choose_device(option: str) -> str:
    """Return the device of a run. A named device does not have to exist here: a plan is made on any machine."""
    if option != "auto":
        return option
    return "cuda" if has_device("cuda") else "cpu"


def _skip_unreadable(proteome: Proteome, shape: ModelShape, vocabulary: Vocabulary) -> tuple[Protein, ...]:
    """Return the proteins; those that the model cannot read are skipped, with the reason."""
    return tuple(
        protein if protein.reason else replace(protein, reason=_reason_to_skip(protein, shape, vocabulary))
        for protein in proteome.proteins
    )


def _reason_to_skip(protein: Protein, shape: ModelShape, vocabulary: Vocabulary) -> str | None:
    """Return the reason for which the model cannot read a protein, its length or a letter; None where it can."""
    reason = vocabulary.reason_to_skip(protein.sequence)
    limit = shape.max_residues
    if limit is None or protein.length <= limit:
        return reason

    # Of tokens of several residues the positions reach farther; what cannot be read cannot be cut into them.
    if vocabulary.is_of_pieces and (reason or vocabulary.count_tokens(protein.sequence) <= limit):
        return reason
    unit = "tokens" if vocabulary.is_of_pieces else "residues"
    n_tokens = vocabulary.count_tokens(protein.sequence)
    return f"longer than the {limit:,} {unit} this model's positions reach: {n_tokens:,} {unit}"


def _digest_proteins(proteins: Sequence[Protein]) -> str:
    """Return the digest over all fields of the proteins except line and reason, in order of accession.

    So the order of the records does not matter; the reasons follow from the sequence and the run.
    """
    ordered = sorted(proteins, key=lambda protein: protein.accession)
    return digest([astuple(replace(protein, line=0, reason=None)) for protein in ordered])
