"""The two nulls of a pair: its partner swapped for that of another pair, and the letters of both chains shuffled.

Nobody has shown that swapped partners do not bind: the contacts between the two are unknown, and each is judged on the
interface with its own partner. Shuffled chains have the letters of the pair in another order, and its contacts.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SizedPair:
    """A pair with what decides which partner it gets as a swapped one."""

    pair_id: int
    group: int | str
    """Its homology group."""
    partner_length: int
    """Residues of its partner."""


def swap_partners(pairs: Sequence[SizedPair]) -> dict[int, int]:
    """Return, for each pair, the pair whose partner takes the place of its own.

    It is the pair of another homology group whose partner is closest in length; of equally close ones the one that was
    taken least often so far, then the lowest `pair_id`. Where all pairs are of one group, none has another partner.
    """
    n_taken = dict.fromkeys((pair.pair_id for pair in pairs), 0)
    swapped: dict[int, int] = {}
    for pair in sorted(pairs, key=lambda pair: pair.pair_id):
        # The lowest tuple wins: difference in length, how often it was taken, `pair_id`.
        candidates = [
            (abs(candidate.partner_length - pair.partner_length), n_taken[candidate.pair_id], candidate.pair_id)
            for candidate in pairs
            if candidate.group != pair.group
        ]
        if candidates:
            *_, closest_id = min(candidates)
            n_taken[closest_id] += 1
            swapped[pair.pair_id] = closest_id

    return swapped


def shuffle_letters(sequence: str, *, seed: int, name: str) -> str:
    """Return the letters of a sequence in an order that follows from seed and name, the same on every machine."""
    digest = hashlib.sha256(f"{seed}\t{name}\t{sequence}".encode()).digest()
    letters = list(sequence)
    random.Random(int.from_bytes(digest[:8])).shuffle(letters)
    return "".join(letters)
