"""Whatever is given instead of a recording: one line that names the file and what is wrong, and nothing else."""

from __future__ import annotations

import shutil
import zipfile

import h5py
import numpy as np
import pytest
from nwb_files import LENGTH, Writer, plain, step, voltage

from gbar.errors import RecordingError
from gbar.recordings import read

GARBAGE = np.random.default_rng(0).integers(0, 256, 5000, dtype=np.uint8).tobytes()


def written(data):
    return lambda path: path.write_bytes(data)


def truncated_nwb(path):
    whole = plain(path.with_name("whole.nwb")).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def scrambled_nwb(path):
    whole = bytearray(plain(path.with_name("whole.nwb")).read_bytes())
    whole[100:4000] = GARBAGE[:3900]
    path.write_bytes(whole)


def truncated_npz(path):
    np.savez(path, time_ms=np.arange(1000.0), voltage_mV=np.zeros(1000), current_pA=np.zeros(1000))
    path.write_bytes(path.read_bytes()[:3000])


def nan_nwb(path):
    v = voltage(0.1)
    v[10] = np.nan
    plain(path, v=v)


def nan_csv(path):
    lines = [f"{0.05 * k},{'nan' if k == 30 else -65.0},0" for k in range(100)]
    path.write_text("time_ms,voltage_mV,current_pA\n" + "\n".join(lines))


def infinite_nwb(path):
    current = step(0.1)
    current[20] = np.inf
    plain(path, current=current)


def clamped(path):
    writer = Writer()
    writer.respond("vc", np.zeros(LENGTH), kind="VoltageClampSeries", sweep_number=1)
    writer.write(path)


def no_stimulus(path):
    writer = Writer()
    writer.respond("r", voltage(0.1) * 1e-3, sweep_number=1)
    writer.write(path)


def claimed(path, place, shape=(4_000_000_000,)):
    """A small file whose data set claims samples that were never written."""
    plain(path)
    with h5py.File(path, "r+") as h5:
        group, name = place.rsplit("/", 1)
        old = dict(h5[place].attrs) if place in h5 else {}
        if place in h5:
            del h5[place]
        h5[group].create_dataset(name, shape=shape, dtype="f8", chunks=(1000,)).attrs.update(old)
    assert path.stat().st_size < 1_000_000


def claimed_times(path):
    claimed(path, "acquisition/response_0/timestamps")
    with h5py.File(path, "r+") as h5:
        group = h5["acquisition/response_0"]
        group["timestamps"].attrs.update(interval=1, unit="seconds")
        del group["starting_time"]


def claimed_version(path):
    with h5py.File(path, "w") as h5:
        h5.create_dataset("nwb_version", shape=(4_000_000_000,), dtype="f8", chunks=(1000,))


