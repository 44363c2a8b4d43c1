"""The limits of a server: sizes and times above which a request is refused, with a sentence that says so."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """The limits of one request, and how many requests may wait."""

    url_characters: int = 8_000
    """Longest address (path and query), as it is sent."""
    body_bytes: int = 2_000_000
    """Largest body of a request; a batch of ids needs about 20 bytes each."""
    body_s: float = 20.0
    """Seconds within which a body has to arrive."""
    send_s: float = 60.0
    """Seconds that a client may take to receive a piece of an answer; for the whole, its size adds to them."""
    send_bytes_per_s: int = 100_000
    """Bytes that a client must receive each second; a slower client is given up after `send_s`."""
    batch_ids: int = 10_000
    """Most ids of a batch."""
    page_rows: int = 1_000
    """Most proteins of one page of the list."""
    answer_bytes: int = 1_000_000_000
    """Largest file that a question, a query or an export may make."""
    pending_bytes: int = 4_000_000_000
    """Most bytes of all answers that clients have not received yet; above, questions are asked to come again."""
    query_s: float = 60.0
    """Seconds that a question or a query may take; then its process is killed."""
    export_s: float = 900.0
    """Seconds that an export or the report may take."""
    n_workers: int = 2
    """Processes that answer questions; a query has a process to itself."""
    n_waiting: int = 16
    """Requests that may wait for such a process; others are asked to come again."""
    structure_bytes: int = 5_000_000
    """Largest structure file that is drawn, unpacked; AlphaFold's models have 3 MB at most."""
    n_structures: int = 2
    """Structure files that are read at a time; others wait."""
    long_protein_residues: int = 5_000
    """Residues from which on all data of a protein go to only a few clients at a time."""
    n_long_proteins: int = 2
    """Clients that may receive all data of a long protein at a time."""
    long_protein_s: float = 5.0
    """Seconds that other clients wait for their turn; then they are asked to come again."""
    n_connections: int = 200
    """Connections at a time; others are asked to come again."""
