"""Lines of text in twelve languages: dates, durations, distances, names of countries and languages.

They are made by Babel (BSD licence) from the locale data of Unicode (CLDR, Unicode licence), without a network:
    pip install babel
"""

import random
from datetime import datetime, timedelta

from babel import Locale
from babel.dates import format_datetime, format_timedelta
from babel.lists import format_list
from babel.units import format_unit

LANGUAGES = ("ar", "cs", "de", "el", "en", "es", "fr", "hi", "it", "ja", "pt", "ru")
UNITS = (
    "length-kilometer",
    "mass-kilogram",
    "speed-kilometer-per-hour",
    "duration-week",
    "volume-liter",
    "area-hectare",
)
CODES = sorted(code for code in Locale("en").territories if len(code) == 2)


def lines(count: int, seed: int, countries: list[str] = CODES) -> tuple[list[str], list[str]]:
    """Make lines, and the language of each.

    Args:
        count: Number of lines.
        seed: Seed of the choices.
        countries: Codes of the countries that lines may name.
    """
    rng = random.Random(seed)
    languages = [rng.choice(LANGUAGES) for _ in range(count)]
    return [_line(language, rng, countries) for language in languages], languages


def _line(language: str, rng: random.Random, countries: list[str]) -> str:
    locale = Locale(language)
    kind = rng.randrange(5)
    if kind == 0:
        moment = datetime(2000, 1, 1) + timedelta(minutes=rng.randrange(20_000_000))
        return format_datetime(moment, rng.choice(["EEEE", "EEEE d MMMM", "d MMMM y", "MMMM"]), locale=locale)
    if kind == 1:
        time = timedelta(minutes=rng.choice([-1, 1]) * 5 ** rng.randrange(1, 9))
        return format_timedelta(time, locale=locale, add_direction=True)
    if kind == 2:
        return format_unit(rng.randrange(1, 500), rng.choice(UNITS), locale=locale)
    if kind == 3:
        return str(locale.languages[rng.choice(LANGUAGES)])
    names = [locale.territories.get(code, code) for code in rng.sample(countries, rng.randrange(1, 4))]
    return format_list(names, locale=locale)
