"""Candidates gathered tile by tile, against whole maps: hubs cut, packs, tiles of every size, host and device."""

from functools import partial

import numpy as np
import pytest
import torch
from helpers.device_rows import gather_links_in_rows
from helpers.link_oracle import list_candidates

from attlas.pipeline.attention.attending import attend
from attlas.pipeline.attention.definitions import LayerInputs, Pack
from attlas.pipeline.attention.tiled import reduce_tiled
from attlas.pipeline.attention.tiles import Tile
from attlas.pipeline.links.choosing import HUB_LINKS, Links, choose_links
from attlas.pipeline.links.gathering import GatherLinks, StrongestWeights

pytestmark = pytest.mark.slow

N_HEADS, WIDTH, THETA, FLOOR = 3, 8, 0.3, 0.1


def projections(n_tokens: int, seed: int, sharpness: float = 1.5) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(N_HEADS, n_tokens, WIDTH, generator=generator) * sharpness for _ in range(3))


def as_weights(links: Links) -> dict:
    columns = (links.head_index // N_HEADS, links.head_index % N_HEADS, links.i, links.j)
    return dict(zip(zip(*(column.tolist() for column in columns), strict=True), links.weight, strict=True))


def gather(pack: Pack, seed: int, *, n_layers: int = 1, floor: float = FLOOR) -> list[Links | None]:
    links = GatherLinks(floor=floor, per_residue=5, n_layers=n_layers)
    for layer in range(n_layers):
        q, k, _ = projections(sum(pack.n_tokens), seed + layer)
        links(LayerInputs(q, k, None, pack=pack, scaling=1.0), theta=THETA)
    return links.candidates()


def capture_maps(pack: Pack, q: torch.Tensor, k: torch.Tensor) -> list[np.ndarray]:
    """Return the map of each sequence, (H, T, T), of the very weights that a reduction is given."""
    maps = [np.zeros((len(q), n, n), np.float32) for n in pack.n_tokens]

    def add(tile: torch.Tensor, at: Tile) -> None:
        maps[at.sequence][at.heads, at.first_row : at.first_row + tile.shape[1]] = tile.numpy()

    attend(LayerInputs(q, k, None, pack=pack, scaling=1.0), add=add)
    return maps


@pytest.mark.parametrize("lengths", [(1,), (2,), (30,), (12, 1, 57), (200,)])
@pytest.mark.parametrize("floor", [FLOOR, 1e-4])
def test_the_candidates_are_those_of_whole_maps(lengths: tuple[int, ...], floor: float) -> None:
    pack = Pack(tuple(n + 2 for n in lengths), torch.device("cpu"))
    q, k, _ = projections(sum(pack.n_tokens), seed=sum(lengths))
    candidates = gather(pack, seed=sum(lengths), floor=floor)
    for attention, links in zip(capture_maps(pack, q, k), candidates, strict=True):
        maps = {(0, head): attention[head, 1:-1, 1:-1] for head in range(N_HEADS)}
        assert as_weights(links) == list_candidates(maps, floor)


def test_of_a_hub_the_strongest_stay_and_of_equal_ones_those_of_the_lower_query() -> None:
    tile = torch.zeros(1, 12, 12)
    tile[0, :, 4] = torch.tensor([0.9, 0.2, 0.5, 0.2, 0.9, 0.7, 0.2, 0.2, 0.8, 0.05, 0.2, 0.9])
    strongest = StrongestWeights(1, 12)
    for first_row in (0, 5):
        rows = tile[:, :5] if first_row == 0 else tile[:, 5:]
        at = Tile(0, slice(0, 1), slice(0, 12), first_row)
        assert strongest.add_tile(rows.contiguous(), at, floor=np.float32(0.1))
    links = strongest.list_links(slice(0, 12), layer=0)
    # Not from <cls> and <eos>, 0 and 11, nor from the residue itself, 4.
    expected = {8: 0.8, 5: 0.7, 2: 0.5, 1: 0.2, 3: 0.2}
    assert dict(zip(links.i.tolist(), links.weight, strict=True)) == {i: np.float32(w) for i, w in expected.items()}
    assert set(links.j.tolist()) == {4}


@pytest.mark.parametrize("n_rows", [1, 7, 40])
def test_a_tile_of_a_device_gives_the_candidates_of_a_tile_of_the_host(n_rows: int) -> None:
    rng = np.random.default_rng(3)
    attention = torch.from_numpy(rng.choice(np.linspace(0, 0.5, 9), (N_HEADS, 40, 40)).astype(np.float32))
    of_host, of_device = StrongestWeights(N_HEADS, 43), StrongestWeights(N_HEADS, 43)
    for first_row in range(0, 40, n_rows):
        tile = attention[:, first_row : first_row + n_rows].contiguous()
        at = Tile(0, slice(0, N_HEADS), slice(3, 43), first_row)
        assert of_host.add_tile(tile, at, floor=np.float32(FLOOR))
        assert of_device.add_tile_of_device(tile, at, floor=np.float32(FLOOR))
    assert (of_host.weights > 0).sum() == N_HEADS * 38 * HUB_LINKS
    np.testing.assert_array_equal(of_host.weights, of_device.weights)
    np.testing.assert_array_equal(of_host.queries, of_device.queries)


@pytest.mark.parametrize("n_elements", [1, 1_000, 1 << 26])
def test_tiles_of_rows_as_on_a_gpu_give_the_same_candidates(n_elements: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = Pack((62, 3, 30), torch.device("cpu"))
    tiled = gather(pack, seed=4)
    gather_links_in_rows(monkeypatch, tile_elements=n_elements)
    for by_tiles, by_rows in zip(tiled, gather(pack, seed=4), strict=True):
        by_tiles, by_rows = as_weights(by_tiles), as_weights(by_rows)
        different = {link: (by_tiles | by_rows)[link] for link in set(by_tiles) ^ set(by_rows)}
        assert all(weight == pytest.approx(FLOOR, abs=1e-5) for weight in different.values())
        assert [by_tiles[link] for link in by_tiles] == pytest.approx(
            [by_rows.get(link, by_tiles[link]) for link in by_tiles], abs=1e-5
        )


def test_the_output_is_that_of_the_build() -> None:
    pack = Pack((40, 102, 7), torch.device("cpu"))
    q, k, v = projections(149, seed=3)
    links = GatherLinks(floor=FLOOR, per_residue=5, n_layers=1)
    output = links(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA).output
    torch.testing.assert_close(output, reduce_tiled(LayerInputs(q, k, v, pack=pack, scaling=1.0), theta=THETA).output)


def test_layers_are_counted_and_thinning_between_them_changes_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    pack = Pack((42, 12), torch.device("cpu"))
    whole = gather(pack, seed=9, n_layers=6)
    monkeypatch.setattr("attlas.pipeline.links.gathering.THIN_FACTOR", 1)
    thinned = gather(pack, seed=9, n_layers=6)
    choose = partial(choose_links, per_residue=1, theta=THETA)
    for n, of_whole, of_thinned in zip((40, 10), whole, thinned, strict=True):
        assert set(of_whole.head_index // N_HEADS) == set(range(6))
        assert len(of_thinned) < len(of_whole) or n == 10
        assert as_weights(choose(of_thinned, n_residues=n)) == as_weights(choose(of_whole, n_residues=n))


@pytest.mark.parametrize("on_device", [False, True])
def test_a_sequence_whose_attention_is_not_finite_has_no_candidates(
    on_device: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if on_device:
        gather_links_in_rows(monkeypatch)
    pack = Pack((12, 20), torch.device("cpu"))
    q, k, _ = projections(32, seed=1)
    q[1, 5] = torch.nan
    links = GatherLinks(floor=FLOOR, per_residue=5, n_layers=1)
    links(LayerInputs(q, k, None, pack=pack, scaling=1.0), theta=THETA)
    candidates_a, candidates_b = links.candidates()
    assert candidates_a is None
    assert len(candidates_b) > 0
