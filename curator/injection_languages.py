"""Orders to a program in other languages than English, for `curator.injections`.

Three things are looked for in each: to drop what was said before, how to answer, and what to
do in a summary, an answer, a list of tags or a ranking. Patterns are compared with folded text,
so they are taken apart as that is (a Hangul syllable is three letters there).
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["OTHER_LANGUAGES"]


def _folded(pattern: str) -> re.Pattern[str]:
    parts = unicodedata.normalize("NFKD", pattern)
    return re.compile("".join(c for c in parts if not unicodedata.combining(c)))


def _near(verbs: str, nouns: str, between: int = 60) -> str:
    """A verb at the beginning of a word and a noun, in either order, in one sentence."""
    gap = rf"[^.!?。]{{0,{between}}}?"
    return rf"\b(?:{verbs}){gap}(?<!\w)(?:{nouns})|(?<!\w)(?:{nouns}){gap}\b(?:{verbs})"


_DROP = (
    # Spanish, Portuguese, French, German, Italian, Dutch, Polish
    r"\b(?:ignor[ae]\w*|olvid[ae]\w*|omit[ae]\w*|descart[ae]\w*|haz caso omiso|no sigas)\b.{0,40}"
    r"\b(?:instruccion\w*|indicacion\w*|anterior\w*|reglas|órdenes)\b",
    r"\b(?:ignor[ae]\w*|esque[cç]a\w*|desconsider[ae]\w*)\b.{0,40}\b(?:instruções|"
    r"anterior\w*|regras|comandos)\b",
    r"\b(?:ignor(?:ez|e|er)|oubli(?:ez|e|er)|ne ten(?:ez|ir) pas compte|fais abstraction)\b"
    r".{0,20}\b(?:les?|la|toutes?|tous|aux?|des?|vos|tes|ces|ce)\b.{0,30}\b(?:instructions?|"
    r"consignes?|précédent\w*|règles|ordres|ce qui précède)\b",
    r"\b(?:ignorier\w*|vergiss|vergessen sie|missacht\w*|beacht\w* (?:sie )?nicht)\b.{0,50}"
    r"\b(?:anweisung\w*|instruktion\w*|vorherig\w*|bisherig\w*|regeln|vorgaben|obig\w*)\b",
    r"\b(?:ignora\w*|dimentica\w*|trascura\w*)\b.{0,40}\b(?:istruzion\w*|precedent\w*|regole|"
    r"indicazion\w*)\b",
    r"\b(?:negeer|vergeet)\b.{0,40}\b(?:instructies?|opdrachten|vorige|eerdere|regels)\b",
    r"\b(?:zignoruj\w*|ignoruj\w*|zapomnij\w*|pomin\w*)\b.{0,40}\b(?:instrukcj\w*|polece\w*|"
    r"poprzedni\w*|wcześniejsz\w*)\b",
    # Russian, Ukrainian, Turkish, Indonesian, Vietnamese
    r"(?:игнориру\w*|забуд\w*|пренебрег\w*|не следу\w*).{0,40}(?:инструкц\w*|указани\w*|"
    r"предыдущ\w*|команд\w*|правил\w*)",
    r"(?:ігнору\w*|забуд\w*).{0,40}(?:інструкц\w*|вказівк\w*|попередн\w*)",
    r"\b(?:önceki|yukarıdaki|tüm)\b.{0,40}\b(?:talimat\w*|komut\w*|yönerge\w*)\b.{0,20}"
    r"(?:yok say\w*|göz ardı|unut\w*|dikkate alma)",
    r"\babaikan\b.{0,40}\b(?:instruksi|perintah|petunjuk)\b|\bbỏ qua\b.{0,40}\b(?:hướng dẫn|"
    r"chỉ dẫn|lệnh)\b",
    # Chinese, Japanese, Korean, Arabic, Hindi
    r"(?:忽略|无视|無視|忘记|忘記|不要理会|不要遵循|忽視|忽视).{0,14}(?:指令|指示|提示|说明|說明|"
    r"规则|規則|内容|命令|要求)",
    r"(?:指示|命令|指令|プロンプト|ルール|内容)(?:を|は)?.{0,8}(?:無視|忘れ)",
    r"(?:지시|명령|지침|프롬프트|내용).{0,10}(?:무시|잊)",
    r"(?:تجاهل|انس|أهمل|اهمل).{0,30}(?:التعليمات|الاوامر|الأوامر|السابقة|تعليمات)",
    r"(?:पिछल|सभी|ऊपर|निर्देश|नरदश).{0,30}(?:अनदेखा|नजरअंदाज|भूल|अनदख)",
)
_ANSWER = (
    r"\b(?:responde|responda|contesta|conteste|escribe|escriba|di|diga)\b (?:solo|solamente|"
    r"únicamente|que|con|exactamente|siempre|en (?:inglés|español))\b",
    r"\b(?:répondez|réponds|écrivez|écris|dites|dis|indiquez|concluez)\b(?: à \w+ \w+ \w+)? "
    r"(?:que|par|avec|en|uniquement|seulement|toujours|exactement|simplement|«|\")",
    r"\b(?:antworte|antworten sie|schreibe|schreiben sie|sage|sagen sie|gib|geben sie)\b"
    r".{0,20}\b(?:nur|dass|mit|ausschliesslich|ausschließlich|immer|stets|aus)\b",
    r"\b(?:rispondi|rispondete|scrivi|scrivete)\b (?:solo|che|con|soltanto|sempre|in)\b",
    r"\b(?:responda|escreva|diga)\b (?:apenas|somente|que|com|sempre)\b",
    r"(?:ответь|ответьте|отвечай\w*|напиши|напишите|скажи|скажите)\w* (?:только|что|словом|"
    r"словами|всегда|на|одним)",
    r"(?:请|請)(?:只|仅|僅|务必|務必|直接|一定|总是|始終|将|将此|把)?.{0,12}(?:回答|回复|回覆|输出|"
    r"輸出|推荐|推薦|给出|給出|总结|總結|告诉|告訴|排在|标记|標記|添加)",
    r"(?:只|仅|必须|必須|应该|應該)(?:回答|回复|回覆|输出|輸出|推荐|推薦|给出|說|说)",
    r"(?:と(?:だけ)?(?:答え|回答し|出力し|書い|述べ|要約し)て?(?:ください|なさい|下さい)|"
    r"出力してください|推薦してください|必ず.{0,20}ください)",
    r"(?:라고|만)\s?(?:답|출력|말|대답|요약)\S*(?:하세요|하시오|해라|십시오|해주세요)",
)
_DO = (
    _near(
        r"(?:añad[ae]|asign[ae]|inclu[iy][ae]?|pon(?:ga)?|coloque|coloca|marque|recomiend[ae]|"
        r"mencion[ae]|etiquet[ae]|clasifi(?:ca|que)|resum[ae]|traduzc?[ae])n?\b",
        r"(?:resumen|resúmenes|respuestas?|etiquetas|lector(?:es)?|primer lugar|asistentes?)\b",
    ),
    _near(
        r"(?:adicione|atribua|inclua|coloque|marque|recomende|mencione|acrescente|resuma)\b",
        r"(?:resumos?|respostas?|etiquetas|leitor(?:es)?|primeiro lugar|assistentes?)\b",
    ),
    _near(
        r"(?:ajoutez?|attribuez?|incluez|placez|mettez|marquez|recommandez|mentionnez|résumez|"
        r"classez|traduisez|ne résumez pas)\b",
        r"(?:résumés?|réponses?|étiquettes?|lecteurs?|première place|premier rang|assistants?)\b",
    ),
    _near(
        r"(?:füge|fügen sie|vergib|vergeben sie|setze|setzen sie|nenne|nennen sie|empfiehl|"
        r"empfehlen sie|fasse|fassen sie|bewerte|bewerten sie|erwähne|erwähnen sie|stelle)\b",
        r"(?:zusammen(?:fassung\w*)?|antwort\w*|schlagw\w+|leser\w*|erste stelle|sprachmodell\w*|"
        r"assistent\w*|diesen text|diese arbeit)\b",
    ),
    _near(
        r"(?:aggiungi|aggiungete|assegna|assegnate|includi|metti|mettete|raccomanda|menziona|"
        r"riassumi)\b",
        r"(?:riassunt\w+|rispost[ae]|etichett[ae]|lettor[ei]|primo posto|assistent[ei])\b",
    ),
    _near(
        r"(?:постав\w+|добав\w+|укаж\w+|рекоменд(?:уй|уйте)|присво\w+|помет\w+|напиш\w+|"
        r"резюмируй\w*|"
        r"упомян\w+)",
        r"(?:ответ\w*|резюме|тег\w*|метк\w*|читател\w*|перв\w+ место|запрос\w*|ассистент\w*|"
        r"поисков\w+ систем\w*|языков\w+ модел\w*)",
    ),
    _near(r"(?:voeg|vermeld|plaats|geef)\b", r"(?:samenvatting|antwoord\w*|lezer\w*)\b", 40),
    _near(r"(?:dodaj|umieść|oznacz|poleć)\b", r"(?:streszczeni\w*|odpowied\w*|czytelnik\w*)\b", 40),
    # Who is spoken to.
    r"^\W*(?:hinweis|nachricht|anweisung|mitteilung) an (?:das|den|die|alle) .{0,40}"
    r"(?:modell|assistent|system|gutachter|programm|ki)\w*",
    r"^\W*(?:sehr geehrte\w*|estimad[oa]s?|querid[oa]s?|chers?|chère|caro|prezad[oa]s?|уважаем\w+|"
    r"дорог(?:ой|ая|ие))\b",
    r"^\W*(?:message|instructions?|note|consignes?) (?:du|pour|à|au|aux) .{0,30}?\s*:",
    r"^\W*(?:mensaje|instruccion(?:es)?|nota|aviso) (?:del?|para) .{0,30}?\s*:",
    r"^\W*(?:сообщение|инструкция|указание|внимание)\b.{0,40}:",
    r"\b(?:à partir de maintenant|a partir de ahora|ab sofort|d'ora in poi|a partir de agora),",
    r"(?:尊敬的|亲爱的|致).{0,10}(?:模型|助手|系统|系統|审稿人|審稿人|AI|ai)",
    r"(?:摘要|总结|總結|回答|答案|标签|標籤).{0,8}(?:必须|必須|应当|應當|务必|務必|应该|應該)",
    r"(?:要約|回答|タグ|答え).{0,20}(?:してください|しなさい|下さい)",
)
OTHER_LANGUAGES = tuple(_folded(pattern) for pattern in (*_DROP, *_ANSWER, *_DO))
