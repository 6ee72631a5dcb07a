"""Messages of customers and what is to be read from them, drawn by a seed."""

import random

MONTHS = "January February March April May June July August September October November December".split()
CURRENCIES = {"EUR": "euros", "USD": "dollars", "GBP": "pounds", "CHF": "francs"}
WISHES = {
    "refund": ("please send the money back", "I want my money back", "kindly return what I paid"),
    "exchange": ("I would like another size", "please swap it for a blue one", "can it be changed for a new one"),
    "cancel": ("do not send it any more", "please stop the order", "I no longer need it"),
    "question": ("when will it arrive?", "does it come with a cable?", "is there a warranty?"),
}
THINGS = ("lamp", "kettle", "chair", "coat", "radio", "tent", "clock", "desk")
OPENINGS = ("Hello,", "Good morning.", "Hi there!", "Dear all,", "To whom it may concern:")


def drawn(seed, number):
    """As many cases: the message, the four fields, None where the message does not say, how it is written."""
    draws = random.Random(f"cases {seed}")
    return [_case(draws) for _ in range(number)]


def _case(draws):
    year, month, day = draws.randint(2021, 2026), draws.randint(1, 12), draws.randint(1, 28)
    cents, currency = draws.randint(500, 400_000), draws.choice(list(CURRENCIES))
    wish, thing = draws.choice(list(WISHES)), draws.choice(THINGS)
    dated, priced = draws.random() < 0.85, draws.random() < 0.85
    when = draws.choice((f"{day} {MONTHS[month - 1]} {year}", f"{day:02}.{month:02}.{year}"))
    price = f"{cents / 100:,.2f}"
    bought = f"the {thing} of order {draws.randint(10_000, 99_999)}"
    parts = [draws.choice(OPENINGS), f"I bought {bought}" + (f" on {when}" if dated else "")]
    parts[1] += f" and paid {price} {CURRENCIES[currency]}." if priced else "."
    parts.append(draws.choice(WISHES[wish]).capitalize() + ("" if wish == "question" else "."))
    fields = [
        f"{year}-{month:02}-{day:02}" if dated else None,
        f"{cents / 100:.2f}" if priced else None,
        currency if priced else None,
        wish,
    ]
    written = [when, price, CURRENCIES[currency], draws.choice(WISHES[wish])]
    return {"message": " ".join(parts), "fields": fields, "written": written}


def answer(fields):
    """The answer that is wanted."""
    return ";".join("none" if field is None else field for field in fields)
