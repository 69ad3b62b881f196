"""English words that often open a sentence or stand in capitals without being a name."""

from __future__ import annotations

# Pronouns, articles, prepositions, conjunctions, auxiliaries: they say little by themselves.
FUNCTION = frozenset(
    """a about above across after again against all almost along already also although always am amid among an and
    another any anybody anyone anything are aren't around as at away be because been before behind being below beneath
    beside besides between beyond both but by can can't cannot could couldn't despite did didn't do does doesn't doing
    don't down during each either else even ever every everybody everyone everything few for from further had hadn't has
    hasn't have haven't having he he'd he'll he's her here hers herself him himself his how however i i'd i'll i'm i've
    if in indeed inside instead into is isn't it its itself just least less like many may me might mine more moreover
    most much must my myself near neither never no nobody none nor not nothing now of off often on once one only onto or
    other others otherwise ought our ours ourselves out outside over own per perhaps quite rather same several shall she
    she'd she'll she's should shouldn't since so some somebody someone something soon still such than that the their
    theirs them themselves then there therefore these they they'd they'll they're they've this those though through
    throughout thus till to together too toward towards under underneath unless until unto up upon us very via was
    wasn't we we'd we'll we're we've were weren't what whatever when whenever where wherever whereas whether which while
    who whoever whom whose why will with within without won't would wouldn't yes yet you you'd you'll you're you've your
    yours yourself yourselves""".split()
)

# What else opens sentences of summaries; anything that the source has in small letters needs no place here.
OPENERS = FUNCTION | frozenset(
    """according accordingly act additional additionally afterward afterwards ahead alas alone along alongside anger
    anyway apart armed armies aside asked autumn back badly based begin beginning best better big book books
    born boys but certain chapter character characters children clearly come concerned consequently considering
    contrary countless crew critics daily day days death describing desperate determined different discussion
    doubts due earlier early elsewhere end enraged evening events eventually everywhere examples excerpt
    exhausted experts facing family fans fate fear fearful fearing fellow figures final finally first follow
    following former fortunately friends full furious furthermore girls given god good great grief group growing
    guests half hello hence her high his history home hope horrified hours humans hundreds immediately important
    impressed inspired intrigued joy key killed king last late later latter leading led left life likewise
    little local long look lots love main major man meanwhile members men midnight miles millions minutes
    moments months morning mother motivated multiple named nature nearby nearly nervous nevertheless new newly
    news next night nobles nonetheless notable notably note nowhere number numerous occasionally oddly officers
    officials oh old ordinary original outraged overall overcome overwhelmed part parts past peace people
    persons plus point police possible present previous prior problems prompted public questions rather readers
    real recent reflecting regardless researchers residents rich right rumors rumours sadly sadness same
    satisfied scenes scientists second seeing sent servants set shocked similar simultaneously single small
    social society soldiers someday somehow sometimes somewhere source sources special spring stories story
    strange stuck students stunned subsequent such summer supporters surprised survivors take tens tensions
    terrified text thank thanks themes thereafter thereby third thousands threatened three time today told
    tomorrow tonight troops truth two unable unaware unbeknownst under unfortunately unknown unlike upon upset
    used various victims view villagers visitors war weeks well white whole wife winter woman women word words
    work workers worried worse years yesterday young""".split()
)

# What may stand before any name, or in capitals for no reason.
COURTESY = frozenset(
    """mr mrs ms miss mme mlle dr st sir herr frau monsieur madame north south east west northern southern eastern
    western""".split()
)

# What no name begins with, though it stands before one.
TITLES = COURTESY | frozenset(
    """mademoiselle messrs master mistress lady lord dame doctor prof professor rev reverend father mother brother
    sister uncle aunt saint captain capt colonel col general gen lieutenant lt major maj sergeant sgt corporal private
    commander admiral marshal officer king queen prince princess emperor empress tsar czar count countess duke duchess
    baron baroness earl marquis president governor senator judge minister chancellor pope bishop cardinal fräulein señor
    señora don doña""".split()
)

# Names of peoples whose beginning is another than their country's.
KIN = {
    "french": "france", "frenchman": "france", "frenchmen": "france", "dutch": "netherlands", "spanish": "spain",
    "spaniard": "spain", "spaniards": "spain", "polish": "poland", "pole": "poland", "poles": "poland",
    "danish": "denmark", "dane": "denmark", "danes": "denmark", "irish": "ireland", "welsh": "wales",
    "greek": "greece", "greeks": "greece", "swiss": "switzerland", "swedish": "sweden", "swede": "sweden",
    "scottish": "scotland", "scots": "scotland", "turkish": "turkey", "turk": "turkey", "turks": "turkey",
    "english": "england",
    "british": "britain", "briton": "britain", "britons": "britain", "finnish": "finland", "finn": "finland",
}  # fmt: skip
