"""Kill commands at random moments, and see that the same command finishes what was begun.

    python benchmarks/chaos.py [--kills 200] [--faults 0] [--seed 0] [--verbs build probe ...]

Every verb that writes is killed (SIGKILL) at moments drawn uniformly from its run: the command itself, a worker, the
process from which workers fork, a Dask scheduler of its own. The same command is then run again. It must end with 0;
then every table and export must have the bytes of an undisturbed run, and no file may be more or less. Ten seconds
after a kill no process of the command may be alive. A killed worker must not even end its command.

`--faults N` adds N disks that fill, inodes that run out and folders that turn read-only for every verb: the command
must end with an error that is no traceback, and the same command must finish once there is room again. It needs root,
for a file system in memory and for the attribute "immutable".

`--store` kills builds in an object store instead, of a server of its own (moto); run it by the Python that
`make test-objects` makes, which has what it needs. Then every table must have the bytes of an undisturbed run, no
object may be more or less, and no working copy may be left where temporary files are.

The seed decides the moments, as shares of the run; what stands there at that moment is up to the machine. Commands
fork from a process that has imported their libraries, so that kills fall on their work.
"""

import argparse
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from helpers.chaos_case import (
    ALL,
    CASES,
    FORK_SERVER,
    IMPORTED_FOR_STORE,
    MAIN,
    PAGE_BYTES,
    SCHEDULER,
    STORE_CASES,
    WORKER,
    Case,
    Outcome,
    Stage,
    StoreStage,
    digest_files,
    list_paths,
    read_receipts,
)
from helpers.forked_commands import (
    ATTLAS,
    POLL_S,
    WAIT_POLL_S,
    Cluster,
    Command,
    CommandTimeoutError,
    Starter,
    list_fork_servers,
    list_workers,
    open_cluster,
)
from helpers.object_server import create_bucket, environment_of, find_server, open_server

from attlas.pipeline.mirror import KIND
from attlas.pipeline.object_store import ObjectStore
from attlas.schema import AtlasPaths, Manifest
from attlas.schema.verify import find_problems

STRAY_S = 10.0
"""Seconds after which nothing of a command may be alive that was killed or has ended."""

TURNS_ALONE = 8
"""Kills of a command that computes in its own process for each of one with workers, which takes ten times as long."""

MOST_DRAWS = 8
"""Moments drawn for one kill: the command may end before the moment comes."""

FULL_DISK, NO_INODES, READ_ONLY = "full disk", "no inodes", "read-only folders"
ROOMY = "size=1g,nr_inodes=100k"
"""Options of a file system in memory that has room for everything."""


class NotRecoveredError(Exception):
    """A command did not finish what an earlier one had begun; says how."""


@dataclass
class Tally:
    """The disturbances of one kind that a command met, and how they ended."""

    n: int = 0
    n_recovered: int = 0
    n_finished_shards: int = 0
    """Shards that were finished at the disturbance, in all."""
    n_computed_again: int = 0
    """Those of them that were computed again."""
    stray_s: float = 0
    """Seconds until the last process of a disturbed command was gone, the most."""
    seconds: list[float] = field(default_factory=list)
    """Of each command that finished what the disturbed one had begun."""
    problems: list[str] = field(default_factory=list)


