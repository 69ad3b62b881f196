"""Number words of the languages that books are numbered in; spelled by numbers.plain, one block a language.

No number library fits: they read cardinals of a few languages, headings say ordinals in any gender of many.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

# Words from one on; then, after the semicolon, from twenty on in tens. A stroke parts spellings of one value.
_CARDINALS = """
one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen; twenty thirty forty fifty sixty seventy eighty ninety hundred

eins/ein zwei/zwo drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn
achtzehn neunzehn; zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig hundert/einhundert

un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize; vingt/vingts trente
quarante cinquante soixante - - - cent

uno/una/un dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis diecisiete
dieciocho diecinueve; veinte/veinti treinta cuarenta cincuenta sesenta setenta ochenta noventa ciento/cien

um/uma dois/duas tres quatro cinco seis sete oito nove dez onze doze treze catorze/quatorze quinze dezesseis/dezasseis
dezessete/dezassete dezoito dezenove/dezanove; vinte trinta quarenta cinquenta sessenta setenta oitenta noventa
cento/cem

uno/un due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici diciassette
diciotto diciannove; venti/vent trenta/trent quaranta/quarant cinquanta/cinquant sessanta/sessant settanta/settant
ottanta/ottant novanta/novant cento

een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien achttien
negentien; twintig dertig veertig vijftig zestig zeventig tachtig negentig honderd

ett/en två tre fyra fem sex sju åtta nio tio elva tolv tretton fjorton femton sexton sjutton arton/aderton nitton;
tjugo trettio fyrtio femtio sextio sjuttio åttio nittio hundra

en/et to tre fire fem seks syv/sju otte/åtte ni ti elleve/elve tolv tretten fjorten femten seksten/sexten sytten atten
nitten; tyve/tjue tredive/tretti fyrre/førti halvtreds/femti tres/seksti halvfjerds/sytti firs/åtti halvfems/nitti
hundrede/hundre

yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän kymmenen yksitoista kaksitoista kolmetoista
neljätoista viisitoista kuusitoista seitsemäntoista kahdeksantoista yhdeksäntoista; kaksikymmentä kolmekymmentä
neljäkymmentä viisikymmentä

jeden/jedna dwa/dwie trzy cztery pięć sześć siedem osiem dziewięć dziesięć jedenaście dwanaście trzynaście czternaście
piętnaście szesnaście siedemnaście osiemnaście dziewiętnaście; dwadzieścia trzydzieści czterdzieści pięćdziesiąt
sześćdziesiąt siedemdziesiąt osiemdziesiąt dziewięćdziesiąt sto

jeden/jedna dva/dvě tři čtyři pět šest sedm osm devět deset jedenáct dvanáct třináct čtrnáct patnáct šestnáct sedmnáct
osmnáct devatenáct; dvacet třicet čtyřicet padesát šedesát sedmdesát osmdesát devadesát sto

egy kettő/két három négy öt hat hét nyolc kilenc tíz/tizen; húsz/huszon harminc negyven ötven hatvan hetven nyolcvan
kilencven száz

unu/una doi/două trei patru cinci șase șapte opt nouă zece unsprezece doisprezece treisprezece paisprezece
cincisprezece șaisprezece șaptesprezece optsprezece nouăsprezece; douăzeci treizeci patruzeci cincizeci șaizeci
șaptezeci optzeci nouăzeci

один/одна два/две три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать
пятнадцать шестнадцать семнадцать восемнадцать девятнадцать; двадцать тридцать сорок пятьдесят шестьдесят семьдесят
восемьдесят девяносто сто

один два три чотири п'ять шість сім вісім дев'ять десять одинадцять дванадцять тринадцять чотирнадцять п'ятнадцять
шістнадцять сімнадцять вісімнадцять дев'ятнадцять; двадцять тридцять сорок п'ятдесят шістдесят сімдесят вісімдесят
дев'яносто сто

