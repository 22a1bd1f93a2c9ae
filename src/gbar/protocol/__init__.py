"""The experiment done on a cell: waveforms, the stimuli made of them, and the protocol made of those."""

from gbar.protocol.condition import CONTROL, Block, Condition
from gbar.protocol.protocol import Injection, Protocol, Stimulus, VoltageClamp
from gbar.protocol.waveform import Chirp, Noise, Ramp, Sampled, Step, Sum, Train, Waveform, from_table

__all__ = [
    "CONTROL",
    "Block",
    "Chirp",
    "Condition",
    "Injection",
    "Noise",
    "Protocol",
    "Ramp",
    "Sampled",
    "Step",
    "Stimulus",
    "Sum",
    "Train",
    "VoltageClamp",
    "Waveform",
    "from_table",
]
