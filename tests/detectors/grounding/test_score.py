"""How far an answer goes beyond its sources, without a model."""

from __future__ import annotations

import random
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burnline.detectors.grounding.score import LONGEST, MOST_WORDS, Grounding, ground
from burnline.detectors.grounding.sources import MOST_PIECES, Sources
from burnline.detectors.grounding.words import stem

BRIDGE = (
    "The Sydney Harbour Bridge opened in March 1932. It carries 160,000 vehicles a day, says the National Roads "
    "Authority. It cost 4.2 million pounds, 12.7% more than planned. The arch was built by Dorman Long of "
    "Middlesbrough."
)
PARK = "Kruger National Park lies in South Africa. Lions and elephants live there. It was founded in 1898."


def scored(answer: str, *sources: str, question: str = "") -> Grounding:
    return ground(sources or (BRIDGE,), question, answer)


def marked(answer: str, *sources: str) -> list[tuple[str, str]]:
    return [(span.kind, answer[span.start : span.end]) for span in scored(answer, *sources).unsupported]


@pytest.mark.parametrize(
    "answer",
    [
        "It opened in March 1932.",
        "Dorman Long of Middlesbrough built the arch.",
        "It carries about 160 thousand vehicles each day.",
        "It cost 4,200,000 pounds.",
        "It cost 13% more than planned.",
        "The NRA says that it carries 160000 vehicles.",
        "Passage 2 mentions that it opened in March 1932 [1].",
        "1. It opened in March 1932\n2. It carries 160,000 vehicles",
        "Sorry, I don't know.",
        "",
        "Yes.",
    ],
)
def test_what_the_sources_hold_is_grounded_however_it_is_written(answer: str) -> None:
    assert scored(answer).score < 0.32
    assert scored(answer).unsupported == ()


@pytest.mark.parametrize(
    ("right", "wrong", "span"),
    [
        ("It opened in March 1932.", "It opened in March 1923.", ("number", "1923")),
        ("It opened in March 1932.", "It opened in April 1932.", ("name", "April")),
        ("The arch was built by Dorman Long.", "The arch was built by Gustave Eiffel.", ("name", "Gustave Eiffel")),
        ("It cost 4.2 million pounds.", "It cost 5.2 million pounds.", ("number", "5.2")),
        ("It carries vehicles.", "It carries cargo ships.", ("words", "cargo ships")),
        ("The bridge opened.", "The bridge closed.", ("words", "closed")),
    ],
)
def test_what_is_exchanged_is_marked_and_scores_higher(right: str, wrong: str, span: tuple[str, str]) -> None:
    assert scored(wrong).score > scored(right).score + 0.2
    assert span in marked(wrong)


def test_a_foreign_sentence_is_marked_as_a_whole_with_its_words_after_it() -> None:
    answer = "It opened in March 1932. Tickets for climbing tours sell out weeks ahead."

    found = marked(answer)

    assert found[0] == ("sentence", "Tickets for climbing tours sell out weeks ahead.")
    assert all(kind == "words" for kind, _ in found[1:])


def test_the_same_words_put_together_otherwise_score_higher() -> None:
    assert scored("The bridge cost 160,000 pounds a day.").score > scored("It carries 160,000 vehicles a day.").score


def test_words_of_the_question_weigh_less_than_words_from_nowhere() -> None:
    answer = "The lottery winner opened it in 1932."

    asked = scored(answer, question="Which lottery winner opened it?").score

    assert asked < scored(answer).score


def test_an_offer_of_help_is_no_question_asked_of_the_sources() -> None:
    told = "It opened in March 1932."

    offered = scored(f"{told} Is there anything else I can help you with?")

    assert offered.score <= scored(told).score + 0.01
    assert scored(f"{told} Do you cross it often?").score > scored(told).score + 0.1