ένα δύο τρία τέσσερα πέντε έξι επτά/εφτά οκτώ/οχτώ εννέα/εννιά δέκα έντεκα δώδεκα δεκατρία δεκατέσσερα δεκαπέντε
δεκαέξι δεκαεπτά δεκαοκτώ δεκαεννέα; είκοσι τριάντα σαράντα πενήντα εξήντα εβδομήντα ογδόντα ενενήντα εκατό

bir iki üç dört beş altı yedi sekiz dokuz on; yirmi otuz kırk elli altmış yetmiş seksen doksan yüz

unu du tri kvar kvin ses sep ok naŭ dek; dudek tridek kvardek kvindek sesdek sepdek okdek naŭdek cent

unus duo tres quattuor quinque sex septem octo novem decem undecim duodecim tredecim; viginti triginta

satu dua tiga empat lima enam tujuh delapan sembilan sepuluh/belas sebelas

một/nhất/mốt hai/nhì ba bốn/tư năm/lăm sáu bảy/bẩy tám chín mười; - - - - - - - - trăm

एक दो तीन चार पाँच/पांच छह/छः सात आठ नौ दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस; बीस

אחד/אחת שנים/שתים/שניים/שתיים שלושה/שלוש/שלש ארבעה/ארבע חמישה/חמש/חמשה שישה/שש/ששה שבעה/שבע שמונה תשעה/תשע עשרה/עשר;
עשרים שלושים ארבעים חמישים שישים שבעים שמונים תשעים מאה

- - - - - - - - - عشر/عشرة; عشرون/عشرين ثلاثون/ثلاثين اربعون/اربعين خمسون/خمسين ستون/ستين سبعون/سبعين ثمانون/ثمانين
تسعون/تسعين مائة

یک دو سه چهار پنج شش هفت هشت نه ده; بیست سی چهل پنجاه شصت هفتاد هشتاد نود صد
"""

# Stems, the same way, and first the endings that follow them.
_ORDINALS = """
- first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth
sixteenth seventeenth eighteenth nineteenth; twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth
ninetieth hundredth

er/es/e/en erst zweit dritt viert fünft sechst siebent/siebt acht neunt zehnt elft zwölft dreizehnt vierzehnt
fünfzehnt sechzehnt siebzehnt achtzehnt neunzehnt; zwanzigst dreißigst vierzigst fünfzigst sechzigst siebzigst
achtzigst neunzigst hundertst

-/s premier/première/unième deuxième/second/seconde troisième quatrième cinquième sixième septième huitième neuvième
dixième onzième douzième treizième quatorzième quinzième seizième dix-septième dix-huitième dix-neuvième; vingtième
trentième quarantième cinquantième soixantième - - - centième

o/a/- primer segund tercer cuart quint sext séptim/sétim octav noven/non décim undécim/decimoprimer
duodécim/decimosegund decimotercer/decimoterci decimocuart decimoquint decimosext decimoséptim decimoctav/decimooctav
decimonoven/decimonon; vigésim trigésim cuadragésim quincuagésim sexagésim septuagésim octogésim nonagésim centésim

o/a primeir segund terceir quart quint sext sétim/séptim oitav non décim undécim duodécim; vigésim trigésim
quadragésim quinquagésim sexagésim septuagésim/setuagésim octogésim nonagésim centésim

o/a prim/unesim second/duesim terz/treesim quart/quattresim quint/cinquesim sest/seiesim settim/settesim ottav/ottesim
non/novesim decim undicesim/decimoprim dodicesim/decimosecond tredicesim/decimoterz quattordicesim/decimoquart
quindicesim/decimoquint sedicesim/decimosest diciassettesim/decimosettim diciottesim/decimottav
diciannovesim/decimonon; ventesim trentesim quarantesim cinquantesim sessantesim settantesim ottantesim novantesim
centesim

