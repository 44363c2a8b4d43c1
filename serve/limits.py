"""The limits of a server: sizes and times beyond which a request is refused with a sentence."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What one request may take, and how many may wait."""

    url_characters: int = 8_000
    """Longest path with its query, as it is sent."""
    body_bytes: int = 2_000_000
    """Largest body of a request; a batch of ids needs about 20 bytes each."""
    body_s: float = 20.0
    """Seconds within which a body has to arrive."""
    send_s: float = 60.0
    """Seconds that a client may take to receive a piece of an answer; and all of it, beside what its size allows."""
    send_bytes_per_s: int = 100_000
    """Bytes that a client receives in a second, at least: a slower one is given up after `send_s`."""
    batch_ids: int = 10_000
    """Most ids of a batch."""
    page_rows: int = 1_000
    """Most proteins of one page of the list."""
    answer_bytes: int = 1_000_000_000
    """Largest file that a question, a query or an export may make."""
    pending_bytes: int = 4_000_000_000
    """Bytes of all answers that clients have not received yet: beyond, questions are told to come again."""
    query_s: float = 60.0
    """Seconds that a question or a query may take; then its process is killed."""
    export_s: float = 900.0
    """Seconds that an export or the report may take."""
    n_workers: int = 2
    """Processes that answer questions; a query has a process to itself."""
    n_waiting: int = 16
    """Requests that may wait for such a process; more are told to come again."""
    structure_bytes: int = 5_000_000
    """Largest structure file that is drawn, unpacked; AlphaFold's models have 3 MB at most."""
    n_structures: int = 2
    """Structure files that are read at a time; others wait."""
    long_protein_residues: int = 5_000
    """Length from which on all of a protein is answered to a few clients at a time."""
    n_long_proteins: int = 2
    """How many these are."""
    long_protein_s: float = 5.0
    """Seconds that others wait for their turn; then they are told to come again."""
    n_connections: int = 200
    """Connections at a time; more are told to come again."""
