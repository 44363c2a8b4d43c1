"""The draft of a pass over pairs: forms, orders, what becomes of every line, shards. It needs no model in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from attlas.pipeline.annotate.check import Proteins
from attlas.pipeline.pairs.joining import ORDERS, Form, Order
from attlas.pipeline.pairs.memory import predict_pair_bytes
from attlas.pipeline.pairs.pair_list import PairList
from attlas.pipeline.pairs.planning import PairLimits, PlannedPairs, plan_pairs
from attlas.pipeline.pairs.settings import PairSettings
from attlas.pipeline.pairs.shards import cut_pair_shards
from attlas.pipeline.pairs.supported_forms import PairModel, choose_forms
from attlas.pipeline.plan import Shard


@dataclass(frozen=True)
class PairDraft:
    """What a pass over pairs is to compute."""

    forms: tuple[Form, ...]
    orders: tuple[Order, ...]
    planned: PlannedPairs
    shards: tuple[Shard, ...]
    """Shards whose `sequence_id` counts pairs: it is the `pair_id`."""
    model: PairModel

    @property
    def n_inputs(self) -> int:
        """Return the inputs of a pair."""
        return len(self.forms) * len(self.orders)


def draft_pairs(listed: PairList, proteins: Proteins, model: PairModel, settings: PairSettings) -> PairDraft:
    """Return the draft of a pass over the pairs of a list.

    Raises:
        InputError: a form is unknown, or not for the model.
        EnvironmentFault: the model does not read joined sequences.
    """
    forms = choose_forms(settings.forms, model)
    orders = ORDERS if settings.order == "both" else ORDERS[:1]
    limits = PairLimits(forms, settings.max_length, model.shape.max_residues)
    planned = plan_pairs(listed, proteins, limits)

    predict = partial(
        predict_pair_bytes,
        shape=model.shape,
        forms=forms,
        n_orders=len(orders),
        pack_tokens=model.pack_tokens,
        per_residue=settings.per_residue,
    )

    def predict_bytes(_: Shard, lengths: Sequence[int]) -> int:
        return predict(lengths)

    shards = cut_pair_shards(
        [pair.length for pair in planned.computed],
        model,
        forms=forms,
        n_inputs=len(forms) * len(orders),
        predict_bytes=predict_bytes,
    )
    return PairDraft(forms, orders, planned, tuple(shards), model)
