"""`Service`: what every route uses: the atlas in its current edition, the workers and the limits."""

from dataclasses import dataclass, field

from attlas.queries.page.structure_folder import NO_STRUCTURE, ProteinStructure, StructureFolder
from attlas.serve.current_atlas import CurrentAtlas
from attlas.serve.limits import Limits
from attlas.serve.long_proteins import LongProteins
from attlas.serve.traffic import Traffic
from attlas.serve.worker_pool import WorkerPool


@dataclass(frozen=True)
class Service:
    """An atlas with the processes that answer long questions about it."""

    current: CurrentAtlas
    pool: WorkerPool
    limits: Limits
    long_proteins: LongProteins
    has_sql: bool
    """Whether users may write their own SQL."""
    place: str
    """Name of the atlas in the command lines on the pages: its directory or URL."""
    structures: StructureFolder | None = None
    """The folder of the structures to draw; None: those that the atlas is annotated with."""
    traffic: Traffic = field(default_factory=Traffic)

    def find_structure(self, accession: str) -> ProteinStructure:
        """Return the structure of a protein in the folder of structures."""
        return NO_STRUCTURE if self.structures is None else self.structures.find(accession)

    def close(self) -> None:
        """End the workers and close the files."""
        self.pool.close()
        self.current.close()