@pytest.mark.parametrize(
    ("source", "held", "foreign"),
    [
        ("悉尼海港大桥于1932年3月开放。它每天承载16万辆车。", "悉尼海港大桥于1932年开放。", "巴黎铁塔于1889年建成。"),
        ("橋は1932年に開通した。がんばれ。", "橋は1932年に開通した。", "塔は1889年に建てられた。"),
        ("하버 브리지는 1932년에 개통했다.", "브리지는 1932년에 개통했다.", "에펠탑은 1889년에 완공되었다."),
        ("สะพานซิดนีย์เปิดในปี 1932", "สะพานเปิดในปี 1932", "หอไอเฟลสร้างเสร็จในปี 1889"),
        ("Die Brücke wurde 1932 eröffnet.", "Die Brücke: eröffnet 1932.", "Der Eiffelturm wurde 1889 gebaut."),
        ("Мост открыли в 1932 году.", "Мост открыли в 1932.", "Башню построили в 1889."),
        ("हार्बर ब्रिज 1932 में खुला।", "ब्रिज 1932 में खुला।", "एफिल टॉवर 1889 में बना।"),
    ],
)
def test_other_scripts_and_languages_are_read(source: str, held: str, foreign: str) -> None:
    assert scored(held, source).score + 0.3 < scored(foreign, source).score


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("がんばった。", "がんばった。"),
        ("Published 2018-12-20.", "It was published in December."),
        ("It has 2,000,000 users.", "It has two million users."),
        ("It has two million users.", "It has 2000000 users."),
        ("He came 3rd.", "He came third."),
        ("It weighs 1.200,50 kg.", "It weighs 1200.5 kg."),
        ("The health care firm grew.", "The healthcare firm grew."),
        ("M&uuml;ller won with 30&nbsp;%.", "Müller won with 30 percent."),
        ("The cor&shy;ner&shy;back left.", "The cornerback left."),
        ("Sales were 3.49 kg.", "Sales were 3.5 kg."),
    ],
)
def test_units_dates_and_forms_are_the_same_in_other_words(source: str, answer: str) -> None:
    assert marked(answer, source) == []


def test_how_much_is_held_up_is_told_beside_the_score() -> None:
    found = scored("The bridge opened in 1933.")

    assert found.support == pytest.approx(2 / 3)
    assert found.missing == 1
    assert scored("Yes.").support is None


def test_ungrounded_answers_are_ranked_above_grounded_ones_on_texts_made_for_it() -> None:
    rng = random.Random(5)
    held, foreign = BRIDGE.split(". "), PARK.split(". ")

    grounded = [scored(". ".join(rng.sample(held, 2))).score for _ in range(40)]
    ungrounded = [scored(". ".join([rng.choice(held), rng.choice(foreign)])).score for _ in range(40)]

    assert max(grounded) < min(ungrounded)


@pytest.mark.parametrize("reference", ["&#" + "9" * 5000 + ";", "&#x" + "f" * 5000 + ";", "&#" + "0" * 5000])
def test_a_number_that_no_character_has_stays_as_it_is_written(reference: str) -> None:
    source = f"M&uuml;ller {reference} opened it in &#49;932."

    assert marked("Müller opened it in 1932.", source) == []
    assert marked("Müller closed it in 1933.", source) != []


NUMBERS = st.one_of(st.integers(0, 3000).map(str), st.decimals(0, 20, places=2).map(str))


@settings(max_examples=100, deadline=None)
@given(st.lists(NUMBERS, max_size=8), NUMBERS, st.sampled_from(["", "k", "million"]), st.booleans())
def test_a_number_stands_there_if_any_of_them_is_near_enough(
    numbers: list[str], value: str, scale: str, rough: bool
) -> None:
    factor = {"": 1.0, "k": 1e3, "million": 1e6}[scale]
    places = len(value.rstrip("0").partition(".")[2]) if "." in value else 0
    near = max(0.5 * factor * 10.0**-places, 0.05 * float(value) * factor if rough else 0.0)

    found = Sources([" ; ".join(numbers)], {stem(value)}).number(value, scale, rough=rough)

    assert found == any(abs(float(each) - float(f"{float(value) * factor:.15g}")) <= near for each in numbers)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text(), max_size=3), st.text(), st.text())
def test_any_text_can_be_scored_and_its_spans_lie_in_it(sources: list[str], question: str, answer: str) -> None:
    found = ground(sources, question, answer)

    assert 0 <= found.score <= 1
    assert all(0 <= span.start < span.end <= len(answer) for span in found.unsupported)
    assert found == ground(sources, question, answer)