-/ul întâi/întâiul/prima doilea/doua treilea/treia patrulea/patra cincilea/cincea șaselea/șasea șaptelea/șaptea
optulea/opta nouălea/noua zecelea/zecea unsprezecelea/unsprezecea doisprezecelea/douăsprezecea treisprezecelea
paisprezecelea cincisprezecelea șaisprezecelea șaptesprezecelea optsprezecelea nouăsprezecelea; douăzecilea
treizecilea

-/a/e primer segon tercer quart cinqu/cinquè sis/sisè set/setè vuit/vuitè nov/novè des/desè onz/onzè dotz/dotzè

e eerst tweed/tweded derd vierd vijfd zesd zevend achtst negend tiend elfd twaalfd dertiend veertiend vijftiend
zestiend zeventiend achttiend negentiend; twintigst dertigst veertigst vijftigst zestigst zeventigst tachtigst
negentigst honderdst

a/e/- först andr tredj fjärd femt sjätt sjund åttond niond tiond elft tolft/tolvt trettond fjortond femtond sextond
sjuttond artond/adertond nittond; tjugond trettiond fyrtiond femtiond sextiond sjuttiond åttiond nittiond hundrad

e/- først andet/anden/andr/annet/annen tredj fjerd femt sjett syvend/sjuend ottend/åttend niend tiend
elvt/ellevt/elleft tolvt trettend fjortend femtend sekstend syttend attend nittend; tyvend/tjuend tredivt/trettiend
fyrretyvend/førtiend halvtredsindstyvend/femtiend tresindstyvend/sekstiend halvfjerdsindstyvend/syttiend
firsindstyvend/åttiend halvfemsindstyvend/nittiend hundred

- ensimmäinen/ensimäinen toinen kolmas neljäs viides kuudes seitsemäs kahdeksas yhdeksäs kymmenes yhdestoista
kahdestoista kolmastoista neljästoista viidestoista kuudestoista seitsemästoista kahdeksastoista yhdeksästoista;
kahdeskymmenes kolmaskymmenes neljäskymmenes viideskymmenes kuudeskymmenes

- esimene teine kolmas neljas viies kuues seitsmes kaheksas üheksas kümnes üheteistkümnes kaheteistkümnes

y/a/e/i/ia/ie/ego/ej pierwsz drug trzec czwart piąt szóst siódm ósm dziewiąt dziesiąt jedenast dwunast trzynast
czternast piętnast szesnast siedemnast osiemnast dziewiętnast; dwudziest trzydziest czterdziest pięćdziesiąt
sześćdziesiąt siedemdziesiąt osiemdziesiąt dziewięćdziesiąt setn

í/á/é/ý prvn/prv druh třet čtvrt pát šest sedm osm devát desát jedenáct dvanáct třináct čtrnáct patnáct šestnáct
sedmnáct osmnáct devatenáct; dvacát třicát čtyřicát padesát šedesát sedmdesát osmdesát devadesát

á/a/ý/y/í/i/o/é prv drug/druh treć/tretj/tret četvrt/četrt/štvrt pet/piat šest/šiest sedm/siedm osm/ôsm devet/deviat
deset/desiat jedanaest/enajst/jedenást dvanaest/dvanajst/dvanást

- első/egyedik második/kettedik harmadik negyedik ötödik hatodik hetedik nyolcadik/nyolczadik kilencedik/kilenczedik
tizedik; huszadik harmincadik/harminczadik negyvenedik ötvenedik hatvanadik hetvenedik nyolcvanadik kilencvenedik
századik

ый/ая/ое/ой/ий/ья/ье/а/о/ы/я/ого/ей перв втор трет/трети четверт пят шест седьм восьм/осьм девят десят одиннадцат
двенадцат/двѣнадцат тринадцат четырнадцат пятнадцат шестнадцат семнадцат восемнадцат девятнадцат; двадцат тридцат
сороков пятидесят шестидесят семидесят восьмидесят девяност сот

