"""What the people of the scenes say, in each language of the interface."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The texts that somebody types or announces; what confab says to them comes from confab."""

    locale: str  # which the programs are to speak
    question: str
    answer: str
    more: str  # with marks for bold type
    private: str
    consent: str
    unsent: str  # typed, and not sent yet
    away: str
    to_bob: str
    to_ops: str
    to_everyone: str
    thanks: str
    to_nobody: str
    to_myself: str
    release: str  # the title of an announcement
    deploy: str  # and its text
    outage: str
    writes: str
    maintenance: str  # why the broker goes down


WORDS = {
    "en": Words(
        locale="C.UTF-8",
        question="morning! is the release branch cut?",
        answer="yes: `release/2.4`",
        more="and the tests are **green**",
        private="coffee before we deploy?",
        consent="always",
        unsent="on it, I watch the das",
        away="lunch until one",
        to_bob="shall I take the night shift?",
        to_ops="disk on db2 is at 91 %",
        to_everyone="the lift is out of order, take the stairs",
        thanks="thanks, my knees noticed",
        to_nobody="are you there?",
        to_myself="note to self: water the plants",
        release="Release 2.4",
        deploy="Deploy at five",
        outage="Database",
        writes="Writes fail. We are on it.",
        maintenance="moving to the new machine",
    ),
    "ru": Words(
        locale="ru_RU.UTF-8",
        question="доброе утро! ветка релиза готова?",
        answer="да: `release/2.4`",
        more="и тесты **зелёные**",
        private="кофе перед выкладкой?",
        consent="всегда",
        unsent="берусь, слежу за граф",
        away="обед до часу",
        to_bob="взять мне ночную смену?",
        to_ops="на db2 диск занят на 91 %",
        to_everyone="лифт не работает, идите по лестнице",
        thanks="спасибо, колени уже заметили",
        to_nobody="ты здесь?",
        to_myself="заметка себе: полить цветы",
        release="Релиз 2.4",
        deploy="Выкладка в пять",
        outage="База данных",
        writes="Запись не идёт. Разбираемся.",
        maintenance="переезд на новую машину",
    ),
}
