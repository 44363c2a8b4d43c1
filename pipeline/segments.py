"""The ten segments of a protein, as protloc-mex-x cuts them. Pure."""

from itertools import pairwise

N_SEGMENTS = 10


def cut_segments(n_residues: int) -> list[slice]:
    """Return the residues of each segment as slices of positions from 1.

    With S, R = divmod(N, 10), the first R segments have S + 1 residues and the others S: the last ones of a protein of
    fewer than ten residues are empty.
    """
    size, n_longer = divmod(n_residues, N_SEGMENTS)
    ends = [size * number + min(number, n_longer) + 1 for number in range(N_SEGMENTS + 1)]
    return [slice(begin, end) for begin, end in pairwise(ends)]
