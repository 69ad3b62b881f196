"""How often `decode` reads a text of each usual encoding right, by length: `python -m tests.encoding_table`."""

from __future__ import annotations

from collections.abc import Callable

from cpullm.readers.encodings import decode

LENGTHS = {"80 bytes": 80, "1 KB": 1000, "1 MB": 1_000_000}
ENCODINGS = {
    "ru": ("cp1251", "koi8-r", "cp866", "iso8859-5"),
    "uk": ("cp1251", "koi8-u"),
    "zh": ("gb18030",),
    "tw": ("big5",),
    "ja": ("cp932", "euc_jp"),
    "ko": ("cp949",),
    "pl": ("cp1250", "iso8859-2"),
    "cs": ("cp1250", "iso8859-2"),
    "hu": ("cp1250", "iso8859-2"),
    "el": ("iso8859-7", "cp1253"),
    "he": ("cp1255",),
    "ar": ("cp1256",),
    "tr": ("cp1254",),
    "fr": ("cp1252", "latin-1", "iso8859-15", "mac-roman", "cp850"),
    "de": ("cp1252", "latin-1", "iso8859-15", "mac-roman", "cp850"),
    "es": ("cp1252", "latin-1"),
    "pt": ("cp1252", "latin-1"),
    "sv": ("cp1252", "latin-1"),
    "en": ("cp1252",),
}
# Everyday prose written for this table.
TEXTS = {
    "ru": """\
Утром почтальон принёс два письма и тяжёлую посылку, перевязанную бечёвкой. Хозяйка долго искала очки, потом села к
окну и начала читать вслух. Первое письмо было от брата, который уже третий год служил смотрителем маяка на севере.
Он писал, что зима выдалась снежная, что корабли заходят редко и что по вечерам ему не с кем сыграть в шахматы.
«Приезжай летом, — просил он, — увидишь, как цветёт тундра». Второе письмо оказалось счётом за дрова. В посылке
лежали сушёные яблоки, шерстяной шарф и старая фотография, на которой вся семья стояла перед домом, где теперь
разместилась городская библиотека. Вечером пришли гости, и разговор зашёл о будущем: построят ли мост через реку,
откроют ли новую школу и куда денется рынок. Никто ни с кем не соглашался, но чай пили охотно, а когда пробило
десять, все разошлись по домам.
""",
    "uk": """\
Уранці листоноша приніс два листи й важкий пакунок, перев'язаний мотузкою. Господиня довго шукала окуляри, потім
сіла біля вікна і почала читати вголос. Перший лист був від брата, який уже третій рік служив доглядачем маяка на
півночі. Він писав, що зима видалася сніжна, що кораблі заходять рідко і що вечорами йому ні з ким зіграти в шахи.
Просив приїхати влітку, щоб побачити, як цвіте його берег. Другий лист виявився рахунком за дрова. У пакунку лежали
сушені яблука, вовняний шарф і стара світлина, на якій уся родина стояла перед будинком, де тепер міститься міська
бібліотека. Увечері прийшли гості, і мова зайшла про майбутнє: чи збудують міст через річку, чи відкриють нову школу
і куди подінеться ринок.
""",
    "zh": """\
早晨，邮递员送来两封信和一个用麻绳捆着的沉重包裹。女主人找了半天眼镜，才坐到窗边大声念起来。第一封信是她弟弟写来
的，他在北方的灯塔上已经值守了三年。信里说，今年冬天雪下得很大，船只很少靠岸，到了晚上连个下棋的人都没有。“夏天
来看我吧，”他写道，“那时候岸上开满了花。”第二封信原来是木柴的账单。包裹里装着苹果干、一条羊毛围巾，还有一张旧
照片，照片上全家人站在老屋前面，如今那里已经改成了市图书馆。晚上来了几位客人，大家谈起将来的事：河上会不会修桥，
新学校什么时候开学，市场要搬到哪里去。谁也说服不了谁，不过茶倒是喝了不少，等到钟敲十点，客人们才各自回家。第二天
雨停了，孩子们跑到河边去看涨起来的水，老人们坐在桥头，一边抽烟一边讲从前发大水的故事。
""",
    "tw": """\
早晨，郵差送來兩封信和一個用麻繩捆著的沉重包裹。女主人找了半天眼鏡，才坐到窗邊大聲唸起來。第一封信是她弟弟寫來的
，他在北方的燈塔上已經值守了三年。信裡說，今年冬天雪下得很大，船隻很少靠岸，到了晚上連個下棋的人都沒有。「夏天來
看我吧，」他寫道，「那時候岸上開滿了花。」第二封信原來是木柴的帳單。包裹裡裝著蘋果乾、一條羊毛圍巾，還有一張舊照
片，照片上全家人站在老屋前面，如今那裡已經改成了市立圖書館。晚上來了幾位客人，大家談起將來的事：河上會不會修橋，
新學校什麼時候開學，市場要搬到哪裡去。誰也說服不了誰，不過茶倒是喝了不少，等到鐘敲十點，客人們才各自回家。第二天
雨停了，孩子們跑到河邊去看漲起來的水，老人們坐在橋頭，一邊抽菸一邊講從前發大水的故事。
""",
    "ja": """\
朝、郵便配達人が手紙を二通と、麻ひもで縛った重い小包を届けてくれた。おかみさんは長いこと眼鏡を探してから、窓ぎわ
に座って声に出して読みはじめた。一通目は弟からの手紙で、彼はもう三年も北の灯台で働いている。今年の冬は雪が多く、
船はめったに立ち寄らず、夜になっても将棋の相手がいないと書いてあった。「夏になったら遊びに来てください。岸辺に花
が咲くのが見られます」とのことだった。二通目は薪の請求書だった。小包には干しりんごと毛糸のマフラー、それに古い写
真が一枚入っていた。写真では家族みんなが家の前に立っている。その家は今では市の図書館になっている。夕方には客が来
て、川に橋がかかるかどうか、新しい学校はいつ開くのか、市場はどこへ移るのかという話になった。意見はまとまらなかっ
たが、お茶はよく飲まれ、十時の鐘が鳴ると皆それぞれ帰っていった。
""",
    "ko": """\
아침에 우체부가 편지 두 통과 노끈으로 묶은 무거운 소포를 가져왔다. 주인아주머니는 한참 동안 안경을 찾다가
창가에 앉아 소리 내어 읽기 시작했다. 첫 번째 편지는 벌써 삼 년째 북쪽 등대에서 일하고 있는 동생에게서 온
것이었다. 올겨울에는 눈이 많이 내렸고, 배는 거의 들르지 않으며, 저녁이면 장기를 둘 사람도 없다고 적혀
있었다. 여름에 놀러 오면 바닷가에 꽃이 피는 것을 볼 수 있을 거라고 했다. 두 번째 편지는 장작값
청구서였다. 소포에는 말린 사과와 털목도리, 그리고 오래된 사진 한 장이 들어 있었다. 사진 속에서 온 가족이
집 앞에 서 있었는데, 그 집은 지금 시립 도서관이 되었다. 저녁에는 손님들이 찾아와 강에 다리를 놓을 것인지,
새 학교는 언제 문을 여는지, 시장은 어디로 옮기는지 이야기했다. 의견은 모이지 않았지만 차는 많이 마셨고, 열
시가 되자 모두 집으로 돌아갔다.
""",
    "pl": """\
Rano listonosz przyniósł dwa listy i ciężką paczkę, przewiązaną sznurkiem. Gospodyni długo szukała okularów, potem
usiadła przy oknie i zaczęła czytać na głos. Pierwszy list był od brata, który już trzeci rok służył jako latarnik
na północy. Pisał, że zima jest śnieżna, że statki zawijają rzadko i że wieczorami nie ma z kim zagrać w szachy.
Prosił, żeby przyjechała latem zobaczyć, jak kwitnie jego wybrzeże. Drugi list okazał się rachunkiem za drewno. W
paczce leżały suszone jabłka, wełniany szalik i stara fotografia, na której cała rodzina stała przed domem, gdzie
dziś mieści się miejska biblioteka. Wieczorem przyszli goście i rozmowa zeszła na przyszłość: czy zbudują most przez
rzekę, czy otworzą nową szkołę i co się stanie z targiem. Nikt się z nikim nie zgadzał, ale herbatę pito chętnie, a
gdy wybiła dziesiąta, wszyscy rozeszli się do domów.
""",
    "cs": """\
Ráno přinesl pošťák dva dopisy a těžký balík převázaný provázkem. Hospodyně dlouho hledala brýle, pak si sedla k
oknu a začala číst nahlas. První dopis byl od bratra, který už třetí rok sloužil jako strážce majáku na severu.
Psal, že zima je sněhová, že lodě připlouvají zřídka a že si po večerech nemá s kým zahrát šachy. Prosil ji, aby v
létě přijela a podívala se, jak kvete jeho pobřeží. Druhý dopis byl účet za dříví. V balíku ležela sušená jablka,
vlněná šála a stará fotografie, na níž celá rodina stála před domem, kde je dnes městská knihovna. Večer přišli
hosté a řeč se stočila na budoucnost: jestli postaví most přes řeku, kdy otevřou novou školu a kam se přestěhuje
trh. Nikdo s nikým nesouhlasil, ale čaj všem chutnal, a když odbila desátá, rozešli se domů.
""",
    "hu": """\
Reggel a postás két levelet és egy nehéz, zsineggel átkötött csomagot hozott. A háziasszony sokáig kereste a
szemüvegét, aztán leült az ablakhoz, és hangosan olvasni kezdett. Az első levelet az öccse írta, aki már harmadik
éve világítótorony-őr volt északon. Azt írta, hogy a tél havas, hogy a hajók ritkán kötnek ki, és hogy esténként
nincs kivel sakkoznia. Kérte, hogy nyáron látogassa meg, és nézze meg, hogyan virágzik a part. A második levél a
tűzifa számlája volt. A csomagban aszalt alma, gyapjúsál és egy régi fénykép volt, amelyen az egész család a ház
előtt állt, ahol most a városi könyvtár működik. Este vendégek jöttek, és a jövőről beszélgettek: épül-e híd a
folyón, mikor nyílik meg az új iskola, és hová költözik a piac. Senki sem értett egyet senkivel, de a teát szívesen
itták, és amikor tízet ütött az óra, mindenki hazament.
""",
    "el": """\
Το πρωί ο ταχυδρόμος έφερε δύο γράμματα και ένα βαρύ δέμα δεμένο με σπάγκο. Η νοικοκυρά έψαχνε πολλή ώρα τα γυαλιά
της, ύστερα κάθισε κοντά στο παράθυρο και άρχισε να διαβάζει δυνατά. Το πρώτο γράμμα ήταν από τον αδελφό της, που
ήδη τρίτο χρόνο υπηρετούσε φαροφύλακας στον βορρά. Έγραφε ότι ο χειμώνας είναι βαρύς, ότι τα πλοία έρχονται σπάνια
και ότι τα βράδια δεν έχει με ποιον να παίξει σκάκι. Την παρακαλούσε να έρθει το καλοκαίρι για να δει πώς ανθίζει η
ακτή του. Το δεύτερο γράμμα ήταν ο λογαριασμός για τα ξύλα. Στο δέμα υπήρχαν ξερά μήλα, ένα μάλλινο κασκόλ και μια
παλιά φωτογραφία, όπου όλη η οικογένεια στεκόταν μπροστά στο σπίτι που σήμερα είναι η βιβλιοθήκη της πόλης. Το βράδυ
ήρθαν επισκέπτες και μίλησαν για το μέλλον.
""",
    "he": """\
בבוקר הביא הדוור שני מכתבים וחבילה כבדה קשורה בחבל. בעלת הבית חיפשה זמן רב את המשקפיים, ואחר כך ישבה ליד החלון
והתחילה לקרוא בקול. המכתב הראשון היה מאחיה, ששירת זו השנה השלישית כשומר המגדלור בצפון. הוא כתב שהחורף מושלג,
שהאוניות מגיעות לעתים רחוקות ושבערבים אין לו עם מי לשחק שחמט. הוא ביקש שתבוא בקיץ ותראה איך פורח החוף שלו. המכתב
השני היה חשבון על עצי הסקה. בחבילה היו תפוחים מיובשים, צעיף צמר ותצלום ישן, שבו כל המשפחה עמדה לפני הבית שבו נמצאת
היום הספרייה העירונית. בערב באו אורחים והשיחה נסבה על העתיד: האם יבנו גשר על הנהר, מתי ייפתח בית הספר החדש ולאן
יעבור השוק. איש לא הסכים עם איש, אבל את התה שתו ברצון.
""",
    "ar": """\
في الصباح أحضر ساعي البريد رسالتين وطردا ثقيلا مربوطا بحبل. بحثت ربة البيت طويلا عن نظارتها، ثم جلست قرب النافذة
وبدأت تقرأ بصوت عال. كانت الرسالة الأولى من أخيها الذي يعمل منذ ثلاث سنوات حارسا للمنارة في الشمال. كتب أن الشتاء
كان مثلجا، وأن السفن نادرا ما تأتي، وأنه لا يجد في المساء من يلعب معه الشطرنج. وطلب منها أن تزوره في الصيف لترى كيف
تزهر ضفافه. أما الرسالة الثانية فكانت فاتورة الحطب. وكان في الطرد تفاح مجفف ووشاح من الصوف وصورة قديمة تقف فيها
العائلة كلها أمام البيت الذي أصبح اليوم مكتبة المدينة. وفي المساء جاء الضيوف ودار الحديث حول المستقبل: هل سيبنى جسر
على النهر، ومتى تفتح المدرسة الجديدة، وإلى أين ينتقل السوق.
""",
    "tr": """\
Sabahleyin postacı iki mektup ve iple bağlanmış ağır bir paket getirdi. Ev sahibesi uzun süre gözlüğünü aradı, sonra
pencerenin yanına oturup yüksek sesle okumaya başladı. İlk mektup, üç yıldır kuzeyde deniz feneri bekçisi olarak
çalışan kardeşindendi. Kışın karlı geçtiğini, gemilerin seyrek uğradığını ve akşamları satranç oynayacak kimsesi
olmadığını yazıyordu. Yazın gelip kıyının nasıl çiçek açtığını görmesini istiyordu. İkinci mektup odun faturasıydı.
Pakette kurutulmuş elma, yün bir atkı ve bütün ailenin şimdi şehir kütüphanesi olan evin önünde durduğu eski bir
fotoğraf vardı. Akşam misafirler geldi ve söz geleceğe döndü: ırmağın üzerine köprü yapılacak mı, yeni okul ne zaman
açılacak, pazar nereye taşınacak. Kimse kimseyle anlaşamadı, ama çay içildi ve saat onu vurunca herkes evine
dağıldı.
""",
    "fr": """\
Le matin, le facteur apporta deux lettres et un lourd paquet noué d'une ficelle. La maîtresse de maison chercha
longtemps ses lunettes, puis s'assit près de la fenêtre et se mit à lire à haute voix. La première lettre était de
son frère, qui gardait depuis trois ans déjà un phare dans le Nord. Il écrivait que l'hiver était rude, que les
bateaux ne passaient guère et que, le soir venu, il n'avait personne avec qui jouer aux échecs. «Viens cet été,
disait-il, tu verras la côte en fleurs.» La seconde lettre n'était que la facture du bois. Le paquet contenait des
pommes séchées, une écharpe de laine et une vieille photographie où toute la famille posait devant la maison qui
abrite aujourd'hui la bibliothèque. Le soir, on reçut des invités et l'on parla de l'avenir: bâtirait-on un pont,
quand ouvrirait la nouvelle école, où irait le marché? Ça n'avançait à rien, mais le thé plut à tous.
""",
    "de": """\
Am Morgen brachte der Briefträger zwei Briefe und ein schweres, mit Schnur umwickeltes Paket. Die Hausfrau suchte
lange nach ihrer Brille, setzte sich dann ans Fenster und begann laut zu lesen. Der erste Brief war von ihrem
Bruder, der schon im dritten Jahr als Leuchtturmwärter im Norden diente. Er schrieb, daß der Winter schneereich sei,
daß Schiffe nur selten anlegten und daß er abends niemanden habe, um Schach zu spielen. Im Sommer möge sie kommen
und die blühende Küste ansehen. Der zweite Brief war die Rechnung für das Brennholz. Im Paket lagen gedörrte Äpfel,
ein wollener Schal und eine alte Photographie, auf der die ganze Familie vor dem Haus stand, in dem heute die
Stadtbücherei ist. Abends kamen Gäste, und man sprach über die Zukunft: ob man eine Brücke über den Fluß bauen, wann
die neue Schule öffnen und wohin der Markt ziehen würde. Über all das wurde gestritten.
""",
    "es": """\
Por la mañana el cartero trajo dos cartas y un paquete pesado, atado con una cuerda. La dueña de la casa buscó mucho
rato sus gafas, luego se sentó junto a la ventana y empezó a leer en voz alta. La primera carta era de su hermano,
que desde hacía tres años cuidaba un faro en el norte. Escribía que el invierno había sido frío, que los barcos
venían poco y que por las noches no tenía con quién jugar al ajedrez. «¿Por qué no vienes en verano?», preguntaba;
«¡verás la costa en flor!» La segunda carta resultó ser la factura de la leña. En el paquete había manzanas secas,
una bufanda de lana y una fotografía antigua en la que toda la familia estaba delante de la casa donde hoy está la
biblioteca. Al anochecer llegaron los invitados y hablaron del mañana.
""",
    "pt": """\
De manhã o carteiro trouxe duas cartas e um embrulho pesado, atado com um cordel. A dona da casa procurou os óculos
durante muito tempo, depois sentou-se à janela e começou a ler em voz alta. A primeira carta era do irmão, que há
três anos guardava um farol no norte. Dizia que o inverno fora rigoroso, que os navios não vinham e que à noite não
tinha com quem jogar xadrez. Pedia-lhe que viesse no verão ver a costa em flor. A segunda carta era afinal a conta
da lenha. No embrulho havia maçãs secas, um cachecol de lã e uma fotografia antiga em que toda a família estava
diante da casa onde hoje é a biblioteca municipal. À noite vieram os convidados e falou-se do futuro: se
construiriam a ponte, quando abriria a nova escola e para onde iria o mercado. Ninguém chegou a conclusão nenhuma.
""",
    "sv": """\
På morgonen kom brevbäraren med två brev och ett tungt paket, ombundet med snöre. Husmodern letade länge efter sina
glasögon, satte sig sedan vid fönstret och började läsa högt. Det första brevet var från hennes bror, som redan på
tredje året var fyrvaktare i norr. Han skrev att vintern var snörik, att båtarna sällan lade till och att han om
kvällarna inte hade någon att spela schack med. Han bad henne komma till sommaren och se hur kusten blommade. Det
andra brevet var räkningen för veden. I paketet låg torkade äpplen, en yllehalsduk och ett gammalt fotografi där
hela familjen stod framför huset som nu är stadens bibliotek. På kvällen kom gäster, och man talade om framtiden:
skulle bron över ån byggas, när skulle skolan öppna och vart skulle torget flytta?
""",
    "en": """\
The postman brought two letters that morning and a heavy parcel tied with string. “Where are my glasses?” said the
landlady, and when she had found them she sat down by the window and began to read aloud. The first was from her
brother, who had kept a lighthouse in the north for three years. He wrote that the winter had been hard, that ships
were few, and that in the evening he’d nobody to play chess with — not even the cat. The café in the village was
shut, he said; it cost £4 to be rowed across, and the naïve young curate would talk of nothing but his fiancée. The
second letter was the bill for the firewood. In the parcel lay dried apples, a woollen scarf and an old photograph
of the whole family before the house, which is the town’s library today.
""",
}


