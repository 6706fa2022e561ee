"""How well tier 0 tells ungrounded answers from grounded ones, and what an answer costs.

    python benchmarks/grounding.py FILE.jsonl...

Each line of a file has sources, question, answer and ungrounded (0 or 1). Printed are the AUROC with its 95 %
interval, that of the answer's length alone (a set that length gives away proves nothing), that of the share of
content words which stand nowhere in the sources (the obvious way), and the CPU time of an answer. Without a file
the pages of docs/ are the sources: an answer is three sentences of one page, an ungrounded one has one of another
page instead. That is easy, and only says that nothing is broken.

Then the same for sentences of the file's own sources as answers, half of them with one thing wrong in the sources' own
words: two names exchanged, a name or a number exchanged for another of the sources, or a negation put in.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from burnline.app.grounding_lines import Line, read_lines
from burnline.detectors.grounding.accuracy import Estimate, auroc
from burnline.detectors.grounding.score import ground

SENTENCE = re.compile(r"(?<=[a-z0-9)][.!?])\s+(?=[A-Z])")
NAME = re.compile(r"(?<=[a-z,] )[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,.]*\d(?!\w)")
VERB = re.compile(r"\b(?:is|was|are|were|has|had|will|can)\b(?! not)")
MOST = 300  # sentences of a kind
DOCS = Path(__file__).parents[1] / "docs"


def given(path: Path) -> Sequence[Line]:
    """The labelled lines of a file that have sources."""
    lines = (line for line in read_lines(path) if isinstance(line, Line))
    return [line for line in lines if line.ungrounded is not None and any(map(str.strip, line.sources))]


def made(*, seed: int = 7) -> Iterator[Line]:
    """Answers from the pages of the documentation."""
    rng = random.Random(seed)
    pages = {path.stem: re.findall(r"(?<=\. )[A-Z][^.|`]{40,200}\.", path.read_text()) for path in DOCS.glob("*.md")}
    pages = {name: found for name, found in pages.items() if len(found) > 8}
    for number, (name, found) in enumerate(sorted(pages.items()) * 20):
        told = rng.sample(found, 3)
        ungrounded = rng.random() < 0.5
        if ungrounded:
            told[rng.randrange(3)] = rng.choice(pages[rng.choice(sorted(set(pages) - {name}))])
        yield Line(number, [" ".join(found)], "", " ".join(told), ungrounded)


def wrong(sentence: str, source: str, rng: random.Random) -> dict[str, str]:
    """What can be made wrong in a sentence with words of its source, by the kind of it."""
    found: dict[str, str] = {}
    names, others = sorted(set(NAME.findall(sentence))), sorted(set(NAME.findall(source)))
    numbers, values = sorted(set(NUMBER.findall(sentence))), sorted(set(NUMBER.findall(source)))
    if len(names) > 1:
        one, other = rng.sample(names, 2)
        found["names exchanged"] = sentence.replace(one, "\0").replace(other, one).replace("\0", other)
    if names and (foreign := [each for each in others if each not in sentence]):
        found["another name"] = sentence.replace(rng.choice(names), rng.choice(foreign))
    if numbers and (foreign := [each for each in values if each not in sentence]):
        found["another number"] = sentence.replace(rng.choice(numbers), rng.choice(foreign))
    if (verb := VERB.search(sentence)) and verb.end() < len(sentence):
        found["a negation"] = f"{sentence[: verb.end()]} not{sentence[verb.end() :]}"
    return found


def turned(lines: Sequence[Line], *, seed: int = 7) -> dict[str, list[Line]]:
    """Sentences of the sources, as they stand or with one thing wrong, by the kind of that."""
    rng, found = random.Random(seed), dict[str, list[Line]]()
    for source in sorted({" ".join(line.sources) for line in lines}):
        told = [each for each in SENTENCE.split(source) if 50 < len(each) < 260]
        for sentence in rng.sample(told, min(6, len(told))):
            made_wrong = wrong(sentence, source, rng)
            if made_wrong:
                kind = rng.choice(sorted(made_wrong))
                is_wrong = rng.random() < 0.5
                answer = made_wrong[kind] if is_wrong else sentence
                found.setdefault(kind, []).append(Line(0, [source], "", answer, is_wrong))
    return {kind: each[:MOST] for kind, each in sorted(found.items())}


def tell_turned(lines: Sequence[Line]) -> None:
    for kind, each in turned(lines).items():
        labels = [bool(line.ungrounded) for line in each]
        scores = [ground(line.sources, "", line.answer).score for line in each]
        print(f"  own words, {kind:<16}{shown(auroc(scores, labels))} of {len(each)}")


def tell(name: str, lines: Sequence[Line]) -> None:
    labels = [bool(line.ungrounded) for line in lines]
    begun = time.process_time()
    found = [ground(line.sources, line.question, line.answer) for line in lines]
    spent = (time.process_time() - begun) / len(lines) * 1000
    sources = sum(len(source) for line in lines for source in line.sources) / len(lines)
    print(f"{name}: {len(lines)} answers, {sum(labels)} ungrounded, sources of {sources:,.0f} characters on average")
    print(f"  tier 0            {shown(auroc([each.score for each in found], labels))}")
    print(f"  share of words    {shown(auroc([1 - (each.support or 0) for each in found], labels))}")
    print(f"  length alone      {shown(auroc([float(len(line.answer)) for line in lines], labels))}")
    print(f"  CPU an answer     {spent:.2f} ms")


def shown(each: Estimate) -> str:
    return f"AUROC {each.value:.3f} ({each.low:.3f} to {each.high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="How well tier 0 tells ungrounded answers from grounded ones.")
    parser.add_argument("files", nargs="*", type=Path, help="JSON lines; without one the pages of docs/ are sources")
    files = parser.parse_args().files
    for path in files:
        lines = given(path)
        tell(path.name, lines)
        tell_turned(lines)
    if not files:
        tell("pages of docs/", list(made()))


if __name__ == "__main__":
    main()
