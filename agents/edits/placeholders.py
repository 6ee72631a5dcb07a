"""Words that stand in the place of code: "... rest of the loop unchanged ...", in the languages models write.

Nothing here looks at a program. A text is what is left of a comment or of a line without its comment sign.
"""

import re

DOTS = r"(?:\.{3,}|…|⋯|⋮|‥|︙|⁝|⋰|⋱|。{3,}|・{2,}|\. \. \.)"
DRESS = " \t-=*~_#/<>()[]{}|:!;,\"'`%\\"
"""What a placeholder may be dressed in."""
READ_CHARS = 200
"""Characters of a text that are looked at; a placeholder is short."""

_TEXT = (
    r"(?:code|codebase|file|script|program|module|functions?|methods?|class(?:es)?|loops?|body|bodies|blocks?"
    r"|logic|implementations?|definitions?|imports?|lines?|statements?|section|contents?)(?:\(\))?"
)
"""Parts of a file by what they are."""
_PART = (
    r"(?:setup|training|model|parts?|configuration|config|constants|initiali[sz]ation|forward|backward"
    r"|optimi[sz]er|everything)(?:\(\))?"
)
"""And by what they do, which is said of other things too."""
_STATE = (
    r"(?:unchanged|unmodified|untouched|unaltered|omitted|elided|snip|snipped|skipped|identical|ditto|etc"
    r"|(?:exactly )?(?:the )?same(?: as (?:before|above|earlier|previously|is"
    r"|(?:in )?the (?:original|parent|previous|existing|input)(?: \w+)?))?"
    r"|not (?:shown|changed|repeated|modified|touched)|no (?:further |other )?changes?(?: needed)?"
    r"|as (?:before|above|is|was|it is|it was|they were|previously)|like (?:before|above)|see above|left out"
    r"|as in (?:the )?(?:original|parent|file|input)|and so on)"
)
_VERB = r"(?:is|are|was|were|can|should|must|will|be|it|all|stays?|remains?|keeps?|kept|left|goes|continues?)"
_LINK = rf"(?:[\s,:;—–(-]+{_VERB})*[\s,:;—–(-]+"
_TAIL = r"(?: (?:here|below|above|now|code|part|for (?:brevity|space|clarity)|as (?:before|is|above)))*\)?"
_PLACE = (
    r"(?: (?:here|below|above|(?:follows?|continues?)(?: here| below)?|goes here|go here|remains?|stays?))?"
)
_FIRST = (
    r"(?:(?:keep|leave|with|and|then|plus|your|my|our|the|all|any|use|include|insert|put|paste|copy|add|here|is"
    r"|some|more) )*"
)
_REST = rf"{_FIRST}(?:rest|remainder)(?: of (?:the |this |your |my |our )?(?:[\w.()]+ ){{0,3}}?"

_SURE = [
    rf"{_REST}{_TEXT}){_PLACE}",
    rf"{_REST}(?:{_TEXT}|{_PART}|it))?(?:{_LINK}{_STATE}{_TAIL}| here| below| follows| goes here)",
    rf"{_STATE}(?:\W+(?:{_TEXT}|here|below|above|for brevity|from (?:here|above)|as before|on|the))*{_TAIL}",
    rf"{_FIRST}(?:(?:existing|previous|prior|original|unchanged|unmodified|remaining|omitted) )+"
    rf"(?:[\w.]+ )?{_TEXT}{_PLACE}(?:{_LINK}{_STATE}{_TAIL})?",
    rf"{_FIRST}(?:other|same|current|old) (?:code|implementation|logic|body){_PLACE}"
    rf"(?:{_LINK}{_STATE}{_TAIL})?",
    rf"{_FIRST}(?:code|file|script|program|implementation|logic|body|imports|methods|functions|everything"
    rf"|nothing|lines?(?: \d+.*?)?)(?: (?:else|above|below|here))?{_LINK}{_STATE}{_TAIL}",
    r"(?:the |all |your )*(?:code|implementation|logic|body)(?: \w+)?"
    r" (?:goes |continues |follows |comes )?here",
    r"(?:code|implementation|logic|function|script|file) (?:continues|follows)"
    r"(?: (?:here|below|as before|unchanged|as above))?",
    r"lines? \d+ ?(?:-|–|to) ?\d+(?: .*)?",
    r"(?:todo|fixme)?\W*(?:your|insert|put|paste|copy|fill in|keep)\b.{0,40}"
    r"\b(?:code|implementation|logic|rest|body|loop)\b(?: (?:here|above|below|unchanged|as is))?",
    r"(?:todo|fixme|tbd)\W+(?:[\w:]+ ){0,2}(?:the )?(?:rest|remainder|remaining|existing|original)\b.*",
    r"continues? (?:as (?:before|above)|below|unchanged)",
    r".*\b(?:omitted|elided|left out|skipped|shortened|abbreviated|truncated|cut|removed) for"
    r" (?:brevity|space|clarity|length)",
    rf".*\b(?:everything else|all else|nothing else) (?:{_VERB} )*{_STATE}",
]
"""Of a whole text, without dots around it: never said of code that is there."""