@pytest.mark.parametrize(
    "answer",
    ["x" * 10_000_000, "A.B " * 2_500_000, "1,1" * 3_000_000, "\n?! " * 2_500_000, "\x00\ud800 " * 3_000_000],
)
def test_a_huge_answer_takes_a_bounded_time_and_says_that_it_was_cut(answer: str) -> None:
    begun = time.process_time()

    found = ground([BRIDGE * 200], "", answer)

    assert found.truncated
    assert all(span.end <= LONGEST for span in found.unsupported)
    assert time.process_time() - begun < 30


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("1million " + "1" * 900_000, "It cost 2 million."),
        ("1million " + "1,1." * 225_000, "It cost 2 million."),
        ("two " * 125_000, "It cost 2 million."),
        ("A" * 1_500_000, "NASA opened it."),
        ("".join(chr(0x4E00 + each % 20_000) for each in range(0, 3_500_000, 7)), "NASA opened it."),
        (" ".join(map(str, range(0, 60_000, 3))), " ".join(map(str, range(100_000, 125_000)))),
        (" ".join(f"w{each}" for each in range(3_000)), " ".join(f"u{each}" for each in range(5_000, 20_000))),
        ("1k " * 200_000, "It cost 2 million."),
        (" ".join(f"{1 + each % 28}.{1 + each % 12}.{1000 + each}" for each in range(60_000)), "It cost 2 million."),
        ("1 million " * 60_000, "It cost 2 million."),
        ("&a" * 300_000, "It cost 2 million."),
        ("a-" * 300_000, "It cost 2 million."),
    ],
    ids=[
        *["digits", "separators", "words of numbers", "capitals", "Chinese", "numbers", "numbered words"],
        *["scales", "days", "millions", "entities", "hyphens"],
    ],
)
def test_texts_made_to_keep_it_busy_take_a_time_in_proportion_to_their_length(source: str, answer: str) -> None:
    begun = time.process_time()

    ground([source], "", answer)

    assert time.process_time() - begun < 2  # a tenth of that is usual


def _made_up(words: int) -> list[str]:
    rng = random.Random(words)
    return ["".join(rng.choices("bdfgklmnprtvz", k=3)) + "o" + "".join(rng.choices("aiou", k=2)) for _ in range(words)]


@pytest.mark.parametrize("words", [20, 50, 200, 2_000])
@pytest.mark.parametrize("form", ["prose", "list", "JSON"])
def test_a_copy_of_a_long_sentence_is_held_up_however_long_it_is(words: int, form: str) -> None:
    made = _made_up(words)
    source = {
        "prose": f"The {' of the '.join(made)}.",
        "list": f"{', '.join(made)}.",
        "JSON": "{" + ", ".join(f'"{each}": {place}' for place, each in enumerate(made)) + "}",
    }[form]

    copied = scored(source, f"{PARK} {source} {BRIDGE}")

    assert copied.score < 0.01
    assert copied.unsupported == ()


def test_a_sentence_of_words_from_all_over_the_sources_is_apart() -> None:
    made = _made_up(600)

    together, apart = scored(" ".join(made[300:310]), " ".join(made)), scored(" ".join(made[::60]), " ".join(made))

    assert together.score < 0.01
    assert apart.score > 0.4


def test_two_words_that_follow_each_other_count_by_how_far_apart_the_sources_have_them() -> None:
    made = _made_up(200)
    source = " ".join(made)

    scores = [scored(f"{made[80]} {made[80 + step]}", source).score for step in (1, 6, 30, 100)]

    assert scores == sorted(set(scores))


def test_a_number_that_belongs_to_something_else_in_the_sources_counts_whatever_stands_around_it() -> None:
    source = f"The tower cost 731 pounds. {' '.join(_made_up(80))}. The arch cost 954 pounds, says Long."

    right, wrong = scored("Long says the arch was 954.", source), scored("Long says the arch was 731.", source)

    assert wrong.score > right.score + 0.15
    assert scored("The arch: 731.", source).support == 1


@pytest.mark.parametrize(
    ("source", "wrong", "word"),
    [
        ("It opened after the war.", "It opened before the war.", "before"),
        ("Many people came. Few stayed.", "Few people came. Many stayed.", "Few"),
        ("Prices fell in May. Wages rose.", "Prices rose in May. Wages fell.", "rose"),
        ("He grew up there and went down.", "He grew down there and went up.", "down"),
    ],
)
def test_an_opposite_in_the_very_place_contradicts_though_the_word_stands_elsewhere(
    source: str, wrong: str, word: str
) -> None:
    source = f"{PARK} {source} Before dawn."

    assert ("words", word) in marked(wrong, source)
    assert scored(wrong, source).score > 0.15
    assert scored(source, source).score == 0


