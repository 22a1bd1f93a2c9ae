"""The header of ABF 1: fields at fixed places; before version 1.6 it had a third of its later length."""

from __future__ import annotations

from pathlib import PureWindowsPath

from gbar.recordings.abf_header import (
    BLOCK,
    Epoch,
    Header,
    Input,
    Output,
    Source,
    UserList,
    sampled,
    sane,
    scaling,
    started,
    tags,
    telegraphed,
    text,
)

_EPOCHS = 10
_OLD_CLAMPEX = 3  # file type
_MOST_SWEEPS = 100_000


def read_v1(source: Source) -> Header:
    """The header of an ABF 1 file; raises RecordingError where it is not whole."""
    (version,) = source.values("f", 4)
    new = version > 1.59
    source.bytes(0, 6144 if new else 2048, "the end of the header")
    mode, count, ignored, sweeps = source.values("hihi", 8)
    (kind,) = source.values("h", 100)
    channels, interval, second = source.values("hff", 120)
    (per_run,) = source.values("i", 146)
    if not 1 <= channels <= 16:
        source.refuse(f"its header counts {channels} channels")
    if not 0.0 < interval < 1e7:
        source.refuse(f"its sampling interval is {interval:g} us")
    if second and second != interval:
        source.refuse(f"it changes its sampling interval within a sweep ({interval:g} and {second:g} us)")
    sweeps = 1 if mode == 3 else sweeps
    if not 1 <= sweeps <= _MOST_SWEEPS:
        source.refuse(f"its header counts {sweeps} sweeps")
    start = source.values("i", 40)[0] * BLOCK + ignored * (4 if kind == 1 else 2)
    data_type, segments = sampled(
        source, start=start, count=count, kind=kind, channels=channels, sweeps=sweeps, synch=_synch(source, interval)
    )
    protocol = text(source.bytes(4898, 256, "its protocol's path")) if new else ""
    return Header(
        version="ABF 1",
        mode=mode,
        dt=float(f"{interval * channels * 1e-3:.7g}"),
        inputs=tuple(_input(source, number, new) for number in source.values(f"{channels}h", 410)),
        outputs=_outputs_new(source) if new else _outputs_old(source),
        data_start=start,
        data_type=data_type,
        segments=segments,
        protocol_sweeps=per_run,
        old_holding=source.values("h", 36)[0] == _OLD_CLAMPEX,
        alternating=bool(new and source.values("h", 5876)[0]),
        protocol=PureWindowsPath(protocol).stem,
        comment=text(source.bytes(5154, 128, "its comment") if new else source.bytes(310, 56, "its comment")),
        started=started(*_clock(source)),
        tags=_tags(source, interval),
    )


def _clock(source: Source) -> tuple[int, int]:
    date, seconds = source.values("ii", 20)
    return date, seconds * 1000 + source.values("h", 366)[0]


def _tags(source: Source, interval: float) -> tuple[tuple[float, str], ...]:
    pointer, count = source.values("ii", 44)
    unit = source.values("f", 130)[0] or interval
    return tags(source, pointer * BLOCK, 64, count, unit * 1e-6) if pointer > 0 else ()


def _synch(source: Source, interval: float) -> list[tuple[float, int]]:
    pointer, size = source.values("ii", 92)
    (unit,) = source.values("f", 130)  # us; 0 where times are counted in samples
    if pointer <= 0 or size <= 0:
        return []
    if size > _MOST_SWEEPS:
        source.refuse(f"its header counts {size} sweeps")
    pairs = source.values(f"{2 * size}i", pointer * BLOCK, "its table of sweeps")
    second = (unit or interval) * 1e-6
    return [(begin * second, length) for begin, length in zip(pairs[::2], pairs[1::2], strict=True)]