_REST_ABROAD = [
    r"(?:hier )?(?:der |die |das )?"
    r"(?:rest|(?:übrige|restliche|bestehende|vorhandene|bisherige|ursprüngliche)[rs]?)(?: .*)?"
    r" (?:code|unverändert|gleich|wie \w+|datei|schleife|funktion)(?: .*)?",
    r"hier der rest",
    r"(?:le )?reste (?:du (?:code|fichier|script|programme)|de la (?:boucle|fonction|classe)|sans"
    r"|(?:.* )?(?:inchangé|identique|pareil))\b.*",
    r"(?:el )?(?:resto|restante) (?:del? (?:\w+ )?(?:código|archivo|bucle|script)|(?:.* )?(?:igual|sin))\b.*",
    r"(?:o )?(?:resto|restante) (?:d[oa] (?:código|arquivo|laço|função)|(?:.* )?(?:igual|sem))\b.*",
    r"(?:il )?resto (?:del (?:codice|file|ciclo)|(?:.* )?(?:invariato|uguale))\b.*",
    r"(?:de )?rest van (?:de|het) (?:code|lus|functie|bestand)\b.*",
    r"reszta (?:kodu|pliku|pętli|bez)\b.*",
    r"остальн\w+(?: .*)? ?(?:код|без изменений|как \w+|не меня\w+)(?: .*)?",
    r"kodun geri kalan\w*(?: .*)?|phần còn lại.*|sisa kode.*",
    r"(?:其余|其他|其它|剩余|余下|剩下|后续|以下|原有|现有|原来|之前|上面)的?.{0,8}"
    r"(?:代码|部分|内容|逻辑|实现|函数|方法|不变|同上|省略|一致|相同|原样)",
    r"残り(?:の|は).{0,12}|(?:既存|元)のコード.{0,8}|以下(?:は)?同[じ様].{0,4}",
    r"(?:나머지|기존|이전).{0,12}(?:코드|동일|그대로|생략|같음|같습니다)",
    r"(?:بقية|باقي) .*",
]
_STATE_ABROAD = "|".join(
    (
        r"bleib(?:t|en) (?:unverändert|gleich|so|wie .*)|wie (?:bisher|zuvor|vorher|oben|gehabt)|unverändert",
        r"ausgelassen|weggelassen|gekürzt",
        r"inchangée?s?|sans (?:changements?|modifications?)|comme (?:avant|ci-dessus)|code existant",
        r"sin (?:cambios|modificar|modificaciones)|(?:igual que|como) antes",
        r"código (?:existente|anterior|original|restante)|sem (?:alterações|mudanças)|inalterad[oa]s?",
        r"invariat[oaie]|come prima|codice (?:esistente|restante|precedente)|senza modifiche",
        r"ongewijzigd|bestaande code|bez zmian|istniejący kod",
        r"без изменений|(?:остаётся|остается) (?:прежним|как .*)|существующий код|как (?:раньше|прежде|было)",
        r"değişmedi|mevcut kod|aynı kalıyor|giữ nguyên|không (?:thay )?đổi|tidak berubah",
        r"(?:代码)?省略|(?:代码)?(?:保持)?不变|保持原样|同上|同前|未变|未修改|无变化|不改",
        r"変更なし|変更無し|同様|そのまま|以前と同じ|생략|변경 ?없음|그대로|بدون تغيير|كما هو",
    )
)

