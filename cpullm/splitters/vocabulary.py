"""Words for the parts of a book in many languages, spelled by numbers.plain: what is numbered, what has a name."""

from __future__ import annotations

from functools import cache

from cpullm.splitters.numbers import plain

# Keywords that number the divisions of books. Others are keywords too, but need a longer count to be believed.
_DIVISIONS = """
chapter chap chapt book bk part pt volume vol section sect act scene canto letter stave lesson article art lecture
sonnet psalm fable tale story night day week month year evening morning verse-book episode essay sermon discourse
dialogue schedule annex exhibit
adventure epistle fit rule proposition problem experiment appendix epilogue prologue step question title subchapter
chapitre livre tome partie acte scene chant lettre lecon titre tableau nuit journee soiree veillee conte fable
entretien
kapitel kap buch teil theil band akt aufzug szene scene auftritt gesang brief abschnitt abteilung abtheilung
hauptstuck
hauptteil nacht tag abend vorlesung artikel lektion stuck bild handlung paragraph bd
capitulo cap libro parte tomo acto escena carta canto jornada cuadro articulo leccion titulo seccion noche tratado
capitolo atto scena quadro lettera giornata novella sezione articolo lezione titolo notte volume
ato cena quadro artigo secao seccao licao noite livro
hoofdstuk hoofdst boek deel bedrijf toneel tooneel brief zang afdeling afdeeling tafereel
kapitlet bok boken delen del brev scen sang akten kapittel kapitlerne bog bind optrin handling bind
luku osa kirja runo naytos kohtaus laulu jakso peatukk
rozdział ksiega czesc tom akt scena list piesn odsłona artykuł
kapitola kniha dil cast dejstvi vystup jednani zpev list kapitoly obraz poglavje poglavlje knjiga dio glava
fejezet konyv resz kotet felvonas jelenet szin enek level
capitolul capitol cartea partea volumul actul scena
глава гл книга часть том акт деиствие сцена явление письмо песнь песня раздел картина статья выпуск параграф лекция
розділ частина дія ява пісня лист стаття роздзел част част
κεφαλαιο κεφ βιβλιο βιβλιον μεροσ πραξη πραξισ σκηνη ραψωδια τομοσ αρθρο ενοτητα
bolum kitap kisim perde sahne cilt fasıl fasil madde
فصل الفصل باب الباب جزء الجزء كتاب الكتاب قسم القسم مشهد المشهد بخش كفتار گفتار داستان پرده صحنه ماده المادة جلد
פרק חלק ספר מערכה תמונה שער כרך סעיף מכתב
अध्याय भाग खंड खण्ड सर्ग परिच्छेद प्रकरण अंक दृश्य काण्ड
chuong hoi phan quyen bab bagian jilid buku babak adegan pasal surah kabanata
บทที่ ตอนที่ ภาคที่ บท অধ্যায় অধ্যায় பாகம் அத்தியாயம் అధ్యాయం თავი ნაწილი գլուխ մաս поглавље skyrius dalis nodala peatukk
ĉapitro capitro libro parto akto sceno
caput liber pars actus scaena scena epistola carmen tomus lectio titulus
"""
_NAMES = {
    "front": """
preface foreword introduction introductory dedication preamble preliminary proem acknowledgements
acknowledgments abstract vorwort einleitung vorrede widmung geleitwort einfuhrung zueignung
preface avant-propos avertissement avis introduction dedicace prefacio prologo-editorial introduccion advertencia
dedicatoria prologo
prefazione introduzione avvertenza dedica proemio introducao advertencia voorwoord inleiding voorrede voorbericht
opdracht
forord forord innledning indledning inledning foretal fortale forsprak esipuhe johdanto alkulause przedmowa wstep
predmluva uvod predgovor eloszo bevezetes prefata introducere cuvant-inainte предисловие введение вступление
посвящение
передмова вступ предговор увод προλογοσ εισαγωγη onsoz giris مقدمة المقدمة مقدمه پيشگفتار تمهيد הקדמה מבוא פתח-דבר
प्रस्तावना भूमिका antaŭparolo praefatio praefatio prooemium 序 序言 前言 自序 緒言 绪言 緒論 绪论 引言 凡例
はしがき まえがき
はじめに 머리말 서문 서론 loi-tua kata-pengantar pengantar to-the-reader author's-note author's-preface
title-page half-title copyright-page
au-lecteur an-den-leser al-lettore al-lector prologo-del-autor
""",
    "body": """
prologue epilogue conclusion interlude postscript intermezzo prelude coda finale prolog epilog zwischenspiel
vorspiel
nachspiel epilogo entr'acte interludio intermedio preludio proloog epiloog epilogi prologi пролог эпилог интерлюдия
эпілог επιλογοσ sonsoz خاتمة الخاتمة خاتمه אפילוג פרולוג उपसंहार 楔子 尾聲 尾声 序章 終章 终章 序幕 番外
프롤로그 에필로그
conclusione conclusion conclusao schluss slutning zakonczenie zaver zakljucak заключение prolusione prologus
epilogus
zakończenie závěr
""",
    "back": """
afterword appendix appendices annex annexes schedules glossary index note notes footnotes endnotes bibliography
references addenda errata colophon advertisements corrigenda
nachwort anhang anmerkungen register glossar literaturverzeichnis fußnoten postface appendice appendices annexe
annexes
glossaire bibliographie epilogo-del-editor apendice apendices notas glosario bibliografia posfacio anexo appendice
note-finali
note postfazione glossario nawoord aanhangsel bijlage aantekeningen aanteekeningen noten voetnoten
efterord efterskrift etterord anmarkningar noter tillagg bilag bihang jalkisanat jalkilause viitteet liite liitteet
huomautuksia
posłowie przypisy dodatek objasnienia doslov poznamky dodatek pogovor biljeske utoszo jegyzetek fuggelek anexa
послесловие примечания приложение приложения комментарии указатель словарь післямова примітки додаток послеслов
бележки
σημειωσεισ παραρτημα ευρετηριο notlar ekler sozluk dipnotlar ملحق ملاحق فهرس-الاعلام هوامش حواشی يادداشت הערות נספח
אחרית-דבר
परिशिष्ट टिप्पणी notoj apendico 附錄 附录 後記 后记 跋 註釋 注释
あとがき おわりに 付録 후기 부록 참고문헌 phu-luc loi-bat lampiran
about-the-author about-the-authors about-the-translator about-the-publisher uncopyright further-reading
transcriber's-note transcriber's-notes transcriber-note transcriber-notes
""",
    "contents": """
contents toc table-of-contents inhalt inhaltsverzeichnis indice sommaire table-des-matieres table-des-chapitres
tabla
tabla-de-materias indice-general indice-dei-capitoli sommario sumario inhoud inhoudsopgave innehall indhold innhold
innehallsforteckning indholdsfortegnelse sisallys sisallysluettelo spis-rzeczy spis-tresci tresc obsah sadrzaj
kazalo tartalom
tartalomjegyzek cuprins содержание оглавление зміст съдържание περιεχομενα icindekiler المحتويات الفهرس فهرس فهرست
תוכן תוכן-העניינים विषय-सूची अनुक्रम enhavo index-capitum 目錄 目录 目次 차례 목차 muc-luc daftar-isi list-of-chapters
index-of-chapters
""",
}
# Names that tell something only where nothing else stands on their line, and what they are other names of.
_ALONE = {"table": "contents", "copyright": "copyright-page", "imprint": "copyright-page", "sources": "bibliography"}
_INTERLUDES = """
interlude intermezzo entr'acte zwischenspiel interludio interludi intermede mellanspel mellemspil mellomspill
tussenspel interludium интерлюдия 幕間 间章
"""
_LAST = """
last final letzte letzter letztes derniere dernier ultima ultimo laatste sista siste последняя последний
"""
# Before a number, between it and its keyword.
_ARTICLES = (
    "the la le el il o a al der das die den de det het az no nr number n num nº n° № no. nr. n. numero nummer numéro"
)
_NOT_DIVISIONS = """
fig figs figure footnote illustration image line lines note page pages p pp plate table vers verse verses see ibid
mr mrs dr
"""
_MONTHS = """
january february march april may june july august september october november december jan feb mar apr jun jul aug
sept sep
oct nov dec janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre januar februar marz
juni
juli oktober dezember janner enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre
diciembre gennaio
febbraio aprile maggio giugno luglio settembre ottobre dicembre janeiro fevereiro marco maio junho julho setembro
outubro
novembro dezembro januari februari maart mei augustus augusti desember kesakuuta января февраля марта апреля мая
июня июля
августа сентября октября ноября декабря stycznia lutego marca kwietnia maja czerwca lipca sierpnia wrzesnia
pazdziernika
"""
_DAYS = """
monday tuesday wednesday thursday friday saturday sunday lundi mardi mercredi jeudi vendredi samedi dimanche montag
dienstag
mittwoch donnerstag freitag samstag sonnabend sonntag lunes martes miercoles jueves viernes sabado domingo lunedi
martedi
mercoledi giovedi venerdi sabato domenica of the le de del den der am el
"""


