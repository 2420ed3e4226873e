"""A mistake in a playbook is told with its line and with what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.followup.domain.playbook_parser import MOST_STEPS, default_book, read
from shared.yaml_lines import LineError
from tests.followup.books import TEXT, book


def wrong(*changes: tuple[str, str]) -> tuple[int, str]:
    with pytest.raises(LineError) as error:
        book(*changes)
    return error.value.line, error.value.sentence.partition(": ")[2]


def line_of(text: str) -> int:
    return TEXT[: TEXT.index(text)].count("\n") + 1


@pytest.mark.parametrize(
    ("before", "instead", "says"),
    [
        ("do: call, after: 4bh", "do: fax, after: 4bh", "there is no channel fax"),
        ("on: {interested: visit, no_answer: mail}", "on: {no_answer: first_call}", "a loop: first_call goes back"),
        ("on: {interested: visit, no_answer: mail}", "on: {no_answer: nowhere}", "there is no step nowhere"),
        ("on: {interested: visit, no_answer: mail}", "on: {}", "an empty branch"),
        ("on: {interested: visit, no_answer: mail}", "on: {no_answer: }", "an empty branch"),
        ("on: {interested: visit, no_answer: mail}", "on: {shrugged: end}", "there is no result shrugged"),
        ("do: call, after: 5m", "do: call, after: -5m", "-5m lies before its entry"),
        ("do: call, after: 5m", "do: call, after: soon", "soon is not a delay"),
        ("do: call, after: 5m", "do: call, after: 4000d", "longer than ten years"),
        ("zone: Europe/Madrid", "zone: Europe/Toledo", "there is no zone Europe/Toledo"),
        ("subdivision: MD", "subdivision: ZZ", "ES has no ZZ"),
        ("country: ES", "country: XX", "no holidays of XX"),
        ('fri: ["09:00-15:00"]', 'fri: ["15:00-09:00"]', "the later time last"),
        ('fri: ["09:00-15:00"]', 'fri: ["09:00-15:00", "14:00-16:00"]', "overlap"),
        ("then: care", "then: nobody", "there is no playbook nobody"),
        ("then: care", "then: onboarding", "a loop: onboarding → onboarding"),
        ("variants: {mail: 1, plain: 1}", "variants: {mail: 1}", "two variants at least"),
        ("variants: {mail: 1, plain: 1}", "variants: {mail: 1, plain: 0}", "whole number from 1"),
        ("variant: mail}", "variant: post}", "there is no variant post"),
        ("enter: {on: won}", "enter: {on: born}", "there is no entry born"),
        ("enter: {on: won}", "enter: {on: signal}", "lacks kind"),
        ("channel: [web, chat]", "channel: [web, fax]", "there is no channel fax"),
        ("to: marta", "to: nobody", "there is no rep nobody"),
        ("stop_on: []", "stop_on: [boredom]", "there is no reason boredom"),
        ("automatic: true, template: welcome}", "automatic: maybe}", "neither true nor false"),
        ("      handover:", "      welcome:", "welcome is given twice"),
        ("  care:\n", "  store:\n", "store is given twice"),
        ("  satisfied: {", "  Satisfied: {", "is no name of a step"),
        ("  satisfied: {", "  end: {", "end means the end"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(before: str, instead: str, says: str) -> None:
    line, sentence = wrong((before, instead))

    assert says in sentence
    assert abs(line - line_of(before)) <= 1


def test_what_is_missing_or_too_much_is_told() -> None:
    assert "lacks" in wrong(("  voicemail: {do: call, after: 4h, hours: any}\n", ""))[1]
    assert "must take all" in wrong(("  - {to: [team]}", "  - {tier: x, to: [team]}"))[1]
    assert "lacks team" in wrong(("  team: {calendar: office, manager: luis}\n", ""))[1]
    assert "never open" in wrong(('{mon-thu: ["09:00-14:00", "16:00-19:00"], fri: ["09:00-15:00"]}', "{}"))[1]
    steps = "".join(f"      step_{number}: {{do: call, after: 1d}}\n" for number in range(MOST_STEPS))
    found = wrong(("      handover: {", steps + "      handover: {"))[1]
    assert f"more than {MOST_STEPS} steps" in found
    for text in ("", "- a list", "{", "a: &x 1\nb: *x", "\x00", "a: " + "[" * 2_000, "#" * 300_000):
        with pytest.raises(LineError):
            read(text)


def test_comments_and_layout_are_no_change_and_a_weight_is() -> None:
    assert book().version == book(("afterwards:\n", "# what follows\n\nafterwards:\n")).version
    changed = book(("plain: 1", "plain: 2"))
    assert changed.version != book().version
    digests = {name: playbook.digest for name, playbook in book().playbooks.items()}
    differ = [name for name, playbook in changed.playbooks.items() if playbook.digest != digests[name]]
    assert differ == ["web"]


def test_the_default_calls_who_wrote_within_minutes() -> None:
    first = {
        name: playbook.steps[0].task.after.seconds for name, playbook in default_book().playbooks.items()
    }
    assert first == {"web": 300, "social": 1_800, "phone": 3_600, "store": 14_400}


def test_the_example_in_the_docs_can_be_used() -> None:
    text = (Path(__file__).parents[2] / "docs" / "examples" / "playbooks.yaml").read_text("utf-8")
    assert {playbook.entry.on for playbook in read(text).playbooks.values()} >= {
        "captured",
        "won",
        "lost",
        "signal",
    }


def test_a_playbook_has_the_digest_under_which_people_are_on_their_way_in_it() -> None:
    assert default_book().playbooks["web"].digest == "5dcd3012a2f2bc43"
