"""The parts of a shard: interrupted anywhere, a shard is taken up after its last closed part, and its bytes agree."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from helpers.building import digests, leftovers, random_proteins, write_fasta
from helpers.command_line import Run

from attlas.pipeline import part_limits
from attlas.pipeline.build import make_plan
from attlas.pipeline.drafting import Options, draft_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.encoder.forward import Forward
from attlas.pipeline.encoder.guard import N_KNOWN_RESIDUES, make_known_protein
from attlas.pipeline.lock import hold_lock
from attlas.pipeline.model.files import find_model
from attlas.pipeline.part_limits import PartLimits, cut_parts, fill_part
from attlas.pipeline.plan import Plan
from attlas.pipeline.shard import encode_shard
from attlas.pipeline.shard_parts import count_closed_sequences, remove_failed_parts, remove_finished_parts
from attlas.pipeline.workers import deadly, runners
from attlas.pipeline.workers.trial import Pack, PackTrial
from attlas.schema import AtlasPaths, DeviceFault, EnvironmentFault, Receipt

pytestmark = pytest.mark.slow

LENGTHS = [20, 24, 28, 32, 36, 40, 44, 48, 52, 90]
PACK_TOKENS = 100
A_PART_A_PACK = PartLimits(n_residues=1, n_sequences=1)
KNOWN_PROTEIN = make_known_protein(N_KNOWN_RESIDUES)

Interrupt = Callable[[int], None]


@pytest.fixture(scope="module")
def encoder(tiny_esm: Path) -> Encoder:
    return Encoder(find_model(str(tiny_esm)), device="cpu", dtype="float32", theta=0.3)


@dataclass
class ShardCase:
    """A plan of one shard and of several packs, and the files that an uninterrupted process makes of it."""

    planned: Path
    plan: Plan
    expected: dict[str, str]

    def copy(self, folder: Path) -> AtlasPaths:
        """Return a copy of the planned atlas, of which nothing is computed yet."""
        return AtlasPaths(shutil.copytree(self.planned, folder))

    def encode(self, paths: AtlasPaths, encoder: Encoder, *, limits: PartLimits = A_PART_A_PACK) -> Receipt:
        return encode_shard(paths, self.plan, self.plan.shards[0], encoder, limits=limits)


@pytest.fixture(scope="module")
def case(tiny_esm: Path, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> ShardCase:
    folder = tmp_path_factory.mktemp("parts")
    fasta = write_fasta(folder / "in.fasta", random_proteins(LENGTHS))
    planned = folder / "planned"
    plan = make_plan(draft_plan(str(fasta), Options(str(tiny_esm), device="cpu")), AtlasPaths(planned))
    assert len(plan.shards) == 1

    case = ShardCase(planned, replace(plan, pack_tokens=PACK_TOKENS), {})
    whole = case.copy(folder / "whole")
    case.encode(whole, encoder, limits=PartLimits(n_residues=10_000, n_sequences=100))
    case.expected = digests(whole.root)
    return case


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

        def start_watched(pack: list[str], **options: object) -> Forward:
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


def list_parts(paths: AtlasPaths) -> list[Path]:
    return sorted(paths.parts.rglob("*.json"))


def assert_finished(case: ShardCase, paths: AtlasPaths) -> None:
    assert digests(paths.root) == case.expected
    assert not paths.parts.exists()
    assert leftovers(paths.root) == []
    receipt = Receipt.read(paths.receipt(1))
    assert (receipt.n_sequences, receipt.n_failed, receipt.n_residues) == (len(LENGTHS), 0, sum(LENGTHS))


def test_interrupted_at_every_border_of_packs_a_shard_is_taken_up_there_and_its_bytes_are_the_same(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    whole = watch()
    case.encode(case.copy(tmp_path / "uninterrupted"), encoder)
    assert_finished(case, AtlasPaths(tmp_path / "uninterrupted"))
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
        assert_finished(case, paths)


def test_parts_of_any_limits_are_taken_up_by_others(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    paths = case.copy(tmp_path / "atlas")
    watch(interrupt_at(3))
    with pytest.raises(KeyboardInterrupt):
        case.encode(paths, encoder)
    again = watch()
    case.encode(paths, encoder, limits=PartLimits(n_residues=10_000, n_sequences=100))
    assert len(again.packs) == 3
    assert_finished(case, paths)


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
    assert_finished(case, paths)


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
            encode_shard(paths, plan, plan.shards[0], encoder, limits=A_PART_A_PACK)
    assert len(list_parts(paths)) == 2

    again = watch()
    case.encode(paths, encoder)
    assert len(again.packs) == 6
    assert_finished(case, paths)


def test_two_processes_that_compute_a_shard_at_once_never_mix_their_parts(
    case: ShardCase, encoder: Encoder, watch: Callable[..., Watch], tmp_path: Path
) -> None:
    """The slower of them finds its parts gone, and returns the receipt of the other."""
    paths = case.copy(tmp_path / "atlas")
    receipts = []

    def finish_meanwhile(n_begun: int) -> None:
        if n_begun == 4:
            watch()
            receipts.append(case.encode(paths, encoder, limits=PartLimits(n_residues=150, n_sequences=100)))

    watch(finish_meanwhile)
    receipts.append(case.encode(paths, encoder))
    assert receipts[0] == receipts[1]
    assert_finished(case, paths)


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
    assert_finished(case, paths)


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

    def fail_or_interrupt(pack: list[str], **options: object) -> Forward:
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
    assert_finished(case, paths)


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

    def run_packs(root: str, n_threads: int, waiting: list[Pack], begin: object) -> PackTrial:
        tried.extend(list(pack.values()) for pack in waiting)
        return PackTrial(len(waiting), has_begun=False, cause="")

    monkeypatch.setattr(runners, "load_plan_and_model", lambda *_: (paths, case.plan, encoder))
    monkeypatch.setattr(deadly, "run_packs", run_packs)
    assert deadly.find_deadly_sequences_of(str(paths.root), 1, 1) == {}
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


def test_a_part_takes_packs_until_it_is_full_or_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    packs, lengths = [slice(0, 2), slice(2, 4), slice(4, 5), slice(5, 9)], [10] * 9
    times = iter([0.0, 10.0, 50.0, 70.0])
    monkeypatch.setattr(part_limits.time, "perf_counter", lambda: next(times))
    assert list(fill_part(packs, lengths, PartLimits(1_000, 1_000, seconds=45))) == packs[:2]
    monkeypatch.undo()
    assert list(fill_part(packs, lengths, PartLimits(40, 1_000))) == packs[:2]
    assert list(fill_part(packs, lengths, PartLimits(1_000, 5))) == packs[:3]
    assert list(fill_part(packs, lengths, PartLimits(1, 1))) == packs[:1]
    assert list(fill_part(packs, lengths, PartLimits(90, 9))) == packs


def test_parts_of_a_pass_hold_every_sequence_once_within_both_limits() -> None:
    lengths = [3, 3, 3, 4, 5, 20, 1]
    assert list(cut_parts(lengths, PartLimits(9, 2))) == [
        slice(0, 2), slice(2, 4), slice(4, 5), slice(5, 6), slice(6, 7),
    ]  # fmt: skip


KILL_ANYWHERE = """
import os, shutil, signal, sys
from pathlib import Path