_LIKELY = [
    rf"{_FIRST}(?:existing|previous|prior|original|unchanged|old|current|remaining|other|same|rest of)"
    rf" (?:[\w.]+ ){{0,2}}?(?:{_TEXT}|{_PART})(?: .*)?",
    rf"{_REST}(?:{_TEXT}|{_PART}))?",
    rf".*\b(?:{_STATE}|etc)",
    rf".*(?:{_STATE_ABROAD})",
    r"(?:todo|fixme|tbd)\b.*",
    r"(?:truncated|cut|cont(?:inue[sd]?|'?d)?|more(?: code| lines)?(?: here)?|other stuff|idem\b.*"
    r"|placeholder|stub|boilerplate|implement(?:ation)?|fill in|keep|stays|remains|collapsed|folded|hidden"
    r"|shortened|abbreviated|redacted|left alone|original|snip|✂|8|usual .*|standard .*)(?: here)?",
    r"(?:(?:exactly )?(?:the )?same|as|see|refer to|cop(?:y|ied)|re-?use|restored?|like|per|leave|left)\b.*"
    r" ?\b(?:parent|original|baseline|train\.py|file|input|given|they are|it is)",
    r".*\bsee (?:the )?(?:original|parent|file|input)",
    r"(?:here )?(?:the )?(?:existing|remaining|usual) \w+(?: \w+)?",
    r"nothing (?:changed|changes|new)\b.*",
    r"\+?\d+ (?:more )?lines?|L\d+ ?- ?L?\d+",
    r"(?:以下|中|後|后|此处)?略|同?原代码|与原来相同|既存のまま|bleibt|wie im original|usw|identique"
    r"|le même code|mismo código|igual|mesmo código|тот же код|то же самое",
]
"""Of a whole text: honest where the code is there, and a placeholder where it is gone."""

_SURE_RE = re.compile(
    "|".join(f"(?:{form})" for form in (*_SURE, *_REST_ABROAD, _STATE_ABROAD)), re.IGNORECASE
)
_LIKELY_RE = re.compile("|".join(f"(?:{form})" for form in _LIKELY), re.IGNORECASE)
_BEGINS = re.compile(rf"^[\s\-=*~#(\[<{{]*{DOTS}(?:[^\w.]|$)")
_STARTS = re.compile(rf"^{DOTS}")
_ENDS = re.compile(rf"{DOTS}[\s\-=*~#)\]>}}]*$")


def stands_for_code(text: str) -> bool:
    """Whether a text that stands alone says that code is left out, whatever stands around it."""
    short = text[:READ_CHARS]
    dotted = _STARTS.match(short) is not None and may_stand_for_code(short)
    return dotted or bool(_BEGINS.match(short)) or bool(_SURE_RE.fullmatch(_bare(short)))


def may_stand_for_code(text: str) -> bool:
    """Whether a text can mean that code is left out: it does, if code is gone where it stands."""
    short = text[:READ_CHARS]
    return bool(_ENDS.search(short)) or bool(_LIKELY_RE.fullmatch(_bare(short)))


def continued(text: str) -> str:
    """A comment's text without the dots it begins with, as they lead on from the comment before."""
    return text if _ENDS.search(text[:READ_CHARS]) else re.sub(rf"^{DOTS}\s*", "", text)


def _bare(text: str) -> str:
    """Without dots and dress around it, words one blank apart."""
    dots = re.sub(DOTS, " ", text) if _ENDS.search(text) or _BEGINS.match(text) else text
    return " ".join(dots.strip(DRESS + ".。").split())
