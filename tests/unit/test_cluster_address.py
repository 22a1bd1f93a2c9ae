"""What `--cluster` says, and what is wrong with it."""

from __future__ import annotations

import sys

import pytest

from gbar.cluster import Local, Remote, Slurm, read_address
from gbar.cluster.spread import MOST, SHARES, tasks
from gbar.errors import ClusterError
from gbar.workflows.simulate import simulate_dataset


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("local:4", Local(4)),
        ("tcp://10.0.0.7:8786", Remote("tcp://10.0.0.7:8786")),
        ("tcp://head-node.cluster:8786", Remote("tcp://head-node.cluster:8786")),
        ("tcp://[::1]:8786", Remote("tcp://[::1]:8786")),
        ("slurm:short", Slurm("short")),
        ("slurm:short,jobs=16,cores=4,memory=16GB", Slurm("short", jobs=16, cores=4, memory="16GB")),
        ("slurm:short,time=2-0,qos=low,account=lab", Slurm("short", time="2-0", qos="low", account="lab")),
    ],
)
def test_addresses(text, expected):
    assert read_address(text) == expected
    assert read_address(str(expected)) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "use local:N, tcp://HOST:PORT or slurm:PARTITION"),
        ("dask", "it names no kind of cluster that is known"),
        ("local", "a number of worker processes is expected"),
        ("local:0", "a number of worker processes is expected"),
        ("local:-2", "a number of worker processes is expected"),
        ("tcp://host", "a host and a port are expected"),
        ("tcp://host:99999", "a host and a port are expected"),
        ("tcp://host:80/;rm", "a host and a port are expected"),
        ("slurm:", "a partition is expected"),
        ("slurm:a b", "a partition is expected"),
        ("slurm:short,job=2", "unknown key 'job'; did you mean jobs"),
        ("slurm:short,jobs=0", "jobs is '0'; give a number of 1 or more"),
        ("slurm:short,memory=4", "memory is '4'; give a number and MB, GB or TB"),
        ("slurm:short,time=soon", "time is 'soon'; give minutes"),
        ("slurm:short,account=x\n#SBATCH", "account is"),
        ("slurm:short,jobs=2,jobs=3", "jobs is given twice"),
    ],
)
def test_refusals(text, line):
    with pytest.raises(ClusterError) as refused:
        read_address(text)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_threads_are_those_of_this_machine(tmp_path):
    with pytest.raises(ClusterError, match="--threads 2 with --cluster tcp://host:8786; leave it out"):
        simulate_dataset("sphere", tmp_path / "out.zarr", cluster="tcp://host:8786", threads=2)


@pytest.mark.parametrize(("blocks", "threads"), [(1, 1), (10, 64), (7_000, 2), (19_532, 64), (5, 0)])
def test_every_block_is_in_one_task(blocks, threads):
    all_blocks = [(64 * i, 64 * (i + 1)) for i in range(blocks)]
    handed = tasks(all_blocks, threads)
    assert [block for task in handed for block in task] == all_blocks
    assert max(map(len, handed)) <= MOST
    assert len(handed) >= min(blocks, SHARES * threads)


def test_without_dask(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith("gbar.cluster")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"--cluster needs Dask .*; pip install 'gbar\[cluster\]'"):
        simulate_dataset("sphere", tmp_path / "out.zarr", cluster="local:2")