def test_an_opposite_that_both_stand_for_contradicts_nothing() -> None:
    assert marked("Prices fell.", "Prices fell. Prices rose.") == []


@pytest.mark.parametrize(
    "lead",
    [
        "Based on the provided passages,",
        "According to passage 1,",
        "The text states that",
        "The article explains that",
        "In summary,",
        "Sure! Here is the answer based on the given information:",
    ],
)
def test_what_only_says_where_the_rest_is_from_is_not_held_against_an_answer(lead: str) -> None:
    told = "The arch was built by Dorman Long of Middlesbrough."

    assert scored(f"{lead} {told}").score == scored(told).score == 0
    assert scored(f"{lead} {told.replace('Long', 'Eiffel')}").score > 0.3


def test_the_sources_own_phrasing_scores_lower_than_the_same_content_put_in_other_small_words() -> None:
    copied = scored("The arch was built by Dorman Long of Middlesbrough.")
    turned = scored("By Dorman Long, in Middlesbrough, an arch has been built.")

    assert copied.score < 0.01
    assert 0.01 < turned.score < 0.25


def test_talk_that_states_nothing_is_not_held_against_its_phrasing() -> None:
    assert scored("Thank you for asking! It opened in March 1932.").score == scored("It opened in March 1932.").score


def test_sources_are_read_up_to_a_number_of_different_words() -> None:
    last = " ".join(map(str, range(MOST_PIECES - 2)))

    assert marked("Gustave Eiffel built it.", f"Gustave built {last} Eiffel") != []
    assert marked("Gustave Eiffel built it.", f"Gustave built Eiffel {last}") == []


def test_a_number_and_its_scale_are_found_however_they_are_set() -> None:
    sources = [
        "It cost 4.2\nmillion.",
        "Cost:4.2-million",
        "cost,4.2 Million;",
        "cost 4.2  million",
        "cost (4.2 million)",
    ]

    assert [marked("The cost was 4,200,000.", each) for each in sources] == [[]] * len(sources)
    assert all(marked("The cost was 5,200,000.", each) for each in sources)


def test_words_of_many_marks_do_not_stay_in_memory() -> None:
    long = [f"{'e' * 60}{chr(0x301)}{chr(0x430 + each)}" * 20 for each in range(30)]
    scored(f"{BRIDGE} {PARK}")  # the lists of words are read
    tracemalloc.start()

    ground([" ".join(long)], "", BRIDGE)
    kept, _ = tracemalloc.get_traced_memory()

    tracemalloc.stop()
    assert kept < 30_000


def test_an_answer_of_more_words_than_are_looked_at_is_judged_by_its_first_ones_and_says_so() -> None:
    held, foreign = "It opened in 1932. " * (MOST_WORDS // 4), "Tickets sell out weeks ahead."

    whole, cut = scored(held), scored(held + foreign)
    middle = scored("zebra " * (MOST_WORDS + 5))

    assert not whole.truncated
    assert (cut.truncated, cut.score, cut.unsupported) == (True, whole.score, whole.unsupported)
    assert middle.unsupported[0].end == middle.unsupported[1].end == len("zebra ") * MOST_WORDS - 1


def test_two_million_characters_take_well_under_a_second() -> None:
    source = "the bridge of Sydney carried, so they said, a lot " * 39_999 + "2 million"
    begun = time.process_time()

    found = ground([source], "", "It cost 2 million and the NRA opened it in 1932.")

    assert found.missing >= 2
    assert time.process_time() - begun < 2  # 0.3 on a quiet machine


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("It cost (4.2 million).", "It cost 4,200,000."),
        ("Prices: four million/year", "Prices: 4,000,000 a year"),
        ("1st place", "first place"),
        ("released 2018-12-20/21", "released in December"),
        ("Müller\u2019s \u201cBrücke\u201d\u2014finished", "Müller's Brücke finished"),
        ("R&amp;D spending", "R&amp;D spending"),
        ("Falling prices", "falling prices"),
    ],
)
def test_what_stands_between_marks_is_read_as_well(source: str, answer: str) -> None:
    assert scored(answer, source).missing == 0