def samples(text: str, encoding: str, length: int) -> list[tuple[bytes, str]]:
    """Pieces of about `length` bytes that are not all ASCII, from many places of the text, and what each says."""
    if length > 10_000:
        text *= length // len(text.encode(encoding, "ignore")) + 1
    data_of = {i: text[i:].encode(encoding, "ignore")[:length] for i in _starts(text, length)}
    pairs = [(data, data.decode(encoding, "ignore")) for data in data_of.values()]
    whole = [(said.encode(encoding), said) for _, said in pairs]
    return [(data, said) for data, said in whole if not data.isascii()]


def accuracy(read: Callable[[bytes], str], language: str, encoding: str, length: int) -> float:
    """The share of the samples that `read` reads exactly."""
    pairs = samples(TEXTS[language], encoding, length)
    return sum(read(data) == said for data, said in pairs) / len(pairs)


def table(read: Callable[[bytes], str] = decode) -> str:
    """The accuracy by language, encoding and length, one line each."""
    lines = [f"{'':18}" + "".join(f"{name:>10}" for name in LENGTHS)]
    for language, encodings in ENCODINGS.items():
        for encoding in encodings:
            shares = [accuracy(read, language, encoding, length) for length in LENGTHS.values()]
            lines.append(f"{language:4}{encoding:14}" + "".join(f"{share:10.0%}" for share in shares))
    return "\n".join(lines)


def _starts(text: str, length: int) -> list[int]:
    """Where lines and some words begin, at most 20, none for which less than `length` characters are left."""
    if length > 10_000:
        return [0]
    step = max(1, len(text) // 20)
    return [i for i in range(0, len(text), step) if i == 0 or len(text[i:].encode()) >= length]


if __name__ == "__main__":
    print(table())
