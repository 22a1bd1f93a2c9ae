"""The header of ABF 2: a table of sections, each with entries of one kind; texts are counted from 1 in one section."""

from __future__ import annotations

from dataclasses import dataclass
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

# where the table of sections names each of them
_PROTOCOL, _ADC, _DAC, _EPOCH_PER_DAC, _USER_LIST, _STRINGS = 76, 92, 108, 156, 172, 220
_DATA, _TAGS, _SYNCH = 236, 252, 316
_MOST = {_TAGS: 1_000_000, _ADC: 64, _DAC: 64, _EPOCH_PER_DAC: 4096, _USER_LIST: 64, _SYNCH: 100_000}
_MOST_TEXT = 1_000_000  # bytes
_STRINGS_HEAD = 44  # bytes
_EPOCHS = 10
_EPOCHS_LATER = 50  # from version 2.9 on


@dataclass(frozen=True)
class _Section:
    start: int  # byte
    width: int  # bytes of an entry
    count: int

    @property
    def entries(self) -> list[int]:
        """The byte at which each entry begins."""
        return [self.start + k * self.width for k in range(self.count)]


def read_v2(source: Source) -> Header:
    """The header of an ABF 2 file; raises RecordingError where it is not whole."""
    strings = _strings(source)
    version, _, sweeps = source.values("4sII", 4)
    (kind,) = source.values("h", 30)
    sections = {place: _section(source, place) for place in _MOST}
    start = _section(source, _PROTOCOL, required=True).start
    mode, interval = source.values("hf", start, "its protocol")
    channels = sections[_ADC].count
    if not channels:
        source.refuse("its header counts no channels")
    if not 0.0 < interval < 1e7:
        source.refuse(f"its sampling interval is {interval:g} us")
    sweeps = 1 if mode == 3 else sweeps
    if not 1 <= sweeps <= _MOST[_SYNCH]:
        source.refuse(f"its header counts {sweeps} sweeps")
    block, _, count = source.values("IIq", _DATA)
    second = (source.values("f", start + 14)[0] or interval / channels) * 1e-6
    data_type, segments = sampled(
        source,
        start=block * BLOCK,
        count=count,
        kind=kind,
        channels=channels,
        sweeps=sweeps,
        synch=_synch(source, sections[_SYNCH], second),
    )
    most = _EPOCHS_LATER if (version[3], version[2]) >= (2, 9) else _EPOCHS
    return Header(
        version="ABF 2",
        mode=mode,
        dt=float(f"{interval * 1e-3:.7g}"),
        inputs=tuple(_input(source, place, start, strings) for place in sections[_ADC].entries),
        outputs=_outputs(source, sections, strings, most),
        data_start=block * BLOCK,
        data_type=data_type,
        segments=segments,
        protocol_sweeps=source.values("i", start + 30)[0],
        old_holding=False,
        alternating=bool(source.values("h", start + 182)[0]),
        protocol=PureWindowsPath(_string(strings, source.values("I", 72)[0])).stem,
        comment=_string(strings, source.values("i", start + 132)[0]),
        started=started(*source.values("II", 16)),
        tags=tags(source, sections[_TAGS].start, sections[_TAGS].width, sections[_TAGS].count, second),
    )


def _section(source: Source, place: int, required: bool = False) -> _Section:
    block, width, count = source.values("IIq", place)
    if not block or not count:
        if required:
            source.refuse("it has no section for its protocol")
        return _Section(0, 0, 0)
    if not 0 < count <= _MOST.get(place, 1) or block * BLOCK + count * width > source.size:
        where = f"at byte {block * BLOCK}, but it has {source.size} bytes"
        source.refuse(f"its header has a section of {count} entries of {width} bytes {where}")
    return _Section(block * BLOCK, width, count)


def _strings(source: Source) -> list[str]:
    block, width, _ = source.values("IIq", _STRINGS)
    start = block * BLOCK
    _, _, count, _, total = source.values("4sIIIi", start, "its texts")
    if not 0 <= total <= _MOST_TEXT or count > _MOST_TEXT:
        source.refuse(f"its header counts {total} bytes of text")
    length = max(0, min(max(total, width - _STRINGS_HEAD), source.size - start - _STRINGS_HEAD, _MOST_TEXT))
    raw = source.bytes(start + _STRINGS_HEAD, length, "its texts")
    return [text(part) for part in raw.split(b"\0")[:count]]


def _string(strings: list[str], index: int) -> str:
    return strings[index - 1] if 0 < index <= len(strings) else ""


def _synch(source: Source, section: _Section, second: float) -> list[tuple[float, int]]:
    """Each sweep's start in s and its length; `second` is the unit of the times."""
    pairs = [source.values("ii", place, "its table of sweeps") for place in section.entries]
    return [(begin * second, length) for begin, length in pairs]


def _input(source: Source, place: int, protocol: int, strings: list[str]) -> Input:
    number, enabled, instrument, extra, corner = source.values("hhhff", place, "a channel")
    (mode,) = source.values("h", place + 18)
    programmable, _, _, scale, shift, signal_gain, signal_offset = source.values("7f", place + 28)
    name_index, unit_index = source.values("ii", place + 74)
    adc_range, _, resolution = source.values("ffi", protocol + 110)
    (conditioner,) = source.values("h", protocol + 138)
    factors = [scale, programmable] + ([signal_gain] if conditioner else []) + ([extra] if enabled else [])
    name = _string(strings, name_index)
    offset = shift - (signal_offset if conditioner else 0.0)
    gain, offset = scaling(source, name, adc_range, resolution, tuple(factors), offset)
    known = telegraphed(enabled, instrument, mode, corner)
    return Input(name, _string(strings, unit_index), number, gain, offset, **known)


def _outputs(source: Source, sections: dict[int, _Section], strings: list[str], most: int) -> tuple[Output, ...]:
    epochs: dict[int, list[Epoch]] = {}
    for place in sections[_EPOCH_PER_DAC].entries:
        number, output, kind, level, step, *rest = source.values("hhhffiiii", place, "an epoch")
        epochs.setdefault(output, []).append(Epoch(number, kind, sane(level), sane(step), *rest))
    lists = {}
    for place in sections[_USER_LIST].entries:
        output, _, parameter, repeats, index = source.values("hhhhi", place, "a user list")
        lists[output] = UserList(parameter, most, _string(strings, index), bool(repeats))
    outputs = []
    for place in sections[_DAC].entries:
        (number,) = source.values("h", place, "an output")
        (holding,) = source.values("f", place + 12)
        name, unit = source.values("ii", place + 24)
        copy, copy_sweeps = source.values("ii", place + 32)
        enabled, kind, keeps, scale, offset, sweep, channel, conditioned = source.values("hhhffihh", place + 40)
        outputs.append(
            Output(
                _string(strings, name),
                _string(strings, unit),
                number,
                sane(holding),
                source=kind if enabled else 0,
                keeps_level=bool(keeps),
                epochs=tuple(sorted(epochs.get(number, []), key=lambda e: e.number)),
                user_list=lists.get(number),
                conditioned=bool(conditioned),
                stimulus_path=_string(strings, source.values("i", place + 118)[0]),
                stimulus_scale=scale,
                stimulus_offset=offset,
                stimulus_sweep=sweep,
                stimulus_input=channel,
                copy_start=copy * BLOCK,
                copy_sweeps=copy_sweeps,
            )
        )
    return tuple(outputs)
