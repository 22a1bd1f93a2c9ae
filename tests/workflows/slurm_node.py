"""A Slurm cluster of one node, this machine, for as long as a test runs: no service and no other user is touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getuser
from pathlib import Path
from socket import gethostname, socket

NEEDED = ("slurmctld", "slurmd", "sbatch", "squeue", "munged")
CONFIGURATION = """\
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={control}
SlurmdPort={node}
StateSaveLocation={folder}
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MailProg=/bin/true
MpiDefault=none
KillWait=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} RealMemory=4000 State=UNKNOWN
PartitionName=short Nodes={host} Default=YES MaxTime=60 State=UP
"""


def found() -> bool:
    """Whether Slurm's programs are there."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    return all(shutil.which(name) for name in NEEDED)


@contextmanager
def slurm_node(folder: Path) -> Iterator[None]:
    """Runs the cluster in a folder of its own, and has Slurm's commands use it."""
    configuration = folder / "slurm.conf"
    cores = max(os.cpu_count() or 1, 2)
    ports = {"control": _port(), "node": _port()}
    configuration.write_text(
        CONFIGURATION.format(folder=folder, host=gethostname().split(".")[0], user=getuser(), cores=cores, **ports)
    )
    (folder / "spool").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    places = {"key-file": key, "socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed"}
    munge = ["munged", "--foreground", "--force", *(f"--{name}={folder / place}" for name, place in places.items())]
    os.environ["SLURM_CONF"] = str(configuration)
    running: list[subprocess.Popen[bytes]] = []
    with (folder / "log").open("wb") as log:
        try:
            for command in (munge, ["slurmctld", "-D", "-c"], ["slurmd", "-D", "-c"]):
                running.append(subprocess.Popen(command, stdout=log, stderr=log))
                time.sleep(0.5)
            _wait_for_node(folder)
            yield
        finally:
            for process in reversed(running):
                process.terminate()
                process.wait(timeout=20)
            del os.environ["SLURM_CONF"]


def _wait_for_node(folder: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        told = subprocess.run(["sinfo", "--noheader", "-o", "%T"], capture_output=True, text=True).stdout
        if told.strip().startswith("idle"):
            return
        time.sleep(0.2)
    raise RuntimeError((folder / "log").read_text(errors="replace")[-2000:])


def _port() -> int:
    with socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
