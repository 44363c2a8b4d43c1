"""The three steps of a build: plan, encode, seal; each picks up what the one before left in the directory."""

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from attlas.pipeline.directory import intact_receipts, locked, read_plan, read_receipts, write_plan
from attlas.pipeline.encode import Progress, encode
from attlas.pipeline.estimate import Estimate, estimate
from attlas.pipeline.letters import ESM2_VOCABULARY, Vocabulary, has_esm2_vocabulary
from attlas.pipeline.model import ATTENTION_BOUNDS, PUBLISHED_SHAPES, ModelFiles, ModelShape, find_model, shape_of
from attlas.pipeline.plan import PACK_TOKENS, REDUCTION, Plan, Shard, cut_shards, sequence_order
from attlas.pipeline.proteins import Protein, Proteome, read_proteome
from attlas.pipeline.resources import check_device, fitting_workers, has_device
from attlas.pipeline.seal import seal, set_aside
from attlas.pipeline.sites import DEFAULT_RULE, RULES
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
from attlas.schema.run import Run
from attlas.schema.verify import find_problems


@dataclass(frozen=True)
class Options:
    """How to compute, as the command line words it."""

    model: str
    revision: str | None = None
    device: str = "auto"
    dtype: str = "float32"
    rule: str = DEFAULT_RULE
    max_length: int | None = None


@dataclass(frozen=True)
class Status:
    """How far a build is."""

    plan: Plan
    receipts: dict[int, Receipt]
    is_sealed: bool

    @property
    def missing(self) -> list[Shard]:
        """Return the shards without a receipt."""
        return [shard for shard in self.plan.shards if shard.index not in self.receipts]


Draft = tuple[tuple[Protein, ...], Plan]
"""A plan that is not written yet, with the proteins it was made from."""


def make_plan(draft: Draft, paths: AtlasPaths) -> Plan:
    """Write a plan into a directory, or take up the same plan again; the caller holds the lock.

    Raises:
        PlanError: the directory holds another plan; the message names what differs.
    """
    proteins, plan = draft
    if paths.plan.is_file():
        earlier = read_plan(paths)
        if differences := earlier.describe_changes(plan):
            raise PlanError(
                f"{paths.root} was begun with another input, model or rule.",
                expected=f"plan {earlier.plan_id}",
                found=f"plan {plan.plan_id}; what changed (there -> now):",
                offenders=differences,
                hint="repeat the command it was begun with, or build into another directory",
            )
        if earlier.model_directory != plan.model_directory:
            earlier = replace(earlier, model_directory=plan.model_directory)
            write_plan(paths, earlier, proteins)
        return earlier

    write_plan(paths, plan, proteins)
    return plan


def draft_plan(source: str, options: Options) -> Draft:
    """Read the input, find the model and cut the shards, writing nothing.

    Raises:
        InputError: the input or an option cannot be used.
        EnvironmentFault: the model is not there.
    """
    _check_options(options)
    files = find_model(options.model, revision=options.revision)
    proteome = read_proteome(source, max_length=options.max_length)
    vocabulary = _vocabulary(files)
    proteins = _skip_unreadable(proteome, files.shape, vocabulary)
    run = _run(files, options, vocabulary)
    lengths = [len(sequence) for sequence in sequence_order(proteins)]
    plan = Plan(
        run=run,
        source=proteome.name,
        source_sha256=proteome.sha256,
        n_records=proteome.n_records,
        proteins_digest=_proteins_digest(proteins),
        model_directory=str(files.directory),
        pack_tokens=PACK_TOKENS[run.device],
        shards=cut_shards(lengths, shape=files.shape, device=run.device),
    )
    return proteins, plan


def build(
    source: str,
    out: Path,
    options: Options,
    *,
    progress: Callable[[Plan, Sequence[Shard]], Progress],
    n_workers: int | None = None,
    scheduler: str | None = None,
    is_retry: bool = False,
) -> Manifest:
    """Plan, encode and seal: the whole way from a FASTA file to an atlas; what is done already is kept.

    With `is_retry` the shards that hold failed proteins are computed again.

    `progress` is told the plan and the missing shards, and gives what to call for each that is finished.
    """
    # Before the lock: what cannot be built leaves no directory behind.
    draft = draft_plan(source, options)
    paths = AtlasPaths(out)
    _, drafted = draft
    if drafted.shards and scheduler is None and not paths.plan.is_file():
        check_device(drafted.run.device)

    with locked(paths):
        plan = make_plan(draft, paths)
        if is_retry:
            forget_failed(paths, plan)
        if paths.manifest.is_file():
            manifest = Manifest.read(paths)
            if not find_problems(paths, manifest):
                return manifest
            set_aside(paths)  # what is damaged is computed again

        if shards := missing_shards(paths, plan):
            report = progress(plan, shards)
            encode(paths, plan, shards=shards, progress=report, n_workers=n_workers, scheduler=scheduler)
        return seal(paths, plan)


def forget_failed(paths: AtlasPaths, plan: Plan) -> None:
    """Take back the receipts of shards with failed proteins, and the manifest, so that they are computed again."""
    failed = [receipt for receipt in read_receipts(paths, plan).values() if receipt.n_failed]
    if failed:
        set_aside(paths)  # first: without all its shards the atlas is not whole
    for receipt in failed:
        paths.receipt(receipt.index).unlink()