Tallies = dict[tuple[str, str], Tally]
"""By the name of the command and what happened to it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--faults", type=int, default=0, metavar="N", help="of each kind for each command")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbs", nargs="*", default=(), help="default: all that write")
    parser.add_argument("--store", action="store_true", help="kill builds in an object store")
    parser.add_argument("--stray-s", type=float, default=STRAY_S, help="seconds within which nothing may be alive")
    parser.add_argument("--folder", type=Path, help="where to work; default: where temporary files are")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, too")
    arguments = parser.parse_args()
    if arguments.store and arguments.faults:
        parser.error("--faults are of disks, --store has none: give one of the two")

    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs ignore
    all_cases = STORE_CASES if arguments.store else CASES
    cases = [case for case in all_cases if not arguments.verbs or case.verb in arguments.verbs]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="attlas-chaos-", dir=arguments.folder)))
        store = stack.enter_context(open_store()) if arguments.store else None
        imported = IMPORTED_FOR_STORE if store else ()
        starter = stack.enter_context(Starter(folder / "commands", imported=imported))
        options = {"stray_s": arguments.stray_s}
        stage = StoreStage(folder, starter, **options, store=store) if store else Stage(folder, starter, **options)
        outcomes = Outcomes(stage, all_cases)
        tallies = disturb(stage, outcomes, cases, n_kills=arguments.kills, seed=arguments.seed)
        if arguments.faults:
            tallies |= fill_disks(stage, outcomes, cases, n_faults=arguments.faults, seed=arguments.seed)

    table = render_table(tallies)
    print(f"\n{table}")
    if arguments.markdown:
        arguments.markdown.write_text(f"{table}\n")
    sys.exit(any(tally.problems for tally in tallies.values()))


@contextmanager
def open_store() -> Iterator[ObjectStore]:
    """Yield an empty object store, of a server which these processes and all that they start reach."""
    program = find_server()
    if program is None:
        sys.exit("There is no moto_server beside this Python. Run `make test-objects`, then .cache/objects/bin/python.")
    with open_server(program) as port:
        os.environ |= environment_of(f"http://127.0.0.1:{port}")
        create_bucket(port, "chaos")
        yield ObjectStore("s3://chaos/atlas")


class Outcomes:
    """How cases end undisturbed: found out when it is needed first, with the states that they begin with."""

    def __init__(self, stage: Stage, all_cases: Sequence[Case]) -> None:
        self._stage = stage
        self._all_cases = all_cases
        self._outcomes: dict[Case, Outcome] = {}

    def of(self, case: Case) -> Outcome:
        """Return how a case ends, which runs now if it has not before."""
        if case not in self._outcomes:
            maker = next((other for other in self._all_cases if other.after == case.before), None)
            if maker is not None:
                self.of(maker)
            self._outcomes[case] = self._stage.run(case)
            print(f"undisturbed: {case.name}, {self._outcomes[case].wall_s:.1f} s", flush=True)
        return self._outcomes[case]


def disturb(stage: Stage, outcomes: Outcomes, cases: Sequence[Case], *, n_kills: int, seed: int) -> Tallies:
    """Kill the processes of the cases in turn, until there were `n_kills` kills.

    Commands that compute in their own process have more turns, as they are killed and finished faster.
    """
    tallies: Tallies = defaultdict(Tally)
    turns = [
        (case, victim) for case in cases for victim in case.victims for _ in range(TURNS_ALONE if case.is_alone else 1)
    ]
    random.Random(seed).shuffle(turns)
    pairs = cycle(turns)

    with suppress(KeyboardInterrupt):  # Ctrl-C ends the kills, and the table is of those until then
        for i in range(n_kills):
            case, victim = next(pairs)
            outcome = outcomes.of(case)
            moments = random.Random(f"{seed} {i}")
            tally = tallies[case.name, victim]
            with _counting(tally, f"kill {i + 1} of {n_kills}, seed {seed}: {case.name}, {victim}"):
                kill_once(stage, case, outcome, victim, moments=moments, tally=tally)
    return tallies


def kill_once(stage: Stage, case: Case, outcome: Outcome, victim: str, *, moments: random.Random, tally: Tally) -> None:
    """Kill a process of a command at a random moment, run the command again, and compare.

    Raises:
        NotRecoveredError: the command did not finish as an undisturbed one.
    """
    span_s = outcome.wall_s - (outcome.until_workers_s if waits_for_victim(victim, case) else 0)
    for _ in range(MOST_DRAWS):
        stage.set_up(case)
        share = moments.random()
        with open_cluster(stage.starter, 2) if case.has_cluster else nullcontext() as cluster:
            command = stage.starter.start(ATTLAS, *stage.arguments(case, cluster and cluster.address))
            if waits_for_victim(victim, case):
                await_victim(victim, command, stage.starter)
            begin = time.monotonic()
            was_alive = kill_at(begin + share * span_s, share, victim, command, cluster, stage.starter)
            stage.collect()
            receipts = read_receipts(stage.place)
            code = stage.starter.wait(command)
            # A command that had just ended takes no harm from the signal.
            if was_alive and (victim not in {MAIN, ALL} or code == -signal.SIGKILL):
                break
            # The undisturbed run may have met a busy machine, and lasted many times as long as this.
            span_s = min(span_s, time.monotonic() - begin)
    else:
        raise NotRecoveredError(f"it ended before each of {MOST_DRAWS} moments: no kill")

    check_end(victim, code, command)
    tally.stray_s = max(tally.stray_s, await_strays(stage.starter, stage.stray_s))
    stage.collect()
    check_atlas(stage.place)
    finish(stage, case, outcome, receipts, tally)


def waits_for_victim(victim: str, case: Case) -> bool:
    """Return whether a command starts the processes of a kind itself: then the share of its time begins with them."""
    return victim in {WORKER, FORK_SERVER} and not case.has_cluster


def await_victim(victim: str, command: Command, starter: Starter) -> None:
    """Wait until a command has a process of a kind that it starts itself, or has ended."""
    while not find_victims(victim, command, None) and starter.poll(command) is None:
        time.sleep(WAIT_POLL_S)


def kill_at(
    moment: float, share: float, victim: str, command: Command, cluster: Cluster | None, starter: Starter
) -> bool:
    """Kill a process of a command at a moment of the monotonic clock; return False if the command had ended before.

    The share of the command's run decides which of several processes of the kind it is.
    """
    wait_or_end(command, moment, starter)
    if victim == ALL:
        return kill_all(command, starter)
    victims = find_victims(victim, command, cluster)
    if not victims or starter.poll(command) is not None:
        return False
    with suppress(ProcessLookupError):
        os.kill(victims[int(share * 1e6) % len(victims)], signal.SIGKILL)
        return True
    return False


def kill_all(command: Command, starter: Starter) -> bool:
    """Kill a command and all that it has started; return False if it had ended before."""
    if starter.poll(command) is not None:
        return False
    while processes := starter.find_strays():
        for process in processes:
            with suppress(psutil.Error):
                process.kill()
        starter.poll(command)  # who has ended and was not asked for is among the strays
    return True


def wait_or_end(command: Command, moment: float, starter: Starter) -> None:
    """Wait until a moment of the monotonic clock, or until a command has ended."""
    while (left_s := moment - time.monotonic()) > 0 and starter.poll(command) is None:
        time.sleep(min(max(left_s / 2, POLL_S), WAIT_POLL_S))


def find_victims(victim: str, command: Command, cluster: Cluster | None) -> list[int]:
    """Return the numbers of the processes of a kind that a command has now."""
    if victim == MAIN:
        return [command.pid]
    if cluster is not None:
        return [cluster.scheduler.pid] if victim == SCHEDULER else [worker.pid for worker in cluster.workers]
    return [process.pid for process in (list_fork_servers if victim == FORK_SERVER else list_workers)(command)]


def check_end(victim: str, code: int, command: Command) -> None:
    """Check how a command ended of which a process was killed. Raises NotRecoveredError."""
    expected = {MAIN: (-signal.SIGKILL,), ALL: (-signal.SIGKILL,), WORKER: (0,)}.get(victim, (0, 1))
    printed = command.printed()
    if code not in expected or "Traceback" in printed:
        raise NotRecoveredError(f"the disturbed command ended with {code}:\n{printed[-3000:]}")


def await_strays(starter: Starter, limit_s: float) -> float:
    """Wait until no process of a command is alive after its end, and return for how many seconds.

    Raises:
        NotRecoveredError: it took longer than the limit; the processes are killed.
    """
    begin = time.monotonic()
    while strays := starter.find_strays():
        if time.monotonic() - begin > limit_s:
            texts = [describe_process(process) for process in strays]
            for process in strays:
                with suppress(psutil.Error):
                    process.kill()
            raise NotRecoveredError(f"alive {limit_s:.0f} s after the command had ended: {'; '.join(texts)}")
        time.sleep(0.05)
    return time.monotonic() - begin


def describe_process(process: psutil.Process) -> str:
    """Return the number and the command line of a process that may be gone."""
    try:
        return f"{process.pid} {' '.join(process.cmdline())[:200]}"
    except psutil.Error:
        return f"{process.pid}, gone by now"


def check_atlas(place: Path) -> None:
    """Check that an atlas which says that it is whole is so. Raises NotRecoveredError."""
    paths = AtlasPaths(place / "atlas")
    if paths.manifest.is_file() and (texts := find_problems(paths, Manifest.read(paths))):
        raise NotRecoveredError(f"after the kill the atlas differs from its manifest: {'; '.join(texts)}")


def finish(stage: Stage, case: Case, outcome: Outcome, receipts: Mapping[str, bytes], tally: Tally) -> None:
    """Run a command that was disturbed again, and compare the end with that of an undisturbed one.

    Args:
        stage: where it runs.
        case: the command.
        outcome: how it ends undisturbed.
        receipts: the receipts that were there after the disturbance.
        tally: counts the shards that are computed again, and the seconds.

    Raises:
        NotRecoveredError: they differ.
    """
    begin = time.monotonic()
    with open_cluster(stage.starter, 2) if case.has_cluster else nullcontext() as cluster:
        command = stage.starter.start(ATTLAS, *stage.arguments(case, cluster and cluster.address))
        code = stage.starter.wait(command)
    tally.seconds.append(time.monotonic() - begin)

    if code != 0 and not is_done(stage, case, outcome, command):
        raise NotRecoveredError(f"the same command again ended with {code}:\n{command.printed()[-3000:]}")
    stage.run_next(case)
    await_strays(stage.starter, stage.stray_s)
    stage.collect()
    after = read_receipts(stage.place)
    tally.n_finished_shards += len(receipts)
    tally.n_computed_again += sum(after.get(name) != content for name, content in receipts.items())

    if copies := sorted(path.name for path in stage.starter.temporary.glob(f"{KIND}*")):
        raise NotRecoveredError(f"working copies that are left: {', '.join(copies)}")
    if differing := sorted(outcome.paths ^ list_paths(stage.place)):
        raise NotRecoveredError(f"files or folders that are more or less than undisturbed: {', '.join(differing)}")
    digests = digest_files(stage.place)
    if differing := [path for path, digest in outcome.digests.items() if digests[path] != digest]:
        raise NotRecoveredError(f"other bytes than undisturbed: {', '.join(differing)}")


def is_done(stage: Stage, case: Case, outcome: Outcome, command: Command) -> bool:
    """Return whether a command refuses to run again because the killed one had published all it makes."""
    return (
        case.verb == "publish" and "is there already" in command.printed() and list_paths(stage.place) == outcome.paths
    )


def fill_disks(stage: Stage, outcomes: Outcomes, cases: Sequence[Case], *, n_faults: int, seed: int) -> Tallies:
    """Run the cases where a disk fills, inodes run out or folders become read-only, then again where all is well."""
    tallies: Tallies = defaultdict(Tally)
    stage.clear()

    for case in (case for case in cases if case.is_alone and case.victims):
        for fault in (FULL_DISK, NO_INODES, READ_ONLY):
            for i in range(n_faults):
                tally = tallies[case.name, fault]
                moments = random.Random(f"{seed} {case.name} {fault} {i}")
                with mounted(stage.place), _counting(tally, f"fault {i + 1}, seed {seed}: {case.name}, {fault}"):
                    meet_fault(stage, case, outcomes.of(case), fault, moments=moments, tally=tally)
    return tallies


def meet_fault(stage: Stage, case: Case, outcome: Outcome, fault: str, *, moments: random.Random, tally: Tally) -> None:
    """Let a command meet a fault of the file system, run it again without, and compare.

    Raises:
        NotRecoveredError: it ended otherwise than by a plain error, or the second did not finish.
    """
    span_s = outcome.wall_s
    for _ in range(MOST_DRAWS):
        stage.set_up(case)
        share = moments.random()
        with open_cluster(stage.starter, 2) if case.has_cluster else nullcontext() as cluster:
            arguments = stage.arguments(case, cluster and cluster.address)
            if fault == READ_ONLY:
                command = stage.starter.start(ATTLAS, *arguments)
                begin = time.monotonic()
                wait_or_end(command, begin + share * span_s, stage.starter)
                if stage.starter.poll(command) is not None:  # before the moment: the undisturbed run was slower
                    span_s = min(span_s, time.monotonic() - begin)
                make_immutable(stage.place, is_immutable=True)
            else:
                remount(stage.place, tight_options(stage.place, outcome, fault, share))
                command = stage.starter.start(ATTLAS, *arguments)
            code = stage.starter.wait(command)
        make_immutable(stage.place, is_immutable=False)
        remount(stage.place, ROOMY)
        if code != 0:
            break
    else:
        raise NotRecoveredError(f"it ended well at each of {MOST_DRAWS} moments: no fault")

    printed = command.printed()
    if code != 1 or "Traceback" in printed:
        raise NotRecoveredError(f"it ended with {code}:\n{printed[-3000:]}")
    tally.stray_s = max(tally.stray_s, await_strays(stage.starter, stage.stray_s))
    check_atlas(stage.place)
    finish(stage, case, outcome, read_receipts(stage.place), tally)


def tight_options(place: Path, outcome: Outcome, fault: str, share: float) -> str:
    """Return mount options with which a share of what a command writes has room."""
    status = os.statvfs(place)
    n_used = (status.f_blocks - status.f_bfree) * status.f_frsize
    n_inodes = status.f_files - status.f_ffree
    if fault == NO_INODES:
        n_new = len(outcome.paths) - len(list_paths(place))
        return f"size=1g,nr_inodes={n_inodes + int(share * (n_new + 1))}"
    n_new_bytes = outcome.n_bytes - n_used
    return f"size={n_used + max(0, int(share * n_new_bytes)) // PAGE_BYTES * PAGE_BYTES},nr_inodes=100k"


@contextmanager
def mounted(place: Path) -> Iterator[None]:
    """Mount a file system in memory at a folder."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", ROOMY, "tmpfs", str(place)], check=True)
    try:
        yield
    finally:
        make_immutable(place, is_immutable=False)
        subprocess.run(["umount", str(place)], check=True)


