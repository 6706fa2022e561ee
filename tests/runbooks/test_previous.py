"""What `previous` means: whatever was released, going back comes to an end and never goes forward again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from burnline.runbooks.actions.previous import way_back


@given(st.lists(st.sampled_from("12345"), min_size=1, max_size=12))
def test_going_back_again_and_again_ends_and_visits_no_state_twice(served: list[str]) -> None:
    visited = [served[-1]]

    while (before := way_back(served)) is not None:
        served = [*served, before]
        visited.append(before)

    assert len(set(visited)) == len(visited)
    assert visited[-1] == served[0]


@given(st.lists(st.sampled_from("12345"), min_size=2, max_size=12))
def test_what_is_released_next_goes_back_to_what_served_when_it_was(served: list[str]) -> None:
    assert way_back([*served, "new"]) == served[-1]
