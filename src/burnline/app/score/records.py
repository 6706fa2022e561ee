"""What `burnline score` writes: a record for every window and feature, and one that sums up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from burnline.app.score.rows import Rows
from burnline.app.score.verbs import Verb
from burnline.detectors.contract import Judgement
from burnline.detectors.drift import EVIDENCE
from burnline.events import Contributor, Verdict

BY_COLUMN = ("drift", "training_skew")  # each column needs values of its own
DIGITS = 6
NOTHING = "Nothing beyond what is allowed."


@dataclass(frozen=True, slots=True)
class Window:
    """A closed window: the rows it holds, counted from 0, and what the detector says of them.

    Attributes:
        scores: what it says of each feature that it says something of.
    """

    number: int
    start: int
    end: int
    judgement: Judgement
    scores: Mapping[str, Contributor]


class Records:
    """Of each window a record for every feature, in the order of the reference, or one in all.

    `limit` is the score above which a feature is in alarm.
    """

    def __init__(self, verb: Verb, rows: Rows, limit: float) -> None:
        self._verb, self._rows, self._limit = verb, rows, limit

    def of(self, window: Window) -> Iterator[tuple[dict[str, Any], Contributor | None]]:
        """Each with what the detector says of it."""
        said = window.judgement
        if not self._verb.by_feature:
            found = said.contributors[0] if said.contributors else None
            shown = said.contributors
            yield self._record(window, self._verb.whole, said.score, said.verdict, shown, said.reason), found
            return
        names = dict.fromkeys([*self._rows.features, *window.scores])
        for name in names:
            found = window.scores.get(name)
            score, verdict = (said.score, said.verdict) if len(names) == 1 else self._share(said, found)
            shown = (found,) if found and (found.score > 0 or verdict is Verdict.ALARM) else ()
            reason = NOTHING if found is None and verdict is Verdict.OK and len(names) > 1 else None
            yield self._record(window, name, score, verdict, shown, reason or _reason(said, found, verdict)), found

    def _record(
        self,
        window: Window,
        feature: str,
        score: float | None,
        verdict: Verdict,
        shown: tuple[Contributor, ...],
        reason: str,
    ) -> dict[str, Any]:
        return {
            "signal": self._verb.signal,
            "window": window.number,
            "start": window.start,
            "end": window.end,
            "feature": feature,
            "score": score if score is None else round(score, DIGITS),
            "verdict": verdict.value,
            "alarm": verdict is Verdict.ALARM,
            "contributors": [_plain(each) for each in shown],
            "reason": reason,
        }

    def _share(self, said: Judgement, found: Contributor | None) -> tuple[float | None, Verdict]:
        """One feature's part in a judgement: of a window in alarm, the features over the limit are."""
        score = None if said.score is None else found.score if found else 0.0
        if found is None and self._verb.signal in BY_COLUMN:
            return None, Verdict.NO_DATA
        if said.verdict is not Verdict.ALARM:
            return score, said.verdict
        over = (score or 0.0) > self._limit or (found is not None and found.shown.get(EVIDENCE, 0.0) >= 1)
        over |= found is not None and found is said.contributors[0]  # an alarm lasts while its evidence fades
        return score, Verdict.ALARM if over else Verdict.OK


def _reason(said: Judgement, found: Contributor | None, verdict: Verdict) -> str:
    if found is not None and found.detail:
        return found.detail
    if verdict is Verdict.NO_DATA and said.verdict is not Verdict.NO_DATA:
        return "Too few values in the window."
    return NOTHING if said.verdict is Verdict.ALARM and said.contributors else said.reason


def _plain(found: Contributor) -> dict[str, Any]:
    plain = {name: value for name, value in asdict(found).items() if value or name == "score"}
    return {**plain, "score": round(found.score, DIGITS)}


class Summary:
    """What all windows together say."""

    def __init__(self, verb: Verb) -> None:
        self._signal = verb.signal
        self.rows = 0
        self.windows = self.alarms = self.silent = 0
        self._first: int | None = None
        self._features: dict[str, dict[str, Any]] = {}
        self._end = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """One record of a window."""
        if record["score"] is None:
            return
        known = self._features.setdefault(record["feature"], {"alarms": 0, "worst": 0.0, "first_alarm": None})
        known["worst"] = max(known["worst"], record["score"])
        if record["alarm"]:
            known["alarms"] += 1
            known["first_alarm"] = record["window"] if known["first_alarm"] is None else known["first_alarm"]

    def close(self, window: Window) -> None:
        """A window whose records are all added."""
        self.windows, self._end = self.windows + 1, window.end
        self.silent += window.judgement.verdict is Verdict.NO_DATA
        if window.judgement.verdict is Verdict.ALARM:
            self.alarms += 1
            self._first = window.number if self._first is None else self._first

    def record(self, more: Mapping[str, Any]) -> dict[str, Any]:
        """The last record; `more` is what the rows tell of themselves."""
        judged = self.windows - self.silent
        verdict = Verdict.ALARM if self.alarms else Verdict.OK if judged else Verdict.NO_DATA
        return {
            "summary": True,
            "signal": self._signal,
            "rows": self.rows,
            "windows": self.windows,
            "alarms": self.alarms,
            "no_data": self.silent,
            "first_alarm": self._first,
            "rows_left": self.rows - self._end,
            "verdict": verdict.value,
            "alarm": verdict is Verdict.ALARM,
            **more,
            "features": self._features,
        }
