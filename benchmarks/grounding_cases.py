"""Sentences about one text, written by hand: those that it carries in other words, and those with one thing in them that
it does not say. For the measurement of grounding and for its tests."""

from __future__ import annotations

TITLE = "Harbour board closes ferry pier"
TEXT = (
    "The harbour board of Lindhaven voted on Tuesday, 3 March 2026, to close the ferry pier after divers found cracks in "
    'eleven pillars. Tomas Berg, the chairman, said: "We would rather be early than sorry." Boats of Northern Lines Ltd will '
    "leave from the fish market until a new pier is built. The work is to cost $4.2m, a third of it paid by the European "
    "Union, and to end in 2027. About 1,500 people use the ferry each day, 40 per cent of them commuters. The British firm "
    "Harland & Cole surveyed the pier for the UK's maritime agency in the 1990s. A petition had gathered nine hundred names."
)
AUTHOR = "Ann-Kathrin Möller"

FAITHFUL = (
    "Lindhaven's harbour board is closing the ferry pier because of cracks in 11 pillars.",
    "The decision fell on 3 March 2026.",
    "Divers had found the damage; a new pier will cost 4.2 million dollars.",
    "The EU pays a third of the $4,200,000.",
    "About fifteen hundred people a day take the ferry, 40% of them commuters.",
    "Some 1.500 passengers are affected.",
    "Chairman Tomas Berg would “rather be early than sorry”.",
    "TOMAS BERG SAID: 'We would rather be early than sorry.'",
    "Northern Lines boats will leave from the fish market.",
    "More than 900 people have signed a petition.",
    "Harland and Cole of Britain surveyed the pier in the nineties for the United Kingdom's maritime agency.",
    "The work is due to end in 2027, reports Ann-Kathrin Moller.",
    "The board voted on a Tuesday in March.",
    "One of the firms was British; everyone agreed.",
    "Berg's board would not wait.",
    "Why a pier with eleven cracked pillars can't stay open.",
)
UNFAITHFUL = (
    ("The harbour board of Bremen is closing the ferry pier.", "Bremen"),
    ("Divers found cracks in 12 pillars.", "12"),
    ("Divers found cracks in twelve pillars.", "twelve"),
    ("The decision fell on 3 April 2026.", "April"),
    ("The board voted on a Monday.", "Monday"),
    ("The work is to cost $4.2bn.", "4.2bn"),
    ("The work is to cost 42 million dollars.", "42 million"),
    ("About 15,000 people use the ferry each day.", "15,000"),
    ("The chairman, Peter Berg, wants to be early.", "Peter Berg"),
    ("The chairman said: “Safety always comes before money”.", "Safety always comes before money"),
    ("Boats of Southern Lines will leave from the fish market.", "Southern Lines"),
    ("The new pier is to open in 2029.", "2029"),
    ("The World Bank pays a third.", "World Bank"),
    ("It was surveyed by the French firm Harland & Cole.", "French"),
    ("A petition had gathered 9,000 names.", "9,000"),
    ("A survey was made in the 1980s.", "1980s"),
)
