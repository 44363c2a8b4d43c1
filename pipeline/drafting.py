"""The plan of a build, before it is written: the input read, the model found, the run described, the shards cut."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version

from attlas.pipeline.estimate import measure_rate
from attlas.pipeline.model.architectures import KERNELS, choose_attention
from attlas.pipeline.model.files import ModelFiles, ModelShape, find_model
from attlas.pipeline.model.letters import ESM2_VOCABULARY, Vocabulary, has_esm2_vocabulary
from attlas.pipeline.model.precision import AUTO, choose_dtype, choose_products, find_attention_bound, refuse_exact_half
from attlas.pipeline.plan import Plan, Shard, choose_pack_tokens, cut_shards, sum_shards
from attlas.pipeline.proteins.arranging import ArrangedProteins, Sizes, arrange_proteins, parse_input
from attlas.pipeline.proteins.merging import ReasonToSkip
from attlas.pipeline.sites.calling import DEFAULT_RULE, RULES
from attlas.pipeline.workers.resources import check_precision, has_device
from attlas.schema import VALUES_VERSION, InputError
from attlas.schema.columns import EDGE_THETA
from attlas.schema.run import Run


@dataclass(frozen=True)
class Options:
    """The options of a build, as on the command line."""

    model: str
    revision: str | None = None
    device: str = AUTO
    dtype: str = AUTO
    rule: str = DEFAULT_RULE
    max_length: int | None = None
    is_exact: bool = False
    """Whether float32 is computed by plain products on a GPU, too."""


Draft = tuple[ArrangedProteins, Plan]
"""A plan that is not written yet, with its proteins."""

Sources = str | Sequence[str]
"""Path of a FASTA file, or `-` for standard input; or several, which are read as if joined end to end."""

Prepare = Callable[[Sequence[Shard], str], None]
"""Takes the shards of a plan and their device, and begins what takes seconds until they can be computed."""


def draft_plan(
    source: Sources, options: Options, *, prepare: Prepare | None = None, sizes: Sizes | None = None
) -> Draft:
    """Read the input, find the model and cut the shards, writing nothing but a temporary folder for a large input.

    Args:
        source: the input.
        options: the model, the rule and the like.
        prepare: called with the shards and their device while the weights are hashed, which takes seconds.
        sizes: how much of the input is held in memory.

    Raises:
        InputError: the input or an option cannot be used.
        EnvironmentFault: the model is not on this machine, or cannot be read; or the GPU that was found here, where
            none was named, is too old for the precision.
    """
    check_options(options)

    files = find_model(options.model, revision=options.revision)
    device = choose_device(options.device)
    parsed = parse_input(list_sources(source), max_length=options.max_length, sizes=sizes)
    if prepare is not None:
        measure_rate(device)  # now, because the digest would slow what is measured
    with ThreadPoolExecutor(1) as threads:
        weights_sha256 = threads.submit(files.weights_sha256)

        vocabulary = read_model_vocabulary(files)
        proteins = arrange_proteins(parsed, find_unreadable(files.shape, vocabulary))
        attention = choose_run_attention(files.shape, vocabulary, device)
        shards = cut_shards(proteins.lengths, shape=files.shape, device=device, attention=attention)
        if prepare is not None:
            prepare(shards, device)

        run = _describe_run(files, options, vocabulary, device=device, weights_sha256=weights_sha256.result())
        if options.device == AUTO and run.device == "cuda":
            check_precision(run.dtype, run.products)

    plan = Plan(
        run=run,
        source=proteins.name,
        source_sha256=proteins.sha256,
        n_records=proteins.n_records,
        proteins_digest=proteins.digest,
        model_directory=str(files.directory),
        pack_tokens=choose_pack_tokens(run.attention, run.device),
        totals=sum_shards(shards),
        shards=shards,
    )
    return proteins, plan


def list_sources(source: Sources) -> Sequence[str]:
    """Return the paths of an input. Raises InputError if there are none."""
    if not source:
        raise InputError("There is no input.", expected="one FASTA file or more, or `-`", found="none")
    return [source] if isinstance(source, str) else source


def check_options(options: Options) -> None:
    """Refuse a rule that there is not, and options that exclude each other. Raises InputError."""
    if options.rule not in RULES:
        raise InputError(f"There is no rule {options.rule!r}.", expected=" or ".join(RULES), found=options.rule)
    refuse_exact_half(choose_dtype(options.dtype), is_exact=options.is_exact)


def read_model_vocabulary(files: ModelFiles) -> Vocabulary:
    """Return the vocabulary of a model; that of ESM-2 without loading transformers."""
    if has_esm2_vocabulary(files.directory):
        return ESM2_VOCABULARY
    from attlas.pipeline.model.vocabulary import read_vocabulary  # imports transformers, which takes seconds

    return read_vocabulary(files)


def choose_run_attention(shape: ModelShape, vocabulary: Vocabulary, device: str) -> str:
    """Return the reduction of a run, by the architecture and the heads of its model and the tokens it reads."""
    return choose_attention(
        shape.architecture,
        device,
        is_of_pieces=vocabulary.is_of_pieces,
        head_dim=shape.heads_width // shape.n_heads,
    )


def choose_run_products(options: Options, attention: str, device: str) -> str:
    """Return the products of a run, by its reduction and its device."""
    # Of the models whose attention the kernels of a GPU do not take, the linear layers are not split either.
    is_exact = options.is_exact or attention != KERNELS[device]
    return choose_products(choose_dtype(options.dtype), device=device, is_exact=is_exact)


def choose_device(option: str) -> str:
    """Return the device of a run. A named device does not have to exist here: a plan is made on any machine."""
    if option != AUTO:
        return option
    return "cuda" if has_device("cuda") else "cpu"


def _describe_run(
    files: ModelFiles, options: Options, vocabulary: Vocabulary, *, device: str, weights_sha256: str
) -> Run:
    dtype = choose_dtype(options.dtype)
    attention = choose_run_attention(files.shape, vocabulary, device)

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
        products=choose_run_products(options, attention, device),
        attention_bound=find_attention_bound(dtype),
        letters=vocabulary.mapping,
        rule=options.rule,
        edge_theta=EDGE_THETA,
        max_length=options.max_length,
        format_version=VALUES_VERSION,
        attlas_version=version("attlas"),
        torch_version=version("torch"),
        transformers_version=version("transformers"),
    )


def find_unreadable(shape: ModelShape, vocabulary: Vocabulary) -> ReasonToSkip | None:
    """Return the function that tells why the model cannot read a sequence; None for a model that reads every one."""
    if shape.max_residues is None and not vocabulary.unreadable and not vocabulary.is_of_pieces:
        return None
    return lambda sequence: _describe_unreadable(sequence, shape, vocabulary)


def _describe_unreadable(sequence: str, shape: ModelShape, vocabulary: Vocabulary) -> str | None:
    """Return the reason for which the model cannot read a sequence, its length or a letter; None where it can."""
    reason = vocabulary.reason_to_skip(sequence)
    limit = shape.max_residues
    if limit is None or len(sequence) <= limit:
        return reason

    # Of tokens of several residues the positions reach farther; what cannot be read cannot be cut into them.
    if vocabulary.is_of_pieces and (reason or vocabulary.count_tokens(sequence) <= limit):
        return reason
    unit = "tokens" if vocabulary.is_of_pieces else "residues"
    n_tokens = vocabulary.count_tokens(sequence)
    return f"longer than the {limit:,} {unit} this model's positions reach: {n_tokens:,} {unit}"
