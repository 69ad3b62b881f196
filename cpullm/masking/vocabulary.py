"""Words that say what a number beside them is, in some languages; as alternatives of patterns."""

from __future__ import annotations

MONTHS = (
    r"(?:jan(?:uar[yi]?|vier)?|feb(?:ruar[yi]?|rero|braio)?|f[eé]vrier|fevereiro|mar(?:ch|zo|s|ço)?|märz|maart|"
    r"apr(?:il|ile)?|a[vb]ril|ma[iy]o?|maggio|mei|june?|juni[o]?|juin|giugno|junho|jul[yi]?|julio|juillet|luglio|julho|"
    r"aug(?:ust(?:us)?)?|ao[uû]t|agosto|sep(?:t(?:ember|embre|iembre)?)?|settembre|setembro|"
    r"o[ck]t(?:ober|obre|ubre)?|ottobre|outubro|nov(?:ember|embre|iembre|embro)?|"
    r"de[czs](?:ember|embre|iembre|embro)?|décembre|dicembre|diciembre|dezembro|ene(?:ro)?|gennaio|janeiro|"
    r"января|февраля|марта|апреля|мая|июня|июля|августа|сентября|октября|ноября|декабря)"
)
PHONE = (
    r"(?i)phone|\b(?:tel|fax|cell|mobile|call|calling|ring|dial|text|sms|messag\w*|reach|whatsapp|hotline|answering|"
    r"contact|handy|mobil|anruf\w*|ruf|appel\w*|portable|llam\w+|m[oó]vil|celular|chiama\w*|cellulare|telefo\w+|"
    r"t[eé]l[eé]\w*|тел\w*|звон\w+)\b|电话|電話|手机|手機|전화"
)
PHONE_AFTER = r"(?i)[ \-(,]{0,3}(?:office|fax|mobile|home|work|cell|direct|phone)\b"
CARD = r"(?i)card|\b(?:cc|visa|amex|mastercard)\b|karte|tarjeta|carta|cartão|carte|карт"
# What has a number that is somebody's.
NUMBERED = (
    r"(?:social security|ssn|tax|steuer|vat|passport|pass|ausweis|personal|identity|national|driv(?:er|ing)\S{0,2}|"
    r"licen[cs]e|plate|insurance|policy|member(?:ship)?|patient|medical record|mrn|nhs|health|account|acct|konto|"
    r"compte|cuenta|conto|routing|sort|swift|bic|iban|card|customer|client|employee|student|case|serial|imei|vin|"
    r"dni|nif|nie|cpf|cnpj|curp|rfc|pesel|nip|codice fiscale|aadhaar|pan|паспорт\w*|инн|снилс|сч[её]т\w*|"
    r"身份证|护照|账号|帐号)"
)
SAYS = (
    r"(?:[ ]?(?:number|no|nr|num|id|code|#|№|n°|номер|号码|号)\.?){0,2}"
    r"[ ]?(?:is|was|ist|est|es|è|:|=|#){0,2}[ ]?"
)
YEARS_OLD = (
    r"(?:[ -]?years?[ -](?:old|of age)|[ -]?y(?:rs?)?\.?[ /]?o\b|[ -]?yr[ -]old|[ -]?jährig\w*|[ -]Jahre alt|"
    r"[ -]jaar oud|[ -]år gammal|[ ]ans d'âge|[ ]años de edad|[ ]anos de idade)"
)
AGED = r"(?:aged?|age of|age is|age:|alter:?|im alter von|edad:?|edad de|[âa]g[ée]e?s? de|leeftijd:?|возраст:?|年龄:?)"
IS = r"(?:turn(?:s|ed|ing)?|i'?m|i am|s?he is|s?he's|s?he was)"
HAS = r"(?:j'ai|il a|elle a|tiene|tengo|tenía|ha|ho|tem|tenho)"  # so many years
CALLED = (
    r"(?:my (?:full |first |last |maiden )?name is|(?:full |first |last |maiden |sur)?name[ ]?:|i am called|"
    r"mein name ist|ich hei(?:ß|ss)e|je m'appelle|mon nom est|me llamo|mi nombre es|mi chiamo|il mio nome è|"
    r"meu nome é|me chamo|mijn naam is|ik heet|mam na imię|nazywam się|меня зовут|jag heter|jeg heter|adım|"
    r"我叫|我的名字是|私の名前は|제 이름은|اسمي)"
)
ADDRESS = (
    r"(?i)\baddress(?:es)?\b(?!\s+(?:the|this|that|a|an|some)\b)|"
    r"\b(?:liv(?:es?|ing)|located|resid(?:es?|ing)|adresse|anschrift|wohnt|wohne|wohnhaft|habite|domicilié|vive|vivo|"
    r"dirección|domicilio|indirizzo|endereço|abita|adres|адрес|проживает)\b|地址|住所|주소"
)
POSTAL = (
    r"(?:\bzip(?:[ -]?code)?|\bpost(?:al)?[ -]?code|\bplz|\bpostleitzahl|\bcode postal|\bc[oó]digo postal|\bcap|\bcep|"
    r"\bpostnummer|\bkod pocztowy|\bиндекс|邮编|〒)"
)
# Of streets: what stands after the name with the number before it, what names end in, what stands alone, and before.
STREET = (
    r"(?:street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|square|sq|terrace|place|pl|highway|hwy|"
    r"parkway|pkwy|circle|crescent|close|way|row|quay|trail|alley|plaza|mews|gardens|grove|walk|wharf|expressway|"
    r"turnpike)"
)
STREET_ENDING = (
    r"(?:stra(?:ß|ss)e|str|gasse|weg|allee|platz|ufer|damm|chaussee|gata|gatan|gaten|gade|vej|vei|veien|vegen|vägen|"
    r"gränd|straat|laan|plein|gracht|kade|dijk|katu|kuja|polku|utca|stræti|straeti)"
)
STREET_ALONE = (
    r"(?:stra(?:ß|ss)e|str\.|weg|platz|allee|gata|gade|vej|vei|väg|allé|terrasse|utca|út|útja|tér|tere|krt\.|körút|u\.|"
    r"sokak|sok\.|caddesi|cad\.|bulvar\w{0,2})"
)
STREET_FIRST = (
    r"(?:rua|rue|avenida|avenue|av\.|calle|c/|carrer|carretera|paseo|plaza|plaça|place|piazza|piazzale|via|viale|"
    r"vicolo|corso|largo|travessa|praça|estrada|boulevard|bd|impasse|allée|chemin|quai|route|cours|ul\.|ulica|aleja|"
    r"al\.|os\.|улица|ул\.|проспект|пр\.|переулок|пер\.|бульвар|вулиця|вул\.|οδός|λεωφόρος|λ\.)"
)
SMALL = r"(?:(?:de|du|des|del|della|delle|di|da|do|das|dos|la|le|las|los|les|el|en|the)[ ]|[dl]['’])"
UNIT = r"(?:apartment|apt|suite|ste|appartement|appt|wohnung|whg|depto|кв|квартира)"
PART = r"(?:flat|app|piso|dept|unit|room|rm|floor|bldg|building|stiege|tür|top|int|esc)"  # only beside a street
BOX = r"(?:P\.?[ ]?O\.?[ ]?Box|Postfach|Postbus|Apartado(?: de Correos)?|Casilla|Caixa Postal|Boîte Postale|PMB)"
US_STATE = (
    r"(?:A[AEKLPRZ]|C[AOT]|D[CE]|FL|G[AU]|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|P[AR]|RI|S[CD]|T[NX]|UT|"
    r"V[AIT]|W[AIVY])"
)