@pytest.mark.parametrize(
    ("right", "wrong", "word"),
    [
        ("The court upheld the ban.", "The court did not uphold the ban.", "uphold"),
        ("Members can't bring guests.", "Members can bring guests.", "bring"),
        ("She never played in Rome.", "She played in Rome.", "played"),
        ("They won without a goalkeeper.", "They won with a goalkeeper.", "goalkeeper"),
    ],
)
def test_what_is_denied_on_one_side_alone_is_marked(right: str, wrong: str, word: str) -> None:
    assert ("words", word) in marked(wrong, f"{PARK} {right}")
    assert ("words", word.replace("uphold", "upheld")) not in marked(right, f"{PARK} {right}")
    assert scored(wrong, f"{PARK} {right}").score > scored(right, f"{PARK} {right}").score + 0.2


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("She was No. 1 in May.", "In May she was 1."),
        ("The plan was not rejected.", "The plan was accepted."),
        ("It is not only red but tall.", "It is not only red but tall."),
        ("He wasn't paid. Later he was paid.", "He was paid."),
    ],
)
def test_a_negation_that_changes_nothing_is_none(source: str, answer: str) -> None:
    assert marked(answer, source) == []


def test_another_word_for_the_same_counts_less_than_a_foreign_one_and_is_not_marked() -> None:
    source = "The firm acquired a vessel in Oslo."

    same, foreign = (
        scored("The company bought a ship in Oslo.", source),
        scored("The choir burned a cake in Oslo.", source),
    )

    assert same.score + 0.2 < foreign.score
    assert marked("The company bought a ship in Oslo.", source) == []


def test_a_common_word_from_nowhere_counts_less_than_a_rare_one() -> None:
    assert (
        scored("The bridge opened early in March 1932.").score < scored("The bridge opened drunk in March 1932.").score
    )


@pytest.mark.parametrize(
    "written", ["27/07/2018", "7/27/2018", "27.7.2018", "2018-07-27", "27 July 2018", "Jul 27, 2018"]
)
def test_a_day_is_the_same_however_it_is_written(written: str) -> None:
    sources = (
        "Opened on July 27, 2018.",
        "Opened on 2018-07-27.",
        "Opened on 27.07.2018.",
        "Opened 27th of July 2018.",
    )

    assert [marked(f"It opened on {written}.", source) for source in sources] == [[]] * len(sources)
    assert all(marked(f"It opened on {written}.", source.replace("27", "26")) for source in sources)


@pytest.mark.parametrize(
    ("source", "held", "denied", "foreign"),
    [
        (
            "Die Br\u00fccke wurde am 27. Juli 2018 gesperrt. Sie kostete 4,2 Millionen Pfund. Long baute den Bogen.",
            ["Gesperrt wurde sie am 27.07.2018.", "Sie kostete 4.200.000 Pfund.", "Der Bogen ist von Long."],
            "Die Br\u00fccke wurde nicht gesperrt.",
            "Der Eiffelturm wurde 1889 von Gustave Eiffel gebaut.",
        ),
        (
            "El puente se cerr\u00f3 el 27 de julio de 2018. Cost\u00f3 4,2 millones de libras. Long hizo el arco.",
            ["Se cerr\u00f3 el 27/07/2018.", "El puente cost\u00f3 4.200.000 libras.", "El arco lo hizo Long."],
            "El puente nunca se cerr\u00f3.",
            "La torre Eiffel fue construida en Par\u00eds en 1889.",
        ),
    ],
    ids=["German", "Spanish"],
)
def test_german_and_spanish_are_read(source: str, held: list[str], denied: str, foreign: str) -> None:
    worst = max(scored(answer, source).score for answer in held)

    assert worst < 0.25
    assert scored(denied, source).score > worst
    assert scored(foreign, source).score > 0.6


@pytest.mark.parametrize(
    "answer", ["Das wei\u00df ich leider nicht.", "Lo siento, no puedo ayudar con eso.", "No lo s\u00e9."]
)
def test_not_answering_in_another_language_states_nothing(answer: str) -> None:
    assert scored(answer).support is None


def test_names_and_words_of_english_are_not_taken_for_small_words_of_other_languages() -> None:
    answer = "A nun of MIT crossed the sea by era, hay and tan."

    assert {"nun", "MIT", "sea", "era", "hay", "tan"} <= {word for _, text in marked(answer) for word in text.split()}
