"""The parts of a shard: interrupted anywhere, a shard is taken up after its last closed part, and its bytes agree."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from helpers.architectures import load
from helpers.building import digests, random_proteins, write_fasta
from helpers.command_line import Run
from helpers.known_protein import KNOWN_PROTEIN
from helpers.shard_case import ShardCase, list_parts, plan_one_shard

from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.shard_parts import count_closed_sequences, remove_failed_parts, remove_finished_parts
from attlas.pipeline.workers.deadly import find_deadly_sequences_of
from attlas.pipeline.workers.trial import PackTrial
from attlas.schema import DeviceFault, EnvironmentFault

pytestmark = pytest.mark.slow

LENGTHS = [20, 24, 28, 32, 36, 40, 44, 48, 52, 90]
PACK_TOKENS = 100

Interrupt = Callable[[int], None]


@pytest.fixture(scope="module")
def encoder(tiny_esm: Path) -> Encoder:
    return load(tiny_esm)


@pytest.fixture(scope="module")
def case(tiny_esm: Path, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> ShardCase:
    folder = tmp_path_factory.mktemp("parts")
    fasta = write_fasta(folder / "in.fasta", random_proteins(LENGTHS))
    planned = folder / "planned"
    plan = plan_one_shard(fasta, planned, tiny_esm)
    shard = plan.shards[0]
    assert (shard.n_sequences, shard.n_residues) == (len(LENGTHS), sum(LENGTHS))

    case = ShardCase(planned, replace(plan, pack_tokens=PACK_TOKENS), {})
    whole = case.copy(folder / "whole")
    case.encode(whole, encoder, n_residues=10_000, n_sequences=100)
    return replace(case, expected=digests(whole.root))


@dataclass
class Watch:
    """The packs that began on an encoder."""

    packs: list[list[str]]


@pytest.fixture
def watch(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watch]:
    """Return a function that counts the packs of an encoder from now on and calls another before each of them."""
    start = encoder.start

    def begin(before: Interrupt = lambda n_packs: None) -> Watch:
        watched = Watch([])

        def start_watched(pack: list[str], **options: object) -> object:
            if KNOWN_PROTEIN not in pack:
                before(len(watched.packs))
                watched.packs.append(list(pack))
            return start(pack, **options)

        monkeypatch.setattr(encoder, "start", start_watched)
        return watched

    return begin


def interrupt_at(n_packs: int) -> Interrupt:
    def interrupt(n_begun: int) -> None:
        if n_begun == n_packs:
            raise KeyboardInterrupt

    return interrupt


def test_interrupted_at_every_border_of_packs_a_shard_is_taken_up_there_and_its_bytes_are_the_same(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    whole = watch()
    paths = case.copy(tmp_path / "uninterrupted")
    case.encode(paths, encoder)
    case.assert_finished(paths)
    assert len(whole.packs) == 6

    for n_packs in range(len(whole.packs)):
        paths = case.copy(tmp_path / f"interrupted-{n_packs}")
        watch(interrupt_at(n_packs))
        with pytest.raises(KeyboardInterrupt):
            case.encode(paths, encoder)
        assert len(list_parts(paths)) == n_packs
        assert not paths.receipt(1).exists()

        again = watch()
        case.encode(paths, encoder)
        assert again.packs == whole.packs[n_packs:]
        case.assert_finished(paths)


def test_parts_of_any_limits_are_taken_up_by_others(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    paths = case.copy(tmp_path / "atlas")
    watch(interrupt_at(3))
    with pytest.raises(KeyboardInterrupt):
        case.encode(paths, encoder)
    again = watch()
    case.encode(paths, encoder, n_residues=10_000, n_sequences=100)
    assert len(again.packs) == 3
    case.assert_finished(paths)


@pytest.mark.parametrize("damage", ["changed", "shorter", "gone", "record"])
def test_what_follows_a_damaged_part_is_computed_again(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path, damage: str
) -> None:
    paths = case.copy(tmp_path / "atlas")
    watch(interrupt_at(5))
    with pytest.raises(KeyboardInterrupt):
        case.encode(paths, encoder)

    record = list_parts(paths)[1]
    rows = record.with_name(f"{record.stem}-heads.arrow")
    data = rows.read_bytes()
    if damage == "changed":
        rows.write_bytes(data[:99] + bytes([data[99] ^ 1]) + data[100:])
    elif damage == "shorter":
        rows.write_bytes(data[:-1])
    elif damage == "gone":
        rows.unlink()
    else:
        record.write_text(record.read_text()[:-20])

    again = watch()
    case.encode(paths, encoder)
    assert len(again.packs) == 5
    case.assert_finished(paths)


def test_parts_of_another_plan_or_of_other_packs_are_not_taken_up(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    paths = case.copy(tmp_path / "atlas")
    smaller_packs = replace(case.plan, pack_tokens=60)
    same_id = replace(smaller_packs, pack_tokens=60)
    object.__setattr__(same_id, "plan_id", case.plan.plan_id)
    for plan in (smaller_packs, same_id):
        watch(interrupt_at(1))
        with pytest.raises(KeyboardInterrupt):
            replace(case, plan=plan).encode(paths, encoder)
    assert len(list_parts(paths)) == 2

    again = watch()
    case.encode(paths, encoder)
    assert len(again.packs) == 6
    case.assert_finished(paths)


def test_two_processes_that_compute_a_shard_at_once_never_mix_their_parts(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    """The slower of them finds its parts gone, and returns the receipt of the other."""
    paths = case.copy(tmp_path / "atlas")
    receipts = []

    def finish_meanwhile(n_begun: int) -> None:
        if n_begun == 4:
            watch()
            receipts.append(case.encode(paths, encoder, n_residues=150, n_sequences=100))

    watch(finish_meanwhile)
    receipts.append(case.encode(paths, encoder))
    assert receipts[0] == receipts[1]
    case.assert_finished(paths)


def test_parts_that_vanish_without_a_receipt_are_an_error_that_says_what_to_do(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    paths = case.copy(tmp_path / "atlas")
    watch(lambda n_begun: shutil.rmtree(paths.parts) if n_begun == 4 else None)
    with pytest.raises(EnvironmentFault, match="Parts of shard 1 were removed while it was computed"):
        case.encode(paths, encoder)
    assert not paths.receipt(1).exists()


def test_a_part_is_closed_only_on_a_device_that_passes_the_known_protein(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = case.copy(tmp_path / "atlas")
    with monkeypatch.context() as patched:
        patched.setattr(encoder, "known_attention", replace(encoder.known_attention))
        patched.setattr(encoder, "fault", None)

        def spoil(n_begun: int) -> None:
            if n_begun == 2:
                encoder.known_attention = replace(
                    encoder.known_attention, received=encoder.known_attention.received * 2
                )

        watch(spoil)
        with pytest.raises(DeviceFault, match="does not work as it did"):
            case.encode(paths, encoder)
        assert len(list_parts(paths)) == 2
        assert not paths.receipt(1).exists()

    again = watch()
    case.encode(paths, encoder)
    assert len(again.packs) == 4
    case.assert_finished(paths)


def test_parts_that_a_process_killed_after_its_receipt_left_are_removed_and_others_stay(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    paths = case.copy(tmp_path / "atlas")
    watch(interrupt_at(2))
    with pytest.raises(KeyboardInterrupt):
        case.encode(paths, encoder)
    other = shutil.copytree(paths.parts / "shard-00001", paths.parts / "shard-00002")
    paths.receipts.mkdir()
    paths.receipt(2).write_text("{}")

    remove_finished_parts(paths)
    assert not other.exists()
    assert len(list_parts(paths)) == 2


def test_parts_with_failed_sequences_are_computed_again_where_that_is_asked_for(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = case.copy(tmp_path / "atlas")
    packs = watch().packs
    case.encode(case.copy(tmp_path / "uninterrupted"), encoder)
    start = encoder.start

    def fail_or_interrupt(pack: list[str], **options: object) -> object:
        if packs[1][0] in pack:
            raise RuntimeError("CUDA out of memory")
        if packs[4][0] in pack:
            raise KeyboardInterrupt
        return start(pack, **options)

    with monkeypatch.context() as patched:
        patched.setattr(encoder, "start", fail_or_interrupt)
        with pytest.raises(KeyboardInterrupt):
            case.encode(paths, encoder)
    records = [json.loads(path.read_text()) for path in list_parts(paths)]
    assert [record["n_failed"] for record in records] == [0, 1, 0, 0]

    remove_failed_parts(paths)
    packs.clear()
    case.encode(paths, encoder)
    assert len(packs) == 5
    case.assert_finished(paths)


def test_sequences_that_end_their_process_are_looked_for_behind_the_closed_parts(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = case.copy(tmp_path / "atlas")
    packs = watch().packs
    case.encode(case.copy(tmp_path / "uninterrupted"), encoder)
    watch(interrupt_at(4))
    with pytest.raises(KeyboardInterrupt):
        case.encode(paths, encoder)

    tried: list[list[str]] = []

    def run_packs(root: str, n_threads: int, waiting: list[dict[int, str]], begin: object) -> PackTrial:
        tried.extend(list(pack.values()) for pack in waiting)
        return PackTrial(len(waiting), has_begun=False, cause="")

    monkeypatch.setattr("attlas.pipeline.workers.runners.load_plan_and_model", lambda *_: (paths, case.plan, encoder))
    monkeypatch.setattr("attlas.pipeline.workers.deadly.run_packs", run_packs)
    assert find_deadly_sequences_of(str(paths.root), 1, 1) == {}
    assert tried == packs[4:]


def test_status_counts_the_sequences_of_half_finished_shards(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], attlas: Run, tmp_path: Path
) -> None:
    paths = case.copy(tmp_path / "atlas")
    watched = watch(interrupt_at(3))
    with pytest.raises(KeyboardInterrupt):
        case.encode(paths, encoder)
    n_sequences = sum(map(len, watched.packs))
    status = attlas("status", paths.root)
    assert status.out.splitlines()[-1] == f"             {n_sequences} more in shards that are half-finished"
    assert json.loads(attlas("status", paths.root, "--json").out)["n_sequences_in_parts"] == n_sequences

    # The parts of two processes overlap; what is behind a gap does not count.
    (part,) = (path for path in list_parts(paths) if path.name.startswith("0000000000-"))
    for begin, end in ((1, 4), (n_sequences + 1, n_sequences + 2)):
        shutil.copy(part, part.with_name(f"{begin:010d}-{end:010d}-0.json"))
    assert count_closed_sequences(paths) == n_sequences
    paths.receipts.mkdir()
    paths.receipt(1).write_text("{}")
    assert count_closed_sequences(paths) == 0
