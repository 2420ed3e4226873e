"""Playbooks for the tests: an office in Madrid, cadences before and after the sale."""

from __future__ import annotations

from services.followup.domain.playbook_parser import read
from services.followup.domain.playbooks import Playbooks

TEXT = """
calendars:
  always: {zone: UTC}
  office:
    zone: Europe/Madrid
    hours: {mon-thu: ["09:00-14:00", "16:00-19:00"], fri: ["09:00-15:00"]}
    holidays: {country: ES, subdivision: MD}
reps:
  team: {calendar: office, manager: luis}
  marta: {calendar: office, manager: luis}
  pedro: {calendar: always, manager: rosa}
  sales: {calendar: always, manager: rosa}
owners:
  - {channel: store, to: marta}
  - {tier: key, to: pedro}
  - {to: [team]}
promises:
  grace: 1h
  escalate_after: 1d
  replied: {do: call, after: 1h, hours: any}
  unsubscribed: {do: call, after: 1d, hours: any}
  paused: {do: call, after: 1d, hours: any}
replies: [chat_message, email_replied]
playbooks:
  web:
    enter: {on: captured, channel: [web, chat]}
    variants: {mail: 1, plain: 1}
    steps:
      first_call: {do: call, after: 5m, hours: any, on: {interested: visit, no_answer: mail}}
      mail: {do: email, after: 1h, hours: any, automatic: true, template: sorry_we_missed_you, variant: mail}
      second_call: {do: call, after: 4h, hours: any}
      visit: {do: visit, after: 2bd, hours: rep}
  store:
    enter: {on: captured, channel: store}
    steps:
      first_call: {do: call, after: 4bh}
  onboarding:
    enter: {on: won}
    stop_on: []
    then: care
    steps:
      welcome: {do: email, after: 0m, hours: any, automatic: true, template: welcome}
      handover: {do: call, after: 2d, hours: any}
  care:
    enter: {on: signal, kind: checkup_asked}
    steps:
      satisfied: {do: call, after: 30d, hours: any}
      renewal: {do: call, after: 300d, hours: any}
  upsell:
    enter: {on: signal, kind: [upgrade_viewed], status: won}
    owners: [sales]
    reenter: 30d
    steps:
      offer: {do: call, after: 1h, hours: any}
  cross_sell:
    enter: {on: ticket_resolved, resolution: [cross_sell]}
    owners: [sales]
    reenter: always
    steps:
      offer: {do: call, after: 1d, hours: any}
  win_back:
    enter: {on: lost, reason: [price]}
    steps:
      ask_again: {do: call, after: 90d, hours: any}
afterwards:
  answered: {do: call, after: 2d, hours: any}
  no_answer: {do: call, after: 4h, hours: any}
  interested: {do: call, after: 1d, hours: any}
  appointment: {do: meeting, after: 1d, hours: any}
  objection: {do: call, after: 3d, hours: any}
  wrong_number: {do: email, after: 1h, hours: any}
  done: {do: call, after: 3d, hours: any}
  call_back: {do: call, after: 4h, hours: any}
  voicemail: {do: call, after: 4h, hours: any}
  not_interested: {do: call, after: 30d, hours: any}
  otherwise: {do: call, after: 1d, hours: any}
"""


def book(*changes: tuple[str, str]) -> Playbooks:
    """The book, with some of its text replaced."""
    text = TEXT
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return read(text)
