"""The experiment done on a cell: waveforms, the stimuli made of them, and the protocol made of those."""

from gbar.protocol.protocol import Protocol, Stimulus
from gbar.protocol.waveform import Chirp, Noise, Ramp, Sampled, Step, Sum, Train, Waveform, from_table

__all__ = [
    "Chirp",
    "Noise",
    "Protocol",
    "Ramp",
    "Sampled",
    "Step",
    "Stimulus",
    "Sum",
    "Train",
    "Waveform",
    "from_table",
]
