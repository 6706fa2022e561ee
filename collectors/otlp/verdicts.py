"""Verdicts on answers of generative AI, and security events: counted, with nothing of what was said."""

from __future__ import annotations

from collections.abc import Mapping

from burnline.collectors.otlp.tally import Tally
from burnline.collectors.otlp.wire import Scalar, text
from burnline.metrics import genai, security
from burnline.spec.service import ServiceSpec
from burnline.spec.telemetry import EvaluationSpec

EVALUATION = "gen_ai.evaluation.result"
NAME, SCORE, LABEL = "gen_ai.evaluation.name", "gen_ai.evaluation.score.value", "gen_ai.evaluation.score.label"
HIGHEST_SCORE = 1e12
EVALUATION_READ = frozenset({NAME, SCORE, LABEL})
# Labels that mean the same whatever is judged; `yes` and `high` do not.
GOOD = frozenset(
    {
        "pass",
        "passed",
        "good",
        "ok",
        "correct",
        "relevant",
        "grounded",
        "faithful",
        "safe",
        "clean",
        "benign",
        "allowed",
        "allow",
    }
)
BAD = frozenset(
    {
        "fail",
        "failed",
        "bad",
        "incorrect",
        "irrelevant",
        "ungrounded",
        "unfaithful",
        "hallucinated",
        "hallucination",
        "toxic",
        "unsafe",
        "harmful",
        "malicious",
        "injection",
        "jailbreak",
        "blocked",
        "block",
        "flagged",
        "detected",
    }
)
# Evaluations whose bad verdict is a security event as well; written without -, _ and spaces.
GUARDRAILS = {
    "promptinjection": "prompt_injection",
    "promptattack": "prompt_injection",
    "indirectattack": "prompt_injection",
    "jailbreak": "jailbreak",
    "pii": "pii",
    "piileak": "pii",
    "personaldata": "pii",
    "sensitivedata": "pii",
}
# Names of events: OWASP's logging vocabulary, whose names may go on after a colon, and what services call theirs.
EVENTS = {
    "authn_login_fail": "authentication_failure",
    "authn_login_fail_max": "authentication_failure",
    "authn_login_lock": "authentication_failure",
    "authn_token_reuse": "authentication_failure",
    "authentication_failure": "authentication_failure",
    "authz_fail": "authorization_failure",
    "authorization_failure": "authorization_failure",
    "excess_rate_limit_exceeded": "rate_limited",
    "rate_limited": "rate_limited",
    "input_validation_fail": "invalid_input",
    "malicious_excess_404": "attack",
    "malicious_extraneous": "attack",
    "malicious_attack_tool": "attack",
    "malicious_direct_reference": "attack",
    "prompt_injection": "prompt_injection",
    "jailbreak": "jailbreak",
    "pii": "pii",
}


def fold_evaluation(tally: Tally, attributes: Mapping[str, Scalar], spec: ServiceSpec) -> None:
    """Count one verdict; one that says neither good nor bad is counted as unjudged, never as good."""
    name = text(attributes.get(NAME, "")) or "unknown"
    value = _score(attributes.get(SCORE))
    if value is not None:
        tally.add(genai.SCORE_COUNT, evaluation=name)
        tally.add(genai.SCORE_SUM, value, evaluation=name)
    bad = is_bad(text(attributes.get(LABEL, "")), value, spec.telemetry.evaluations.get(name))
    if bad is None:
        tally.add(genai.UNJUDGED, evaluation=name)
        return
    tally.add(genai.EVALUATIONS, evaluation=name)
    if bad:
        tally.add(genai.BAD_EVALUATIONS, evaluation=name)
        if kind := GUARDRAILS.get(_plain(name)):
            tally.add(security.EVENTS, kind=kind)


def is_bad(label: str, score: float | None, spec: EvaluationSpec | None) -> bool | None:
    """Whether a verdict is bad: by the service file, else by a label that means one thing only; None: neither."""
    label = label.strip().lower()
    if spec:
        if label in {each.lower() for each in spec.bad}:
            return True
        if label in {each.lower() for each in spec.good}:
            return False
        if score is not None and (spec.bad_below is not None or spec.bad_above is not None):
            below = spec.bad_below is not None and score < spec.bad_below
            return below or (spec.bad_above is not None and score > spec.bad_above)
    return True if label in BAD else False if label in GOOD else None


def security_kind(event: str, attributes: Mapping[str, Scalar]) -> str:
    """The kind of security event a log record tells of; empty when of none."""
    if kind := EVENTS.get(event.partition(":")[0].strip().lower()):
        return kind
    if attributes.get("event.outcome") == "failure" and attributes.get("event.category") == "authentication":
        return "authentication_failure"  # as the Elastic Common Schema says it
    return ""


def _score(value: Scalar | None) -> float | None:
    """A score that is a number; NaN is none, and would be below nothing: good."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < HIGHEST_SCORE:
        return None
    return float(value)


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")
