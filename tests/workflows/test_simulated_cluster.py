"""`gbar simulate --cluster`: the same bits as one process makes, whatever dies, joins or leaves."""

from __future__ import annotations

import filecmp
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import slurm_node
from dask_processes import Deadly, Fickle, Processes

import gbar
from gbar.cluster import connect, read_address, spread
from gbar.errors import ClusterError
from gbar.workflows.simulate import simulate_dataset

HERE = Path(__file__).parent
ROWS, BLOCK = 2560, 64
PROTOCOL = """\
stimuli:
  - {name: step, duration: 320 ms, dt: 0.0025 ms, sampling: 1 ms,
     waveform: {step: {delay: 5 ms, duration: 300 ms, amplitude: 300 pA}}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("cluster")
    (made / "protocol.yaml").write_text(PROTOCOL)
    return made


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """What one process makes."""
    make(folder, "alone.zarr")
    return folder / "alone.zarr"


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    started = Processes(tmp_path)
    yield started
    started.stop()


def make(folder: Path, name: str, rows: int = ROWS, **more: object) -> None:
    simulate_dataset("sphere", folder / name, rows=rows, protocol=folder / "protocol.yaml", block=BLOCK, **more)  # type: ignore[arg-type]


def command(folder: Path, name: str, cluster: str) -> list[str]:
    """The same at the command line, with the same blocks."""
    code = (
        "import sys; from pathlib import Path; from gbar.workflows.simulate import simulate_dataset as s;"
        f"s('sphere', Path('{name}'), rows={ROWS}, protocol=Path('protocol.yaml'), block={BLOCK}, cluster='{cluster}')"
    )
    return [sys.executable, "-c", code]


def in_background(do: Callable[[], object]) -> Future[object]:
    """Does something beside; `result` waits for it, and raises what it raised."""
    pool = ThreadPoolExecutor(1)
    begun = pool.submit(do)
    pool.shutdown(wait=False)
    return begun


def same(made: Path, alone: Path) -> bool:
    """Whether two stores have the same files with the same bytes."""
    names = sorted(str(f.relative_to(alone)) for f in alone.rglob("*") if f.is_file())
    assert names == sorted(str(f.relative_to(made)) for f in made.rglob("*") if f.is_file())
    _, differing, errors = filecmp.cmpfiles(alone, made, names, shallow=False)
    return not differing and not errors


def wait_for_blocks(store: Path, count: int) -> None:
    """Until so many blocks of an unfinished store are written."""
    until = time.monotonic() + 120
    status = store.with_name(f"{store.name}.partial") / "status"
    while len(list(status.glob("c.*"))) < count:
        assert time.monotonic() < until, "no progress"
        time.sleep(0.01)


def test_workers_that_are_killed_join_and_leave_make_the_same_bits(folder, alone, processes):
    store, rng = folder / "killed.zarr", random.Random()
    plan = [(at, rng.choice([signal.SIGKILL, signal.SIGTERM])) for at in sorted(rng.sample(range(1, 26), 2))]
    alive = [processes.worker() for _ in range(2)]

    def kill() -> None:
        for blocks, how in plan:
            wait_for_blocks(store, blocks)
            time.sleep(rng.uniform(0.0, 0.05))
            os.kill(alive.pop(rng.randrange(len(alive))).pid, how)
            alive.append(processes.worker())

    killing = in_background(kill)
    make(folder, "killed.zarr", cluster=processes.address)
    killing.result()
    assert same(store, alone), plan


def test_the_scheduler_and_the_one_who_hands_out_may_be_killed(folder, alone, processes):
    processes.worker()
    store = folder / "resumed.zarr"
    client = subprocess.Popen(command(folder, store.name, processes.address), cwd=folder)
    wait_for_blocks(store, 5)
    client.kill()
    client.wait()
    assert not store.exists()
    killing = in_background(lambda: (wait_for_blocks(store, 15), processes.scheduler.kill()))
    with pytest.raises(ClusterError, match="the scheduler is gone; what is done is kept"):
        make(folder, store.name, cluster=processes.address)
    with pytest.raises(ClusterError, match="no Dask scheduler answers"):
        make(folder, store.name, cluster=processes.address)
    killing.result()
    make(folder, store.name)
    assert same(store, alone)


def test_a_worker_that_cannot_help_is_refused_by_name(folder, processes, tmp_path):
    other = tmp_path / "other" / "gbar"
    shutil.copytree(Path(gbar.__file__).parent, other, ignore=shutil.ignore_patterns("__pycache__"))
    start = other / "__init__.py"
    start.write_text(start.read_text().replace('__version__ = "', '__version__ = "9.'))
    worker = processes.worker(PYTHONPATH=str(other.parent))
    with pytest.raises(ClusterError, match=rf"process {worker.pid} on \S+ runs gbar 9\.\S+, not {gbar.__version__}"):
        make(folder, "refused.zarr", cluster=processes.address)
    (other / "cluster").rename(other / "clusters")
    worker.kill()
    processes.worker(PYTHONPATH=str(other.parent))
    with pytest.raises(ClusterError, match=r"the worker at tcp://\S+ does not run this gbar .*cluster"):
        make(folder, "refused.zarr", cluster=processes.address)
    assert not list(folder.glob("refused*"))


def test_a_worker_that_sees_another_folder_is_refused(folder, processes):
    hide = f'mount -t tmpfs none {folder} && mkdir -p {folder} && exec "$@"'
    before = ("unshare", "--mount", "sh", "-c", hide, "sh")
    if shutil.which("unshare") is None or subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to hide a folder from a process (unshare --mount)")
    worker = processes.worker(*before)
    with pytest.raises(ClusterError, match=rf"process {worker.pid} on \S+ does not see \S+hidden.zarr.partial as proc"):
        make(folder, "hidden.zarr", cluster=processes.address)
    assert not (folder / "hidden.zarr").exists()


def test_a_scheduler_without_workers_is_given_up(folder, processes, monkeypatch):
    monkeypatch.setattr(connect, "PATIENCE", 1.0)
    with pytest.raises(
        ClusterError, match="no worker is there, and none has come for 1 s; start some with dask worker"
    ):
        make(folder, "nobody.zarr", cluster=processes.address)
    assert not list(folder.glob("nobody*"))


def test_a_block_that_fails_is_tried_again_and_one_that_ends_every_worker_is_named(processes, tmp_path):
    for _ in range(4):
        processes.worker(PYTHONPATH=os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(HERE)])))
    address = read_address(processes.address)
    with connect.connected(address, say=pytest.fail, logs=tmp_path) as cluster:
        assert sorted(spread(cluster, Fickle(tmp_path, failures=2), ((0, 2), (2, 4)))) == [(0, 2), (2, 4)]
        with pytest.raises(OSError, match="not today"):
            list(spread(cluster, Fickle(tmp_path / "other", failures=3), ((0, 2),)))
        with pytest.raises(ClusterError, match="rows 2 to 4 ended every worker that tried them"):
            list(spread(cluster, Deadly(), ((0, 2), (2, 4))))


def test_processes_of_this_machine(folder, alone):
    make(folder, "local.zarr", cluster="local:2", threads=1)
    assert same(folder / "local.zarr", alone)


def test_jobs_of_slurm_that_are_cancelled(folder, alone, tmp_path):
    if not slurm_node.found():
        pytest.skip("needs Slurm (slurm-wlm) and Munge")
    with slurm_node.slurm_node(tmp_path):
        with pytest.raises(ClusterError, match=r"slurm:long: Slurm does not take such a job .*invalid partition"):
            make(folder, "slurm.zarr", cluster="slurm:long")

        def cancel() -> None:
            wait_for_blocks(folder / "slurm.zarr", 3)
            jobs = subprocess.run(["squeue", "-h", "-o", "%i"], capture_output=True, text=True, check=True).stdout
            subprocess.run(["scancel", "--signal=KILL", jobs.split()[0]], check=True)

        cancelling = in_background(cancel)
        make(folder, "slurm.zarr", cluster="slurm:short,jobs=2,memory=500MB")
        cancelling.result()
        left = subprocess.run(["squeue", "-h", "-t", "PD,R"], capture_output=True, text=True, check=True).stdout
    assert not left
    assert same(folder / "slurm.zarr", alone)
    assert not (folder / "slurm.zarr.slurm").exists()


def test_the_job_script(tmp_path):
    address = read_address("slurm:short,jobs=8,cores=4,memory=16GB,time=2:00:00,account=lab,qos=low,constraint=avx512")
    with connect.slurm_jobs(address, tmp_path / "logs", "gbar-1") as jobs:  # type: ignore[arg-type]
        script = jobs.job_script()
    asked = {line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH ")}
    wanted = {"-J gbar-1", "-p short", "-A lab", "-n 1", "--cpus-per-task=4", "--mem=15G", "-t 2:00:00", "--qos=low"}
    assert wanted | {"--constraint=avx512"} <= asked
    assert f"{sys.executable} -m distributed.cli.dask_worker tcp://" in script
    assert "--nthreads 4" in script
    assert "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False" in script.splitlines()