def npz_of_headers(path, *arrays):
    """An archive of (name, shape, type), the headers alone."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, shape, kind in arrays:
            with archive.open(f"{name}.npy", "w") as stream:
                header = {"descr": kind, "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)


def not_an_array(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "made by hand")


def short(path):
    path.write_text("time_ms,voltage_mV,current_pA\n0,-65,0\n0.05,-65,0\n")


CASES = {
    "missing nwb": ("cell.nwb", lambda path: None, "no such file"),
    "missing csv": ("cell.csv", lambda path: None, "no such file"),
    "directory": ("cell.nwb", lambda path: path.mkdir(), "is a directory"),
    "zarr-like directory": ("cell.csv", lambda path: path.mkdir(), "is a directory"),
    "empty nwb": ("cell.nwb", written(b""), "is empty"),
    "empty csv": ("cell.csv", written(b""), "is empty"),
    "empty npz": ("cell.npz", written(b""), "is empty"),
    "blank csv": ("cell.csv", written(b"\n\n  \n"), "holds no numbers"),
    "heading only": ("cell.csv", written(b"time_ms,voltage_mV,current_pA\n"), "no numbers below"),
    "prose": ("cell.csv", written(b"Dear all,\nplease find attached\n"), "is not a number"),
    "garbage nwb": ("cell.nwb", written(GARBAGE), "not HDF5 as .nwb promises"),
    "garbage csv": ("cell.csv", written(GARBAGE), "not text as .csv promises"),
    "garbage npz": ("cell.npz", written(GARBAGE), "not NPZ as .npz promises"),
    "garbage": ("cell", written(GARBAGE), "unknown binary data"),
    "latin-1": ("cell.csv", written("time_ms,voltage_mV,current_µA\n".encode("latin-1")), "unknown binary data"),
    "text as nwb": ("cell.nwb", written(b"time_ms,voltage_mV\n0,1\n"), "content is text, not HDF5"),
    "text as npz": ("cell.npz", written(b"time_ms,voltage_mV\n0,1\n"), "content is text, not NPZ"),
    "nwb as csv": ("cell.csv", plain, "content is HDF5, not text"),
    "zip as npz": ("cell.npz", written(b"PK\x03\x04" + GARBAGE), "not a readable NPZ"),
    "hdf5 mark only": ("cell.nwb", written(b"\x89HDF\r\n\x1a\n" + GARBAGE), "not a readable HDF5 file"),
    "truncated nwb": ("cell.nwb", truncated_nwb, "truncated"),
    "scrambled nwb": ("cell.nwb", scrambled_nwb, "HDF5|cannot be read as NWB 2"),
    "truncated npz": ("cell.npz", truncated_npz, "not a readable NPZ"),
    "nan nwb": ("cell.nwb", nan_nwb, "sweep response_0: the voltage is nan at sample 10"),
    "nan csv": ("cell.csv", nan_csv, "sweep sweep_0: the voltage is nan at sample 30"),
    "infinite current": ("cell.nwb", infinite_nwb, "the current is inf at sample 20"),
    "voltage clamp": ("cell.nwb", clamped, "voltage clamp"),
    "no stimulus": ("cell.nwb", no_stimulus, "no stimulus"),
    "wrong unit of voltage": ("cell.nwb", lambda path: plain(path, v=voltage(0.1) * 1e3), "is its unit wrong"),
    "wrong unit of current": ("cell.nwb", lambda path: plain(path, current=step(0.1) * 1e3), "is its unit wrong"),
    "4e9 voltages": (
        "cell.nwb",
        lambda path: claimed(path, "acquisition/response_0/data"),
        "claims 4000000000 samples",
    ),
    "4e9 currents": (
        "cell.nwb",
        lambda path: claimed(path, "stimulus/presentation/stimulus_0/data"),
        "sweep response_0: stimulus_0 claims 4000000000 samples, more than 1000 MB; cut it",
    ),
    "4e9 time stamps": ("cell.nwb", claimed_times, "response_0 has 4000000000 time stamps for 4000 samples"),
    "4e9 versions": ("cell.nwb", claimed_version, "not NWB 2"),
    "4e10 doubles": (
        "cell.npz",
        lambda path: npz_of_headers(path, ("voltage_mV", (1, 40_000_000_000), "<f8")),
        r"arrays claim more than 2000 MB \(voltage_mV has the shape \(1, 40000000000\)\); save fewer",
    ),
    "1.8e9 bytes that become doubles": (
        "cell.npz",
        lambda path: npz_of_headers(path, ("voltage_mV", (1_800_000_000,), "|i1")),
        "claim more than 2000 MB",
    ),
    "negative shape": ("cell.npz", lambda path: npz_of_headers(path, ("v", (-1,), "<f8")), "not a readable NPZ"),
    "no array": ("cell.npz", not_an_array, "not a readable NPZ"),
    "two samples": ("cell.csv", short, "only 2 samples"),
    "abf as nwb": ("cell.nwb", written(b"ABF2" + GARBAGE), "content is Axon binary, not HDF5 as .nwb"),
    "ibw": ("cell.ibw", written(GARBAGE), "Igor binary wave.*gbar reads NWB 2"),
    "heka": ("cell.dat", written(b"DAT2" + GARBAGE), "HEKA"),
    "spike2": ("cell.smrx", written(GARBAGE), "Spike2 file, which gbar does not read; convert it to NWB 2"),
    "winwcp": ("cell.wcp", written(GARBAGE), "WinWCP file, which gbar does not read; convert it to NWB 2"),
    "matlab": ("cell.mat", written(b"MATLAB 5.0" + GARBAGE), "MATLAB file, .* convert it to NWB 2"),
    "axograph": ("cell", written(b"axgx" + GARBAGE), "AxoGraph file"),
    "packed experiment": ("cell.pxp", written(GARBAGE), "save its waves as Igor binary"),
    "heka without its ending": ("cell", written(b"DAT1" + GARBAGE), "HEKA file, which gbar does not read; convert it"),
    "atf": ("cell.atf", written(b"ATF\t1.0\n"), "Axon text file"),
    "text as abf": ("cell.abf", written(b"time_ms\n"), "content is text, not Axon binary as .abf promises"),
    "text as ibw": ("cell.ibw", written(b"time_ms\n"), "content is text, not an Igor binary wave as .ibw promises"),
    "npy": ("cell.npy", written(b"\x93NUMPY" + GARBAGE), "single NumPy array"),
    "pickle": ("cell.pkl", written(b"cos\nsystem\n(S'touch hacked'\ntR."), "pickle"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_line(tmp_path, case):
    name, make, message = CASES[case]
    path = tmp_path / name
    make(path)
    with pytest.raises(RecordingError, match=message) as caught:
        read(path)
    line = str(caught.value)
    assert line.startswith(str(path))
    assert "\n" not in line
    assert len(line) < 600


def test_folders(tmp_path):
    with pytest.raises(RecordingError, match="is a directory, not a recording; name a file in it, or a cell file"):
        read(tmp_path)
    (tmp_path / "X_step_ch0_1.ibw").write_bytes(GARBAGE)
    plain(tmp_path / "cell.nwb")
    with pytest.raises(RecordingError, match=r"directory with \.ibw and \.nwb files: which of them are one cell"):
        read(tmp_path)
    (tmp_path / "cell.zarr").mkdir()
    (tmp_path / "cell.zarr" / ".zgroup").write_text("{}")
    with pytest.raises(RecordingError, match=r"directory of Zarr data.*export it as NWB 2 in HDF5"):
        read(tmp_path / "cell.zarr")


def test_a_file_that_may_not_be_opened(tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    path = plain(tmp_path / "cell.nwb")
    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(RecordingError, match="cannot be opened: Permission denied; check the path and its permissions"):
        read(path)


def test_a_name_too_long_for_the_system():
    with pytest.raises(RecordingError, match="cannot be opened: File name too long"):
        read("x" * 5000 + ".nwb")


def test_every_cut_of_a_file_is_refused_or_read_whole(tmp_path):
    """A file cut off anywhere never ends in anything but RecordingError."""
    whole = plain(tmp_path / "whole.nwb")
    size = whole.stat().st_size
    for cut in np.linspace(1, size - 1, 25).astype(int):
        path = tmp_path / "cut.nwb"
        shutil.copy(whole, path)
        with path.open("r+b") as stream:
            stream.truncate(int(cut))
        with pytest.raises(RecordingError):
            read(path)
