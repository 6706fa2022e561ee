"""What the text of an answer says of itself."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.grounding.answer import score_answer
from burnline.detectors.grounding.words import stems

SOURCES = ["The Sydney Harbour Bridge opened in March 1932. It carries 160,000 vehicles a day."]


@pytest.mark.parametrize("answer", ["", "  \n ", "...", "\u200b"])
def test_an_answer_without_a_letter_or_digit_is_empty(answer: str) -> None:
    found = score_answer("When?", SOURCES, answer)

    assert (found.empty, found.support, found.unsupported) == (True, None, 0)


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("I'm sorry, but I can't help with that request.", True),
        ("I\u2019m unable to\nassist you here.", True),
        ("SORRY, BUT I CANNOT share that.", True),
        ("It opened in 1932.", False),
        ("It opened in 1932. " * 20 + "I can't help with more.", False),
        ("Unfortunately, it closed.", False),
    ],
)
def test_an_answer_that_begins_by_declining_is_a_refusal(answer: str, refused: bool) -> None:
    assert score_answer("When?", [], answer).refused is refused


@pytest.mark.parametrize(
    ("answer", "support", "unsupported"),
    [
        ("The Sydney Harbour Bridge opened in 1932.", 1.0, 0),
        ("It opens with 160000 vehicles.", 1.0, 0),
        ("The bridge opened in 1933.", 2 / 3, 1),
        ("Paris has towers.", 0.0, 2),
        ("Yes.", None, 0),
        ("I'm not able to say when the bridge opened.", None, 0),
    ],
)
def test_support_is_the_share_of_the_answers_content_that_the_sources_hold(
    answer: str, support: float | None, unsupported: int
) -> None:
    found = score_answer("When did it open?", SOURCES, answer)

    assert found.support == pytest.approx(support)
    assert found.unsupported == unsupported


@pytest.mark.parametrize("sources", [[], [""], ["  ", "\n"]])
def test_without_sources_nothing_is_said_of_support(sources: list[str]) -> None:
    assert score_answer("When?", sources, "It opened in 1932.").support is None


def test_numbers_and_names_count_however_they_are_written() -> None:
    assert stems("1,200.50 007 Müller's") == stems("1200.5 7 müller")


@settings(max_examples=60)
@given(st.text(), st.lists(st.text(), max_size=3), st.text())
def test_any_text_can_be_scored_and_its_own_source_supports_it(prompt: str, sources: list[str], answer: str) -> None:
    found = score_answer(prompt, [*sources, answer], answer)

    assert found.support in (None, 1.0)
    assert found.characters <= len(answer)
    assert found == score_answer(prompt, [*sources, answer], answer)


def test_what_an_answer_states_after_it_has_declined_is_scored() -> None:
    declined = "I'm sorry, but I can't help with that."

    nothing = score_answer("When?", SOURCES, f"{declined} Please ask an engineer.")
    held = score_answer("When?", SOURCES, f"{declined} The bridge opened in March 1932.")
    made_up = score_answer("When?", SOURCES, f"{declined} However, Gustave Eiffel built it in 1889.")

    assert (nothing.refused, nothing.ungrounded, nothing.support) == (True, None, None)
    assert (held.refused, held.support) == (True, 1)
    assert held.ungrounded is not None
    assert held.ungrounded < 0.05
    assert made_up.refused
    assert made_up.ungrounded is not None
    assert made_up.ungrounded > 0.6


@pytest.mark.parametrize(
    "answer",
    [
        "Please note the bridge opened in 1789 under Napoleon in Moscow.",
        "Please be aware that Napoleon burned Moscow, killing 40000 people.",
        "Please contact Napoleon in Moscow at 40000.",
        "Napoleon burned Moscow in 1812 and killed 40000, would you like to know more?",
        "Napoleon burned Moscow in 1812, is there anything else I can help you with?",
        "In 1812 Napoleon burned Moscow and i'm not able to say more of the dead.",
        "I'm not able to say when it opened, but Napoleon burned Moscow in 1812.",
        "I cannot answer that, Napoleon burned Moscow in 1812.",
        "I can\u2019t help with that; Napoleon burned Moscow in 1812.",
        "I'm sorry, but I can confirm that Napoleon burned Moscow in 1812.",
        "Napoleon burned Moscow in 1812, please provide more details.",
        "Please provide more details; Napoleon burned Moscow in 1812.",
        "Das kann ich nicht beantworten, aber Napoleon verbrannte Moskau 1812.",
    ],
)
def test_what_is_made_up_beside_a_refusal_an_offer_or_a_request_is_scored(answer: str) -> None:
    found = score_answer("When?", SOURCES, answer)

    assert found.ungrounded is not None
    assert found.ungrounded > 0.5


@pytest.mark.parametrize(
    "answer",
    [
        "Please provide the name, the date and the place of the bridge.",
        "Please specify which bridge in Moscow you mean.",
        "Please let me know if you have other questions about Napoleon.",
        "I'm sorry, but I cannot provide names, dates, and places.",
        "I cannot discuss Napoleon, Moscow, and Waterloo.",
        "I understand your curiosity about emperors, but I'm unable to answer.",
        "The passage does not mention Napoleon, so I'm unable to answer.",
        "Based on the passage, I'm not able to say who Napoleon was.",
        "Would you like me to list the emperors, the battles, or the generals?",
        "If you want to read of emperors, would you like to know more?",
        "Tut mir leid, aber ich kann diese Frage zu Napoleon nicht beantworten.",
    ],
)
def test_declining_asking_and_offering_state_nothing_whatever_they_name(answer: str) -> None:
    assert score_answer("When?", SOURCES, answer).ungrounded is None


@pytest.mark.parametrize(
    "answer",
    [
        "I can't help with" + " " * 190_000 + "x",
        "I can't help with that, but " * 7_000,
        "please provide, " * 12_000,
        "if you" + " " * 190_000 + ", I can't help with",
        "i " * 90_000 + "I can't help with",
        "a, the " * 25_000 + "can I help you?",
    ],
    ids=["spaces", "refusals", "requests", "conditions", "beginnings", "clauses"],
)
def test_long_sentences_made_of_refusals_take_a_bounded_time(answer: str) -> None:
    begun = time.process_time()

    score_answer("When?", SOURCES, answer)

    assert time.process_time() - begun < 5  # under a second is usual