def missing_shards(paths: AtlasPaths, plan: Plan) -> list[Shard]:
    """Return the shards that have no receipt, or whose files are not as it says: to be computed, or once more."""
    done = intact_receipts(paths, plan)
    return [shard for shard in plan.shards if shard.index not in done]


def chosen_shards(plan: Plan, text: str | None) -> Sequence[Shard]:
    """Return the shards named by `A-B` or `A`, from 1, inclusive; all where None.

    B may lie beyond the last: the last job of an array has what is left.

    Raises:
        InputError: not a range, or it begins outside the plan.
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


def status(paths: AtlasPaths) -> Status:
    """Return how far the build in a directory is."""
    plan = read_plan(paths)
    receipts = intact_receipts(paths, plan, by_digest=False)
    return Status(plan, receipts, paths.manifest.is_file() and len(receipts) == len(plan.shards))


def dry_run(source: str, options: Options, *, n_workers: int | None = None) -> tuple[Estimate, tuple[Protein, ...]]:
    """Return what a build would cost and the proteins it would skip, writing nothing and loading no model.

    The published ESM-2 models need not be on this machine: their shapes are known. Nor need the device be.
    """
    _check_options(options)
    shape = shape_of(options.model, revision=options.revision)
    proteome = read_proteome(source, max_length=options.max_length)
    proteins = _skip_unreadable(proteome, shape, _expected_vocabulary(options))
    skipped = tuple(protein for protein in proteins if protein.reason is not None)
    lengths = [len(sequence) for sequence in sequence_order(proteins)]
    device = _device(options.device)
    shards = cut_shards(lengths, shape=shape, device=device)

    # 0 workers are one process, this one; on a login node without the device nothing can be held against memory.
    n_processes = 1 if n_workers == 0 else n_workers
    if shards and has_device(device):
        n_processes = fitting_workers(shards, device=device, n_workers=n_processes)
    cost = estimate(
        shards,
        lengths,
        shape,
        n_proteins=len(proteins),
        n_skipped=len(skipped),
        device=device,
        dtype=options.dtype,
        n_workers=n_processes or 1,
    )
    return cost, skipped


def _check_options(options: Options) -> None:
    if options.rule not in RULES:
        raise InputError(f"There is no rule {options.rule!r}.", expected=" or ".join(RULES), found=options.rule)


def _vocabulary(files: ModelFiles) -> Vocabulary:
    """Return what the model reads for each letter."""
    if has_esm2_vocabulary(files.directory):
        return ESM2_VOCABULARY
    from attlas.pipeline.vocabulary import read_vocabulary  # imports transformers, which takes seconds

    return read_vocabulary(files)


def _expected_vocabulary(options: Options) -> Vocabulary:
    """Return what a model reads that need not be on this machine: then it is a published ESM-2."""
    try:
        return _vocabulary(find_model(options.model, revision=options.revision))
    except EnvironmentFault:
        if options.model not in PUBLISHED_SHAPES:
            raise
    return ESM2_VOCABULARY


def _run(files: ModelFiles, options: Options, vocabulary: Vocabulary) -> Run:
    device = _device(options.device)
    return Run(
        model=files.name,
        revision=files.revision,
        weights_sha256=files.weights_sha256(),
        config_sha256=files.config_sha256(),
        architecture=files.shape.architecture,
        n_layers=files.shape.n_layers,
        n_heads=files.shape.n_heads,
        dtype=options.dtype,
        device=device,
        attention=REDUCTION[device],
        attention_bound=ATTENTION_BOUNDS[options.dtype],
        letters=vocabulary.mapping,
        rule=options.rule,
        edge_theta=EDGE_THETA,
        max_length=options.max_length,
        format_version=FORMAT_VERSION,
        attlas_version=version("attlas"),
        torch_version=version("torch"),
        transformers_version=version("transformers"),
    )


def _device(option: str) -> str:
    """Return the device a run is for. Given by name it need not be here: a plan is made on any machine."""
    if option != "auto":
        return option
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _skip_unreadable(proteome: Proteome, shape: ModelShape, vocabulary: Vocabulary) -> tuple[Protein, ...]:
    """Return the proteins, those that the model cannot be given skipped with the reason."""
    return tuple(
        protein if protein.reason else replace(protein, reason=_unreadable(protein, shape, vocabulary))
        for protein in proteome.proteins
    )


def _unreadable(protein: Protein, shape: ModelShape, vocabulary: Vocabulary) -> str | None:
    """Return why the model cannot be given a protein: a length, or a letter; None where it can."""
    limit = shape.max_residues
    if limit is not None and protein.length > limit:
        return f"longer than the {limit:,} residues this model's positions reach: {protein.length:,} residues"
    return vocabulary.reason_to_skip(protein.sequence)


def _proteins_digest(proteins: Sequence[Protein]) -> str:
    """Return the digest over everything told of a protein but its line: the order of the records does not matter.

    Nor do the reasons for skipping, which follow from the sequence and the run.
    """
    ordered = sorted(proteins, key=lambda protein: protein.accession)
    return digest([astuple(replace(protein, line=0, reason=None)) for protein in ordered])