def _input(source: Source, number: int, new: bool) -> Input:
    if not 0 <= number < 16:
        source.refuse(f"it records from input {number}")

    def real(place: int) -> float:
        return float(source.values("f", place + 4 * number)[0])

    def short(place: int) -> int:
        return int(source.values("h", place + 2 * number)[0])

    name = text(source.bytes(442 + 10 * number, 10, "a channel's name"))
    adc_range, _, resolution = source.values("ffi", 244)
    (conditioner,) = source.values("h", 1410)
    factors = [real(922), real(730)] + ([real(1050)] if conditioner else [])
    known = telegraphed(short(4512), short(4544), short(4768), real(4640)) if new else {}
    if new and short(4512):
        factors.append(real(4576))
    offset = real(986) - (real(1114) if conditioner else 0.0)
    gain, offset = scaling(source, name, adc_range, resolution, tuple(factors), offset)
    return Input(name, text(source.bytes(602 + 8 * number, 8, "a unit")), number, gain, offset, **known)


def _named(source: Source, k: int) -> tuple[str, str, int, float]:
    name, unit = source.bytes(1306 + 10 * k, 10, "an output's name"), source.bytes(1346 + 8 * k, 8, "a unit")
    return text(name), text(unit), k, sane(source.values("f", 1394 + 4 * k)[0])


def _outputs_new(source: Source) -> tuple[Output, ...]:
    """Four outputs, of which the first two can have a waveform."""
    outputs = []
    for k in range(4):
        if k > 1:
            outputs.append(Output(*_named(source, k), source=0, keeps_level=False))
            continue
        enabled, kind, keeps = (source.values("2h", place)[k] for place in (2296, 2300, 2304))
        columns = [
            source.values(f"20{form}", place)[_EPOCHS * k : _EPOCHS * (k + 1)]
            for form, place in (
                *(("h", 2308), ("f", 2348), ("f", 2428)),
                *(("i", 2508), ("i", 2588), ("i", 2136), ("i", 2216)),
            )
        ]
        outputs.append(
            Output(
                *_named(source, k),
                source=kind if enabled else 0,
                keeps_level=bool(keeps),
                epochs=tuple(_epoch(n, *fields) for n, fields in enumerate(zip(*columns, strict=True))),
                user_list=_user_list(source, k),
                conditioned=bool(source.values("2h", 3260)[k]),
                stimulus_path=text(source.bytes(2736 + 256 * k, 256, "a stimulus's path")),
                stimulus_scale=source.values("2f", 2708)[k],
                stimulus_offset=source.values("2f", 2716)[k],
                stimulus_sweep=source.values("2i", 2724)[k],
                stimulus_input=source.values("2h", 2732)[k],
                copy_start=source.values("2i", 2048)[k] * BLOCK,
                copy_sweeps=source.values("2i", 2056)[k],
            )
        )
    return tuple(outputs)


def _epoch(number: int, kind: int, level: float, step: float, *rest: int) -> Epoch:
    return Epoch(number, kind, sane(level), sane(step), *rest)


def _user_list(source: Source, k: int) -> UserList | None:
    if not source.values("4h", 3360)[k]:
        return None
    values = text(source.bytes(3376 + 256 * k, 256, "a user list"))
    return UserList(source.values("4h", 3368)[k], _EPOCHS, values, bool(source.values("4h", 4400)[k]))


def _outputs_old(source: Source) -> tuple[Output, ...]:
    """Before version 1.6: one waveform, for the active output."""
    kind, active, keeps = source.values("hhh", 1438)
    columns = [
        source.values(f"10{form}", place)
        for form, place in (("h", 1444), ("f", 1464), ("f", 1504), ("h", 1544), ("h", 1564))
    ]
    epochs = tuple(_epoch(n, *fields) for n, fields in enumerate(zip(*columns, strict=True)))
    scale, offset, _, sweep, channel = source.values("ffhhh", 1620)
    path = text(source.bytes(1634, 84, "a stimulus's path"))
    return tuple(
        Output(
            *_named(source, k),
            source=kind if k == active else 0,
            keeps_level=bool(keeps),
            epochs=epochs if k == active else (),
            conditioned=bool(source.values("h", 1718)[0]),
            stimulus_path=path,
            stimulus_scale=scale,
            stimulus_offset=offset,
            stimulus_sweep=sweep,
            stimulus_input=channel,
        )
        for k in range(4)
    )
