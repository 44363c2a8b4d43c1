"""Blocks of FASTA parsed into sorted runs of records: by this process where they are few, else by several processes.

A parser is a process that reads blocks from its standard input and ends when that is closed: none outlives its parent.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from attlas.pipeline.proteins.external_sort import SortedRun, sort_run
from attlas.pipeline.proteins.fasta import RecordBlock
from attlas.pipeline.proteins.records import LetterCounts, parse_block
from attlas.pipeline.proteins.workspace import Workspace, temporary_fault
from attlas.schema import EnvironmentFault, Fault

MOST_PARSERS = 8
"""Processes beyond which reading and unpacking the files, which one process does, is what takes the time."""


@dataclass(frozen=True)
class ParsedRun:
    """The records of a block, sorted by accession, and what else was found in it."""

    run: SortedRun
    file: int
    letters: LetterCounts
    blank_accessions: tuple[str, ...]
    n_blank_accessions: int


def parse_into_run(block: RecordBlock, *, max_length: int | None, path: Path | None) -> ParsedRun:
    """Parse a block and sort its records by accession; the run is written to `path`, or stays in memory for None.

    Raises:
        EnvironmentFault: the run cannot be written.
    """
    parsed = parse_block(block, max_length=max_length)
    try:
        run = sort_run(parsed.rows, key="accession", path=path)
    except OSError as error:
        raise temporary_fault(path, error) from error
    return ParsedRun(run, parsed.file, parsed.letters, parsed.blank_accessions, parsed.n_blank_accessions)


def parse_blocks(
    blocks: Iterator[RecordBlock], *, max_length: int | None, workspace: Workspace, n_parsers: int | None = None
) -> Iterator[ParsedRun]:
    """Yield the run of every block, in the order of the input.

    Args:
        blocks: the input; a single block is parsed here and stays in memory.
        max_length: as in `records.parse_block`.
        workspace: where runs are written.
        n_parsers: processes that parse; 0: this one alone. None: as many as there are cores, up to a bound.

    Raises:
        InputError: as the blocks do.
        EnvironmentFault: a run cannot be written, or a parser died.
    """
    start = list(islice(blocks, 2))
    if len(start) < 2:
        yield from (parse_into_run(block, max_length=max_length, path=None) for block in start)
        return

    folder = workspace.folder
    n = min(os.cpu_count() or 1, MOST_PARSERS) if n_parsers is None else n_parsers
    numbered = ((block, folder / f"run-{i:06d}.arrow") for i, block in enumerate(chain(start, blocks)))
    if n == 0:
        yield from (parse_into_run(block, max_length=max_length, path=path) for block, path in numbered)
        return

    with ExitStack() as closing:
        parsers = []
        for _ in range(n):
            parsers.append(Parser(max_length))
            closing.callback(parsers[-1].close)
        yield from _share_out(numbered, parsers)


class Parser:
    """A process that parses blocks, one at a time."""

    def __init__(self, max_length: int | None) -> None:
        # -P: no module is imported from the current folder, which is the user's.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "attlas.pipeline.proteins.parsing", str(max_length or "")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def parse(self, block: RecordBlock, path: Path) -> ParsedRun:
        """Parse a block into a run on disk. Raises EnvironmentFault."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((block, path), self._process.stdin, protocol=pickle.HIGHEST_PROTOCOL)
            self._process.stdin.flush()
            answer = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError) as error:
            raise EnvironmentFault(
                "A process that reads the input has died.",
                found=f"exit code {self._process.wait()}, at line {block.line:,} of the input",
                hint="was it killed because memory ran out? Run the command again, with more memory",
            ) from error

        if isinstance(answer, Exception):
            raise answer
        return answer  # type: ignore[no-any-return]

    def close(self) -> None:
        """End the process, which ends by itself when its input does, and else is killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.kill()
        with suppress(OSError):  # part of a block may wait to be sent to a process that has died
            self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _share_out(numbered: Iterator[tuple[RecordBlock, Path]], parsers: list[Parser]) -> Iterator[ParsedRun]:
    """Yield the runs in the order of their blocks; no more blocks are read ahead than there are parsers."""
    idle: SimpleQueue[Parser] = SimpleQueue()
    for parser in parsers:
        idle.put(parser)

    def parse(block: RecordBlock, path: Path) -> ParsedRun:
        parser = idle.get()
        try:
            return parser.parse(block, path)
        finally:
            idle.put(parser)

    with ThreadPoolExecutor(len(parsers), thread_name_prefix="attlas-parser") as threads:
        waiting: list[Future[ParsedRun]] = []
        for block, path in numbered:
            waiting.append(threads.submit(parse, block, path))
            unfinished = [future for future in waiting if not future.done()]
            if len(unfinished) >= len(parsers):
                wait(unfinished, return_when=FIRST_COMPLETED)
            while waiting and waiting[0].done():
                yield waiting.pop(0).result()
        yield from (future.result() for future in waiting)


def _serve(max_length: int | None) -> None:
    """Parse the blocks on standard input until it ends; each answer is a ParsedRun, or an error."""
    blocks, answers = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no answer

    while True:
        try:
            block, path = pickle.load(blocks)
        except EOFError:
            return
        answer: Any
        try:
            answer = parse_into_run(block, max_length=max_length, path=path)
        except Fault as fault:
            answer = fault
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    # What is pickled must belong to the module by its name, not to `__main__`.
    from attlas.pipeline.proteins import parsing

    parsing._serve(int(sys.argv[1]) if sys.argv[1] else None)
