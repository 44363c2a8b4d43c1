"""How the pairs of an atlas were joined; nulls are joined in the same way."""

from dataclasses import dataclass

import pyarrow.parquet as pq

from attlas.pipeline.pairs.joining import DEFAULT_GAP, FORMS, ORDERS, Form, Order
from attlas.schema import PAIRS, AtlasPaths, Computation, Manifest


@dataclass(frozen=True)
class PairJoining:
    """The forms and orders of joined inputs."""

    forms: tuple[Form, ...]
    orders: tuple[Order, ...]
    gap: int
    """Positions without letters, in the form `gap`."""


def read_joining(paths: AtlasPaths, manifest: Manifest) -> PairJoining:
    """Return how the pairs of an atlas were joined, as the table `pairs` says."""
    file = manifest.of_table(PAIRS)[0]
    settings = Computation.parse(PAIRS, pq.read_schema(paths.root / file.path).metadata).settings
    forms, orders = (str(settings.get(name)).split() for name in ("forms", "orders"))
    gap = settings.get("gap")
    return PairJoining(
        forms=tuple(form for form in FORMS if form in forms),
        orders=tuple(order for order in ORDERS if order in orders),
        gap=DEFAULT_GAP if gap is None else int(str(gap)),
    )
