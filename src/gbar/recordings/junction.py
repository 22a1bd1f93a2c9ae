"""The liquid junction potential as people write it down: "LJP of -14 mV, not corrected"."""

from __future__ import annotations

import re
from collections.abc import Iterable

_MENTIONED = re.compile(r"junction[\s_]+pot|\bLJP\b", re.IGNORECASE)
_NUMBER = r"(?P<value>[-+]?\d+(?:\.\d+)?)\s*(?P<unit>mV|millivolts?|V|volts?)\b"
_AFTER = re.compile(rf"(?:junction[\s_]+pot\w*|\bLJP\b)[^\d;]{{0,40}}?(?<![\d.-]){_NUMBER}", re.IGNORECASE)
_BEFORE = re.compile(rf"(?<![\d.-]){_NUMBER}(?:\s+\w+){{0,3}}?\s+(?:junction[\s_]+pot|LJP\b)", re.IGNORECASE)
_DEED = r"(?:correct|subtract|compensat|adjust|account)(?:ed|ion|ing)"
_UNDONE = re.compile(
    rf"un(?:correct|compensat|adjust)ed|\b(?:not|no|never|without|neither)\b(?:\s+\w+){{0,3}}?\s+{_DEED}"
    rf"|{_DEED}\s*[:=]?\s*(?:no|false|none|0)\b",
    re.IGNORECASE,
)
_TO_DO = re.compile(rf"\b(?:should|must|needs?|to|can|may|could|if)\b(?:\s+\w+){{0,2}}?\s+{_DEED}", re.IGNORECASE)
_DONE = re.compile(_DEED, re.IGNORECASE)
_SENTENCES = re.compile(r"[;\n]|\.(?!\d)")


def stated_junction(texts: Iterable[str]) -> tuple[float | None, bool | None]:
    """The junction potential in mV and whether the voltages have it subtracted; None where the texts do not say.

    Texts that contradict each other say nothing.

    >>> stated_junction(["Junction potential of -14.5 mV was not corrected."])
    (-14.5, False)
    """
    values, corrected = set(), set()
    for text in set(texts):
        for sentence in _about_it(text.replace("\u2212", "-")):
            for found in (*_AFTER.finditer(sentence), *_BEFORE.finditer(sentence)):
                scale = 1.0 if found["unit"].lower().startswith("m") else 1e3
                values.add(float(found["value"]) * scale)
            rest, undone = _UNDONE.subn(" ", sentence)
            done = _DONE.search(_TO_DO.sub(" ", rest))
            corrected |= ({False} if undone else set()) | ({True} if done else set())
    return (
        values.pop() if len(values) == 1 else None,
        corrected.pop() if len(corrected) == 1 else None,
    )


def _about_it(text: str) -> list[str]:
    """The sentences that mention it, each with the one behind it if that says what was done ("14 mV. Uncorrected")."""
    sentences = _SENTENCES.split(text)
    found = []
    for k, sentence in enumerate(sentences):
        if _MENTIONED.search(sentence):
            behind = sentences[k + 1].strip() if k + 1 < len(sentences) else ""
            short = behind if len(behind.split()) <= 3 else ""
            found.append(f"{sentence} {short}")
    return found
