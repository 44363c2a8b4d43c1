"""The model: it runs sequences packed end to end, with the reductions inside its forward.

transformers' attention interface gives every layer's q, k and v, positions applied, to the current pass (`interface`),
which reduces them and returns the output. There is no padding, and no map is kept beyond its tile.

Axis letters: `L` layers, `H` heads, `N` residues, `T = N + 2` tokens, `P` sequences in a pack, `S` head statistics.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from inspect import signature

import numpy as np
import torch
from torch import Tensor

from attlas.pipeline.attention.definitions import Pack, Reduction
from attlas.pipeline.attention.device_copy import copy_to_device
from attlas.pipeline.encoder.agreement import refuse_disagreement, refuse_ends
from attlas.pipeline.encoder.attention_maps import MapReader, install_hooks, taking_maps
from attlas.pipeline.encoder.compiled_layers import compile_layers
from attlas.pipeline.encoder.faster_parts import replace_parts
from attlas.pipeline.encoder.forward import Forward, PassFinished, SequenceAttention
from attlas.pipeline.encoder.guard import (
    N_NEIGHBOUR_RESIDUES,
    attend_eagerly,
    check_attention,
    check_compiled_layers,
    make_known_protein,
)
from attlas.pipeline.encoder.hidden_states import AddHidden, taking_hidden
from attlas.pipeline.encoder.inputs import TokenInput
from attlas.pipeline.encoder.interface import attending
from attlas.pipeline.encoder.loading import has_global_token, load_model
from attlas.pipeline.encoder.products import forget_inputs, split_model
from attlas.pipeline.encoder.reductions import choose_kernels, find_kernels
from attlas.pipeline.model.architectures import HOOKED, KERNELS
from attlas.pipeline.model.files import ModelFiles
from attlas.pipeline.model.positions import OFFSET_POSITIONS
from attlas.pipeline.model.precision import MIXED, SPLIT, find_attention_bound, refuse_old_gpu
from attlas.pipeline.model.vocabulary import read_vocabulary
from attlas.pipeline.plan import count_fitting_tokens
from attlas.schema import DeviceFault, EnvironmentFault, InputError
from attlas.schema.run import PLAIN


class Encoder:
    """A model in memory, ready to reduce the attention of sequences, and checked against its own eager attention.

    A thread holds `lock` while the packs of a shard begin: one shard at a time uses a GPU, while the results of another
    are waited for and its tables written. A thread may take it twice. Threads on a CPU compute side by side.

    Args:
        files: the files of the model.
        device: `cpu` or `cuda`.
        dtype: numbers of the weights, or `mixed`.
        theta: attention from which on a pair counts as an edge.
        attention: name of the kernels, as for `find_kernels`.
        products: products of matrices, as in `Run`.
        is_compiled: whether the layers are compiled on a GPU, which takes longer than a small build.

    Raises:
        EnvironmentFault: the weights do not fit the configuration; the tokenizer does not give each residue a token of
            its own, or does not belong to the weights (see `agreement`); the architecture's attention is not what is
            computed here (see `guard`); or the GPU is too old.
    """

    def __init__(
        self,
        files: ModelFiles,
        *,
        device: str,
        dtype: str,
        theta: float,
        attention: str = "tiled",
        products: str = PLAIN,
        is_compiled: bool = True,
    ) -> None:
        self.device = torch.device(device)
        self.theta = theta
        self.is_hooked = attention == HOOKED
        self.kernels = find_kernels(choose_kernels(attention, device), products)
        self.uses_triton = attention == KERNELS["cuda"]
        self.n_layers, self.n_heads = files.shape.n_layers, files.shape.n_heads
        self.max_residues = files.shape.max_residues
        self.is_mixed = dtype == MIXED
        self.attention_bound = find_attention_bound(dtype)
        self.gives_hidden = False
        """Whether hidden states have been used; from then on those of the known protein are compared, too."""
        self.fault: DeviceFault | None = None
        """The failure of the device, if it has failed; nothing that it computes is used afterwards."""
        self.fault_lock = threading.Lock()
        """Held while a receipt is published, so that none is while the device fails under another shard."""
        self.lock: AbstractContextManager[object] = threading.RLock() if self.device.type == "cuda" else nullcontext()

        if self.device.type == "cuda":
            refuse_old_gpu(torch.cuda.get_device_capability(self.device), dtype=dtype, products=products)

        self._load(files, torch.float32 if self.is_mixed else getattr(torch, dtype), attention)
        if self.is_hooked:
            self._install_hooks()

        # The model is compared with its own attention, which is computed by its own parts.
        eager = attend_eagerly(self)
        self._replace_parts(is_split=products == SPLIT)
        self.known_attention = check_attention(self, eager)
        """What the model computes of the known protein, for `check_known_protein`."""

        if self.device.type == "cuda" and self.uses_triton and is_compiled:
            compile_layers(self.model, self.n_layers)
            self.known_attention = check_compiled_layers(self)

    def _load(self, files: ModelFiles, weights: torch.dtype, attention: str) -> None:
        """Load the vocabulary and the model, and tell how the model counts positions and how much fits its device."""
        self.vocabulary = read_vocabulary(files)
        self.model = load_model(files, weights, is_hooked=self.is_hooked).to(self.device)
        self.hidden_ends = (not self.vocabulary.before, not self.vocabulary.after)
        if not self.is_hooked:
            refuse_ends(self.vocabulary, attention)

        self.filler = int(getattr(self.model.config, "pad_token_id", None) or 0)
        self.takes_positions = "position_ids" in signature(self.model.forward).parameters
        offset_positions = self.max_residues is not None and files.shape.architecture in OFFSET_POSITIONS
        self.first_position = (self.model.config.pad_token_id or 0) + 1 if offset_positions else 0
        refuse_disagreement(
            self.model,
            self.vocabulary,
            max_residues=self.max_residues,
            first_position=self.first_position,
            is_hooked=self.is_hooked,
        )

        self.fitting_tokens: int | None = None
        """Most tokens of several sequences that fit the device's memory at once; None where the plan's bound holds."""
        if self.device.type == "cuda":
            free = torch.cuda.mem_get_info(self.device)[0]
            self.fitting_tokens = count_fitting_tokens(free, files.shape, n_bytes=weights.itemsize)

    def _replace_parts(self, *, is_split: bool) -> None:
        """Replace parts of the model by faster ones; with `is_split`, let its linear layers multiply halves."""
        if not self.is_hooked and self.model.dtype == torch.float32:
            replace_parts(self.model, is_rotated=self.device.type == "cpu" and not self.is_mixed)

        if is_split:
            split_model(self.model)

    def encode(self, sequences: Sequence[str]) -> list[SequenceAttention]:
        """Run sequences through the model, packed end to end, and return the attention of each.

        The letters must be those of `proteins`: upper case, checked. The results do not depend on the other sequences
        of the pack, except for the last bits of the linear layers.
        """
        if self.is_hooked:
            return [attention for sequence in sequences for attention in self.start([sequence]).results()]
        return self.start(sequences).results()

    def start(
        self,
        sequences: Sequence[str],
        *,
        reduce: Reduction | None = None,
        theta: float | None = None,
        add_hidden: AddHidden | None = None,
        hidden_layers: Collection[int] | None = None,
    ) -> Forward:
        """Begin to run sequences, as `encode` does; on a GPU this returns as soon as the work is queued.

        Args:
            sequences: the sequences of one pack.
            reduce: the reduction; None takes that of the run.
            theta: attention from which on a pair counts as an edge; None takes that of the run.
            add_hidden: takes the output of layers (see `hidden_states`); None: the last layer is not finished.
            hidden_layers: the layers whose output it takes; None: all.

        Raises:
            EnvironmentFault: the model does not give its attention to the attention interface; or `add_hidden` takes
                an earlier layer, and the model's layers are not where those of transformers' encoders are.
        """
        forward = self._make_forward([len(sequence) + 2 for sequence in sequences], reduce, theta, add_hidden)
        if self.is_hooked:
            return self._run(forward, partial(self._run_alone, sequences, forward), add_hidden, hidden_layers)
        inputs = [self.make_input(sequence) for sequence in sequences]
        return self._run(forward, partial(self._run_pack, inputs, forward), add_hidden, hidden_layers)

    def start_inputs(
        self,
        inputs: Sequence[TokenInput],
        *,
        reduce: Reduction | None = None,
        theta: float | None = None,
        add_hidden: AddHidden | None = None,
        hidden_layers: Collection[int] | None = None,
    ) -> Forward:
        """Begin to run inputs of one pack, as `start` does with sequences.

        Raises:
            EnvironmentFault: as `start`; or the model is read by its own maps, which takes sequences alone.
        """
        if self.is_hooked:
            raise EnvironmentFault(
                "This model is read by its own maps, sequence by sequence: it does not take joined sequences.",
                hint="use ESM-2 or another encoder that supports attention backends",
            )
        forward = self._make_forward([len(tokens) for tokens in inputs], reduce, theta, add_hidden)
        return self._run(forward, partial(self._run_pack, inputs, forward), add_hidden, hidden_layers)

    def make_input(self, sequence: str) -> TokenInput:
        """Return the tokens of a sequence as the model reads them, between one before and one after it."""
        ids = self.vocabulary.framed_ids(sequence, filler=self.filler)
        # A filler in place of a begin token has no position: that of the first residue is the first.
        n_hidden = int(self.hidden_ends[0])
        return TokenInput(ids, np.maximum(np.arange(len(ids)) - n_hidden, 0))

    def _make_forward(
        self, n_tokens: Sequence[int], reduce: Reduction | None, theta: float | None, add_hidden: AddHidden | None
    ) -> Forward:
        """Return the forward pass of a pack of so many tokens, before its first layer."""
        return Forward(
            Pack(tuple(n_tokens), self.device),
            n_layers=self.n_layers,
            reduce=reduce or self.kernels.reduce,
            theta=self.theta if theta is None else theta,
            hidden_ends=self.hidden_ends,
            is_last_finished=add_hidden is not None,
            takes_key_groups=reduce is None and self.uses_triton,
        )

    def _run(
        self,
        forward: Forward,
        run: Callable[[], Tensor],
        add_hidden: AddHidden | None,
        hidden_layers: Collection[int] | None,
    ) -> Forward:
        """Run the model, which adds its layers to `forward`, and return `forward`. Raises as `start`."""
        try:
            with self.precision():
                if add_hidden is None:
                    run()
                else:
                    self.gives_hidden = True
                    layers = range(self.n_layers) if hidden_layers is None else hidden_layers
                    with taking_hidden(self.model, add_hidden, layers=layers, n_layers=self.n_layers):
                        last = run()
                    if self.n_layers - 1 in layers:
                        add_hidden(self.n_layers - 1, last)
                    forward.copy_to_host()
        except PassFinished:
            forward.copy_to_host()

        if len(forward.received) != self.n_layers:
            raise EnvironmentFault(
                "The model does not run its attention through transformers' attention interface.",
                expected=f"{self.n_layers} layers of attention",
                found=f"{len(forward.received)}",
                hint="use ESM-2 or another encoder that supports attention backends",
            )
        return forward

    def _run_pack(self, inputs: Sequence[TokenInput], forward: Forward) -> Tensor:
        """Run inputs end to end through the model, whose attention is that of `interface`.

        Returns its last hidden state, (1, sum of T, width), where the pass does not end before.
        """
        ids = torch.from_numpy(np.concatenate([tokens.ids for tokens in inputs]))
        keywords = {"input_ids": self._copy_to_device(ids)}
        if self.takes_positions:
            positions = torch.from_numpy(np.concatenate([tokens.positions for tokens in inputs]))
            keywords["position_ids"] = self._copy_to_device(positions + self.first_position)
        with attending(forward.add_layer):
            last_hidden: Tensor = self.model(**keywords)[0]
        return last_hidden

    def _run_alone(self, sequences: Sequence[str], forward: Forward) -> Tensor:
        """Run one sequence through the model with its own attention, of which hooks take the maps.

        Returns its last hidden state, (1, K, width) with tokens in the model's own order, where the pass does not end
        before.

        Raises:
            InputError: there are several sequences.
        """
        if len(sequences) != 1:
            raise InputError(
                "A model that is read by its own maps runs one sequence at a time.",
                expected="one sequence",
                found=f"{len(sequences)} sequences",
                hint="call `encode`, or cut packs of one sequence (`plan.choose_pack_tokens`)",
            )

        (sequence,) = sequences
        tokens = torch.from_numpy(self.vocabulary.token_ids(sequence))
        reader = MapReader(self.vocabulary, sequence, has_global_token=has_global_token(self.model.config))

        def add_map(attention: Tensor) -> None:
            forward.add_map(reader.read(attention, layer=len(forward.received)))

        with taking_maps(add_map):
            last_hidden: Tensor = self.model(input_ids=self._copy_to_device(tokens), output_attentions=True)[0]
        return last_hidden

    def _install_hooks(self) -> None:
        """Install the hooks that take the model's own maps. Raises EnvironmentFault, see `attention_maps`."""
        n_residues = min(N_NEIGHBOUR_RESIDUES, self.max_residues or N_NEIGHBOUR_RESIDUES)
        tokens = torch.from_numpy(self.vocabulary.token_ids(make_known_protein(n_residues)))
        with self.precision():
            install_hooks(self.model, self._copy_to_device(tokens), n_layers=self.n_layers)

    @contextmanager
    def precision(self) -> Iterator[None]:
        """Run the model without gradients, its matrix products in float16 where the run is mixed."""
        half = torch.autocast(self.device.type, torch.float16, enabled=self.is_mixed)
        with torch.inference_mode(), half:
            yield

    def limit_pack(self, pack_tokens: int) -> int:
        """Return the most tokens of a pack: those of the plan, or fewer where the device's memory holds fewer."""
        return min(pack_tokens, self.fitting_tokens or pack_tokens)

    def free_memory(self) -> None:
        """Give memory of a pass that broke off back to the device, before a smaller pack is tried."""
        forget_inputs(self.model)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _copy_to_device(self, tokens: Tensor) -> Tensor:
        """Return the tokens (1, sum of T) on the device."""
        return copy_to_device(tokens[None], self.device)