ий/а/е/я/є/ій перш друг трет четверт п'ят шост сьом восьм дев'ят десят одинадцят дванадцят тринадцят чотирнадцят
п'ятнадцят шістнадцят сімнадцят вісімнадцят дев'ятнадцят; двадцят тридцят сороков п'ятдесят шістдесят сімдесят
вісімдесят дев'яност сот

а/и/о/я/е първ/прв втор трет/трећ четвърт/четврт пет шест седм осм девет десет единадесет/једанаест
дванадесет/дванаест тринадесет четиринадесет петнадесет шестнадесет седемнадесет осемнадесет деветнадесет; двадесет
тридесет четиридесет

ο/η/ος/ον/α πρώτ δεύτερ τρίτ τέταρτ πέμπτ έκτ έβδομ όγδο ένατ/έννατ δέκατ ενδέκατ/εντέκατ δωδέκατ; εικοστ τριακοστ
τεσσαρακοστ πεντηκοστ εξηκοστ

- birinci ikinci üçüncü dördüncü beşinci altıncı yedinci sekizinci dokuzuncu onuncu; yirminci otuzuncu kırkıncı
ellinci altmışıncı yetmişinci sekseninci doksanıncı yüzüncü

- unua dua tria kvara kvina sesa sepa oka naŭa deka; dudeka trideka kvardeka

us/a/um prim secund terti quart quint sext septim octav non decim undecim duodecim; vigesim/vicesim trigesim/tricesim
quadragesim quinquagesim

- pertama kedua ketiga keempat kelima keenam ketujuh kedelapan kesembilan kesepuluh kesebelas

- पहला/पहली/प्रथम/पहिला दूसरा/दूसरी/द्वितीय/दुसरा तीसरा/तीसरी/तृतीय चौथा/चौथी/चतुर्थ
पाँचवाँ/पाँचवां/पांचवां/पञ्चम/पंचम छठा/छठवाँ/षष्ठ सातवाँ/सातवां/सप्तम आठवाँ/आठवां/अष्टम नौवाँ/नौवां/नवाँ/नवम
दसवाँ/दसवां/दशम ग्यारहवाँ/ग्यारहवां/एकादश बारहवाँ/बारहवां/द्वादश

-/ה/ת/ית ראשון/ראשונ שני שלישי רביעי חמישי שישי/ששי שביעי שמיני תשיעי עשירי

-/ة اول/اولى/حادي/حادى/واحد ثاني/ثانى/ثان ثالث رابع خامس سادس سابع ثامن تاسع عاشر

- اول/یکم دوم/دویم سوم/سیم چهارم پنجم ششم هفتم هشتم نهم دهم یازدهم دوازدهم سیزدهم چهاردهم پانزدهم شانزدهم هفدهم
هجدهم/هیجدهم نوزدهم; بیستم سی‌ام چهلم پنجاهم
"""

_JOINERS = "und en ën och og e y i et and и і και ve a و va"
_TIMES_TEN = "puluh mươi"


def cardinals() -> Iterator[tuple[str, int]]:
    """Cardinal words with their values, as spelled above."""
    for row in _CARDINALS.strip().split("\n\n"):
        yield from _row(row)


def ordinals() -> Iterator[tuple[str, int]]:
    """Ordinal words in all their endings with their values, as spelled above."""
    for row in _ORDINALS.strip().split("\n\n"):
        endings, words = row.split(None, 1)
        for stem, value in _row(words):
            for ending in endings.split("/"):
                yield stem + ending.strip("-"), value


@cache
def joiners() -> frozenset[str]:
    """Words for `and` between a number's parts."""
    return frozenset(_JOINERS.split())


@cache
def times_ten() -> frozenset[str]:
    """Words that make tens of the digit before them."""
    return frozenset(_TIMES_TEN.split())


def _row(row: str) -> Iterator[tuple[str, int]]:
    units, _, tens = row.partition(";")
    for words, first, step in ((units, 1, 1), (tens, 20, 10)):
        for place, spellings in enumerate(words.split()):
            yield from ((word, first + place * step) for word in spellings.split("/") if word != "-")
