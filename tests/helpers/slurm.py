"""A SLURM of one node on this machine's loopback: Debian's slurmctld and slurmd, unpacked by `fetch_slurm.sh`."""

import getpass
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

N_CPUS = 4
"""CPUs that the node claims to have: one job of the examples at a time."""
STARTS_S = 60
JOBS_S = 480
ENDS_S = 10

CONFIGURATION = """\
ClusterName=attlas
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
PluginDir={plugins}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={n_cpus} RealMemory=64000 State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""
"""No passwords, no accounts, no control groups, no GPU."""


@dataclass(frozen=True)
class Slurm:
    """A running SLURM."""

    environment: dict[str, str]
    """Variables by which the commands of SLURM find it, and its jobs the command `attlas`."""

    def run(self, *command: object, cwd: Path | None = None) -> str:
        """Run a command such as `sbatch` and return what it prints."""
        result = subprocess.run(
            [*map(str, command)], cwd=cwd, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        return result.stdout

    def states(self) -> dict[str, str]:
        """Return the state of every job that SLURM remembers, by its number, such as `7` or `7_0`."""
        lines = self.run("squeue", "--noheader", "--array", "--states=all", "--format=%i %T").splitlines()
        return dict(line.split() for line in lines)

    def details(self, job: str) -> dict[str, str]:
        """Return SLURM's values of a job, by the name of the field."""
        return dict(re.findall(r"(\w+)=(\S*)", self.run("scontrol", "show", "job", "--oneliner", job)))

    def send_term(self, job: str) -> None:
        """Send SIGTERM to the script of a job, as SLURM does before its time is up."""
        command = ["scancel", "--batch", "--signal=TERM", job]
        # Where the job has gone back into the queue meanwhile, scancel tries again for minutes.
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(command, env=self.environment, timeout=ENDS_S, check=False)

    def wait_for(self, job: str, state: str, *, seconds: float = JOBS_S) -> None:
        """Wait until a job is in a state. Raises AssertionError if it ends otherwise, or after the seconds."""
        end = time.monotonic() + seconds
        while (now := self.states().get(job)) != state:
            assert now not in ("FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"), f"job {job}: {self.details(job)}"
            assert time.monotonic() < end, f"job {job} is {now}, not {state}, after {seconds} s: {self.details(job)}"
            time.sleep(0.2)


@contextmanager
def running_slurm(programs: Path, folder: Path) -> Iterator[Slurm]:
    """Start SLURM from unpacked packages; end it with all that it has started.

    Args:
        programs: folder of the packages.
        folder: new folder of its configuration, state and logs.
    """
    environment = _configure(programs, folder)
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        for program in ("slurmctld-wlm", "slurmd-wlm"):
            with (folder / f"{program}.log").open("wb") as log:
                command = [programs / "usr/sbin" / program, "-D"]
                if program == "slurmd-wlm":
                    command += ["-N", _host(), "-d", programs / "usr/sbin/slurmstepd-wlm"]
                daemons.append(subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT))

        slurm = Slurm(environment)
        _wait_for_node(slurm, folder)
        yield slurm
    finally:
        subprocess.run(["scancel", "--user", getpass.getuser()], env=environment, timeout=30, check=False)
        _end(daemons, folder)


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the processes that SLURM in this folder has started, daemons and jobs, by their environment."""
    processes = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get("SLURM_CONF") == str(folder / "slurm.conf"):
                processes.append(process)
    return processes


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _configure(programs: Path, folder: Path) -> dict[str, str]:
    """Write the configuration; return the environment of the daemons, of the commands and of jobs."""
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    (plugins,) = programs.glob("usr/lib/*/slurm-wlm")
    controller_port, node_port = _free_ports(2)
    values = {"host": _host(), "user": getpass.getuser(), "folder": folder, "plugins": plugins, "n_cpus": N_CPUS}
    configuration = CONFIGURATION.format(**values, controller_port=controller_port, node_port=node_port)
    (folder / "slurm.conf").write_text(configuration)

    libraries = [plugins, plugins.parent, programs / "lib" / plugins.parent.name]
    return os.environ | {
        "SLURM_CONF": str(folder / "slurm.conf"),
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
        "PATH": os.pathsep.join([str(programs / "usr/bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
    }


def _free_ports(n: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [bound.getsockname()[1] for bound in sockets]
    for bound in sockets:
        bound.close()
    return ports


def _wait_for_node(slurm: Slurm, folder: Path) -> None:
    """Wait until the node takes jobs; fail with the logs of the daemons."""
    end = time.monotonic() + STARTS_S
    while time.monotonic() < end:
        with suppress(AssertionError, subprocess.TimeoutExpired):
            if slurm.run("sinfo", "--noheader", "--format=%T").strip() == "idle":
                return
        time.sleep(0.2)
    logs = "\n".join(path.read_text()[-3000:] for path in folder.glob("*.log"))
    raise AssertionError(f"SLURM did not start within {STARTS_S} s:\n{logs}")


def _end(daemons: list[subprocess.Popen[bytes]], folder: Path) -> None:
    """End the node, then the controller, then the jobs that have not ended by themselves."""
    end = time.monotonic() + ENDS_S
    while len(processes_of(folder)) > len(daemons) and time.monotonic() < end:
        time.sleep(0.1)
    for daemon in reversed(daemons):
        daemon.terminate()
        try:
            daemon.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
    for process in processes_of(folder):
        with suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