def remount(place: Path, options: str) -> None:
    """Change the size of a mounted file system."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


def make_immutable(place: Path, *, is_immutable: bool) -> None:
    """Set or remove the attribute of folders that not even root may change: modes do not stop root."""
    folders = [str(path) for path in (place, *place.rglob("*")) if path.is_dir()]
    # A temporary folder may be gone by now: then chattr says so, and does the others.
    subprocess.run(["chattr", "+i" if is_immutable else "-i", *folders], check=False, stderr=subprocess.DEVNULL)


@contextmanager
def _counting(tally: Tally, title: str) -> Iterator[None]:
    """Count a disturbance and its end, and print both."""
    try:
        yield
    except (NotRecoveredError, CommandTimeoutError, RuntimeError) as error:
        tally.problems.append(f"{title}: {error}")
        print(f"{title}: {error}", flush=True)
        tally.n += 1
    else:
        tally.n += 1
        tally.n_recovered += 1
        print(f"{title}: recovered", flush=True)


def render_table(tallies: Tallies) -> str:
    """Return the table of what was done to which command and how it ended, Markdown."""
    lines = [
        "| command | disturbed | times | recovered | finished shards computed again | last process gone, s | "
        "finished again in s, median |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for (case, event), tally in tallies.items():
        shards = f"{tally.n_computed_again} of {tally.n_finished_shards}" if tally.n_finished_shards else "-"
        seconds = f"{statistics.median(tally.seconds):.1f}" if tally.seconds else "-"
        lines.append(
            f"| {case} | {event} | {tally.n} | {tally.n_recovered} | {shards} | {tally.stray_s:.1f} | {seconds} |"
        )

    total = [sum(getattr(tally, name) for tally in tallies.values()) for name in ("n", "n_recovered")]
    shards = [sum(getattr(t, name) for t in tallies.values()) for name in ("n_computed_again", "n_finished_shards")]
    lines.append(f"| **all** | | **{total[0]}** | **{total[1]}** | {shards[0]} of {shards[1]} | | |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
