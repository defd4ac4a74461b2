"""Twenty-four everyday subjects, each with an interest as a person would state it and two short texts about it.

They tell what a cosine means to an embedder: how close an interest is to a text on its subject and to texts on other
subjects, and the same for two texts. Written for this purpose and for no catalog; the labeler measures them once per model.
"""

from __future__ import annotations

REFERENCES: tuple[tuple[str, str, str], ...] = (
    (
        "gardening",
        "Sow the beans once the last frost has passed, and feed roses in June. A mulch of compost keeps the beds moist.",
        "The allotment society opened its autumn show with prizes for the largest pumpkin and the best dahlias.",
    ),
    (
        "football",
        "The striker scored twice in the second half as the home side came from behind to win the cup tie at a full stadium.",
        "The club has sacked its manager after five defeats in a row and is close to signing a midfielder from Spain.",
    ),
    (
        "classical music",
        "The orchestra closed its season with a symphony by Mahler, and the young violinist was recalled for two encores.",
        "A lost string quartet has turned up in a Vienna archive; the pianist will record it with her ensemble next spring.",
    ),
    (
        "cooking",
        "Fry the onions until golden, stir in the rice and add the stock a ladle at a time. Season, then serve with parmesan.",
        "The chef's new book collects two hundred family recipes, from slow stews to quick suppers with five ingredients.",
    ),
    (
        "personal finance and saving",
        "Fixed-rate accounts now pay more than inflation, but check the penalty before you lock your money away for two years.",
        "Pension savers can move their pots to cheaper funds; a half per cent lower fee adds thousands by retirement.",
    ),
    (
        "climate science",
        "Arctic sea ice shrank to its second-lowest extent on record, and the models suggest faster warming than was thought.",
        "Researchers traced a decade of ocean temperatures to rising carbon dioxide in the most detailed study so far.",
    ),
    (
        "video games",
        "The sequel gives players an open world, sharper graphics and a mode for four friends online on both consoles.",
        "The studio behind the puzzle hit has sold ten million copies and will bring its next title to handhelds first.",
    ),
    (
        "travel in Asia",
        "From Hanoi the night train rolls south along the coast to old towns with lantern-lit streets and cheap guest houses.",
        "Three weeks in Japan by rail: temples in Kyoto, hot springs in the Alps, and where to sleep for little money.",
    ),
    (
        "fashion",
        "Wide collars and heavy wool coats filled the catwalks in Milan, where designers returned to muted autumn colours.",
        "The label's summer line pairs linen dresses with flat sandals; stylists expect the look on every high street.",
    ),
    (
        "national politics",
        "The prime minister lost the vote in parliament after a dozen members of her own party sided with the opposition.",
        "Polls put the two candidates level a week before the election, with tax and hospitals the issues that voters name.",
    ),
    (
        "medicine and health",
        "A trial of the new tablet halved the risk of a second heart attack, doctors reported, with few side effects.",
        "Hospitals are to offer the vaccine to everyone over sixty-five after a winter with many cases of severe flu.",
    ),
    (
        "astronomy",
        "The telescope has taken the sharpest picture yet of a planet around another star, forty light years from Earth.",
        "A probe reached the comet after ten years in space and will follow it on its path round the Sun.",
    ),
    (
        "cars",
        "The hatchback drives four hundred miles on one charge, and its steering is lighter than that of its petrol rival.",
        "The maker recalled sixty thousand vans because the brakes may fail; owners should ring their dealer.",
    ),
    (
        "cinema",
        "The director's third film, shot in black and white, took the main prize at the festival and opens here in May.",
        "An old-fashioned thriller with a fine lead actress, though the last act of the screenplay drags.",
    ),
    (
        "ancient history",
        "Archaeologists have uncovered a Roman villa with a painted dining room under a field that was ploughed for centuries.",
        "How did the pharaohs move the stones? A papyrus diary of a foreman tells of barges, ropes and beer.",
    ),
    (
        "bringing up children",
        "Toddlers who wake at night often settle with a fixed bedtime, say nurses; parents should expect a few hard evenings.",
        "Teenagers talk more on a drive than at the table: what three families learned about listening to their sons.",
    ),
    (
        "running and fitness",
        "Start with intervals of one minute and build up to five kilometres in nine weeks; rest days matter as much as training.",
        "Strength work twice a week protected runners' knees before the marathon, a coach with forty athletes found.",
    ),
    (
        "computer security",
        "A flaw in the mail server lets attackers run code without a password; administrators should patch at once.",
        "The gang locked the council's files with ransomware and asked for bitcoin; backups had been connected too.",
    ),
    (
        "wildlife",
        "Beavers have returned to the river after four hundred years, and otters and dragonflies followed to the new ponds.",
        "Rangers counted more elephants than last year, but poachers still set snares at the edge of the reserve.",
    ),
    (
        "architecture",
        "The library's timber roof spans sixty metres without a column, and daylight falls through it on the reading room.",
        "A tower from the sixties is to be kept and insulated; the architects won over a council that had wanted it down.",
    ),
    (
        "chess",
        "The grandmaster gave up a bishop on move twenty and mated his opponent's king with two pawns on the seventh rank.",
        "A girl of twelve drew with the champion in a simultaneous display, holding a rook endgame for three hours.",
    ),
    (
        "true crime",
        "Detectives reopened the murder after thirty years when a letter in the evidence box matched the suspect's hand.",
        "The forger sold nine fake passports before a bank clerk noticed the stamp; a jury took an hour to convict him.",
    ),
    (
        "education",
        "Pupils will sit fewer exams under the plan, which gives teachers a free hand in the last two years of school.",
        "The university drops its fees for nurses, and lectures in the evening open the degree to those who work.",
    ),
    (
        "painting and art",
        "The gallery hangs forty watercolours by Turner beside the oils, many of them shown for the first time.",
        "She mixes her own pigments and scrapes the canvas back; a portrait takes her the better part of a winter.",
    ),
)