import torch

from attlas.pipeline.directory import read_plan
from attlas.pipeline.encoder.encoder import Encoder
from attlas.pipeline.model.files import find_model
from attlas.pipeline.part_limits import PartLimits
from attlas.pipeline.shard import encode_shard
from attlas.pipeline import shard_parts
from attlas.schema import AtlasPaths, publish

planned, model, root = map(Path, sys.argv[1:])
torch.set_num_threads(1)  # a process with threads of torch could not be forked
encoder = Encoder(find_model(str(model)), device="cpu", dtype="float32", theta=0.3)


def encode(out):
    paths = AtlasPaths(out)
    plan = read_plan(paths)
    encode_shard(paths, plan, plan.shards[0], encoder, limits=PartLimits(n_residues=500, n_sequences=100))


def die_at(moment):
    def dying(step):
        def step_or_die(*arguments, **options):
            nonlocal moment
            if moment == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            moment -= 1
            return step(*arguments, **options)
        return step_or_die

    publish._fsync = dying(publish._fsync)
    shard_parts.shutil.rmtree = dying(shutil.rmtree)


encode(shutil.copytree(planned, root / "loaded"))  # what is compiled is compiled once, for all of them
moment, is_killed = 0, True
while is_killed:
    out = shutil.copytree(planned, root / f"killed-at-{moment}")
    for is_first in (True, False):
        child = os.fork()
        if child == 0:
            if is_first:
                die_at(moment)
            if is_first or not (out / "receipts").exists() or not list((out / "receipts").glob("shard-*.json")):
                encode(out)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if is_first:
            is_killed = os.WIFSIGNALED(status)
        elif status:
            sys.exit(f"{moment}: {status}")
    moment += 1
print(moment)
"""
"""Computes a shard again and again, killed with -9 one step later each time, and then once more in peace."""


@pytest.mark.thorough
def test_killed_at_every_step_of_its_parts_a_shard_is_finished_by_the_next_process(
    tiny_esm: Path, encoder: Encoder, tmp_path: Path
) -> None:
    lengths = [400, 410, 420, 430]
    fasta = write_fasta(tmp_path / "in.fasta", random_proteins(lengths))
    paths = AtlasPaths(tmp_path / "planned")
    plan = make_plan(draft_plan(str(fasta), Options(str(tiny_esm), device="cpu")), paths)
    assert len(plan.shards) == 1
    whole = AtlasPaths(shutil.copytree(paths.root, tmp_path / "whole"))
    encode_shard(whole, plan, plan.shards[0], encoder)

    arguments = [sys.executable, "-c", KILL_ANYWHERE, paths.root, tiny_esm, tmp_path]
    result = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr

    # Twice for every file: four tables and a record of each closed part, four tables, the receipt; then the removal.
    n_closed = 1
    n_moments = 2 * 5 * n_closed + 2 * 5 + 1
    assert int(result.stdout) == n_moments + 1
    for moment in range(n_moments + 1):
        killed = AtlasPaths(tmp_path / f"killed-at-{moment}")
        with hold_lock(killed):  # what was half-written goes
            remove_finished_parts(killed)
        assert digests(killed.root) == digests(whole.root), moment
        assert not killed.parts.exists()
