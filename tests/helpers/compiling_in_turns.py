"""numba compiles in one process at a time, so that the others find the code in its cache instead of making it again."""

import fcntl
import threading
from pathlib import Path
from typing import Any

LOCKED = Path(__file__).parents[2] / "pipeline" / "compiling.py"
"""A file that is there, on which a process takes the lock while it compiles."""


def compile_in_turns() -> None:
    """Let every function of numba that is compiled from now on wait for those of other processes."""
    from numba.core.dispatcher import Dispatcher

    compile_signature = Dispatcher.compile
    turn = threading.RLock()
    n_begun = 0

    def compile_alone(dispatcher: Dispatcher, signature: Any) -> Any:
        nonlocal n_begun
        with turn:
            if n_begun:  # a function that the one in hand calls
                return compile_signature(dispatcher, signature)

            with LOCKED.open() as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                n_begun += 1
                try:
                    return compile_signature(dispatcher, signature)
                finally:
                    n_begun -= 1

    Dispatcher.compile = compile_alone