@cache
def divisions() -> frozenset[str]:
    """Keywords that stand before or after the numbers of a book's divisions."""
    return frozenset(plain(word) for word in _DIVISIONS.split())


@cache
def not_divisions() -> frozenset[str]:
    """Words that are numbered too, but are parts of a page or of a date."""
    return months() | frozenset(_NOT_DIVISIONS.split())


@cache
def months() -> frozenset[str]:
    """Names of months, also as dates have them."""
    return frozenset(plain(word) for word in _MONTHS.split())


@cache
def days() -> frozenset[str]:
    """Days of the week and the little words of dates."""
    return frozenset(plain(word) for word in _DAYS.split())


@cache
def articles() -> frozenset[str]:
    """Words between a keyword and its number that say nothing."""
    return frozenset(plain(word) for word in _ARTICLES.split())


@cache
def interludes() -> frozenset[str]:
    """Names of what stands between two numbered units and has no number itself."""
    return frozenset(plain(word) for word in _INTERLUDES.split())


@cache
def lasts() -> frozenset[str]:
    """Words for the last of a count, as in `fourth and last`."""
    return frozenset(plain(word) for word in _LAST.split())


def alone(name: str) -> str:
    """The name by which a part of a book is known whose line has only this name."""
    return _ALONE.get(name, name)


@cache
def kinds() -> dict[str, str]:
    """The kind of every part that has a name of its own; words of one name are joined by hyphens."""
    return {plain(word): kind for kind, words in _NAMES.items() for word in words.split()}
