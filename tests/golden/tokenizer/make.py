"""Makes what lies in this folder: small vocabularies, texts, and the ids that transformers 4.37.2 with tokenizers 0.15.2
gives them. Run: python make.py"""
import json
import random
from collections import Counter
from pathlib import Path

import tokenizers
import transformers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

assert (tokenizers.__version__, transformers.__version__) == ("0.15.2", "4.37.2")
HERE = Path(__file__).parent
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

PROSE = """The Nymphenburg Palace is a beautiful palace in Munich! It wasn't built in one day; they've said it'd take 10 years.
A tensor is moved from one framework to another, and nobody's weights should change on the way. What's lost? Nothing.
Schloß Nymphenburg in München ist wirklich schön, und die Gärten sind größer als 200 Hektar. Das weiß jeder.
Le château est très agréable à l'été; les élèves y déjeunent déjà. ¿Dónde está el palacio? ¡Aquí mismo, señor!
Дворец очень красивый, и сад вокруг него большой. Το παλάτι είναι πολύ όμορφο. הארמון יפה מאוד. القصر جميل جدا.
宮殿は美しいです。これはテストです。 这座宫殿很漂亮。 궁전은 아름답습니다. พระราชวังสวยงามมาก महल बहुत सुंदर है।
1 22 333 4444 3.14159 1,000,000 2024-02-29 50% (x = y + z) [a, b] {c: d} "quoted" <tag> #hash @name e-mail foo_bar
""" * 3
TEXTS = [
    "", " ", "  ", "\n", "\u3000", "a", "Hello, world!", "The Nymphenburg Palace is a beautiful palace in Munich!",
    "it's they're I've I'm we'll he'd don't IT'S 'S ''s ' s", " leading and trailing  ", "two  spaces   three\n\nlines\r\n\ttab",
    "no\u00a0break thin\u2009space line\u2028para\u2029ideo\u3000narrow\u202fogham\u1680next\u0085end",
    "zero\u200bwidth join\u200der non\u200cjoiner bom\ufeff soft\u00adhyphen word\u2060joiner",
    "control\x00\x01\x1f\x7f\x80\x9f characters \ufffd and \ufdd0 and \U0010ffff and \ue000",
    "👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ 1️⃣ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 text👍🏽text", "e\u0301 é q\u0307\u0323 q\u0323\u0307 ṩ s\u0323\u0307 ﬁ Å Ω ḍ̇",
    "İstanbul ISTANBUL ıstanbul ΣΊΣΥΦΟΣ ẞ ß Ǆ ǅ ǆ Ⅷ ⓐ", "Schloß München naïve Crème Brûlée Ångström Đà Nẵng",
    "Дворец красивый дворец", "παλάτι είναι όμορφο", "שָׁלוֹם הארמון", "مَرْحَبًا القصر", "\u202eright to left\u202c \u200fmark",
    "พระราชวังสวยงามมาก", "नमस्ते महल", "한국어 궁전은 각 \u1100\u1161\u11a8", "宮殿は美しい 这座宫殿很漂亮 𠀀𫝀 豈 〇",
    "١٢٣ १२३ 一二三 ½ ² ⅷ ④ 𝟘𝟙 Ⅻ 123abc abc123", "3.14 1,000 -5 +7 10% $5 €6 £7 x^2 a_b __c__ `d` ~e |f|",
    "…—–‘’“”«»‹›¡¿·•†‡§¶ 、。「」 ؟ । ፡ ፣", "᙭ \u2e43 \u2e5d \U00011f43 𑇉 \U0001e95e", "ࣰ \u0898 ᜴ \u1ace \U00011a3b 𖿤",
    "<mask>", "a <mask> b", "a   <mask>   b", "a<mask>b", "<mask><mask>", " \n <mask>", "<s>a</s>", "<pad> <unk>", "< mask >",
    "[MASK]", "a [MASK] b", "a   [MASK]   b", "a[MASK]b", "[CLS] a [SEP]", "[mask] [Mask]", "[[MASK]]", "[UNK] [PAD]",
    "ToKen token TOKEN tokens _token Token-x\u200dToken", "naïve NAÏVE nai\u0308ve", "<|a|> <|ab|> x<|ab|>y <|ab|>\u0301",
    "x" * 99, "x" * 100, "x" * 101, "é" * 100, "é" * 101, "e\u0301" * 100, "ab" * 300, "的" * 40, "!" * 120, " " * 200, "👍" * 60,
]
SCRIPTS = [(0x20, 0x24F), (0x250, 0x52F), (0x530, 0x6FF), (0x700, 0xFFF), (0x1000, 0x1FFF), (0x2000, 0x2FFF),
           (0x3000, 0x30FF), (0x4E00, 0x4FFF), (0xA000, 0xABFF), (0xAC00, 0xACFF), (0xF900, 0xFFFF), (0x10000, 0x11FFF),
           (0x1D400, 0x1D7FF), (0x1E000, 0x1F9FF), (0, 0x10FFFF)]


def random_text(chance):
    words = []
    for _ in range(chance.randint(1, 6)):
        first, last = chance.choice(SCRIPTS)
        word = (chance.randint(first, last) for _ in range(chance.randint(1, 6)))
        words.append("".join(chr(c) for c in word if not 0xD800 <= c < 0xE000))
    return chance.choice(["", " ", "'", " <mask>", "\u3000"]).join(words)


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


chance = random.Random(2024)
texts = TEXTS + [random_text(chance) for _ in range(120)]

bpe = Tokenizer(models.BPE())
bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
bpe.train_from_iterator(PROSE.splitlines() + TEXTS, trainers.BpeTrainer(
    vocab_size=900, special_tokens=ROBERTA, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
bpe.model.save(str(HERE))

# The library's trainer for WordPiece breaks ties by chance: characters, frequent words and the ends of words instead.
split = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
counts = Counter(w for line in PROSE.splitlines() + TEXTS for t in (line, line.lower()) for w, _ in split(t) if len(w) < 20)
characters = sorted({c for w in counts for c in w})
tokens = characters + [f"##{c}" for c in characters] + [w for w, _ in counts.most_common(400)]
tokens += [f"##{w[-n:]}" for w in counts for n in (2, 3, 4) if len(w) > n]
(HERE / "vocab.txt").write_text("".join(f"{t}\n" for t in dict.fromkeys(BERT + tokens)))

files = str(HERE / "vocab.json"), str(HERE / "merges.txt")
real = {
    "roberta": transformers.RobertaTokenizerFast(*files).backend_tokenizer,
    "roberta_prefix_space": transformers.RobertaTokenizerFast(*files, add_prefix_space=True).backend_tokenizer,
    "bert": transformers.BertTokenizerFast(str(HERE / "vocab.txt")).backend_tokenizer,
    "bert_cased": transformers.BertTokenizerFast(str(HERE / "vocab.txt"), do_lower_case=False).backend_tokenizer,
}

# A tokenizer.json of each kind, with every sort of added token.
real["bpe_json"] = Tokenizer(models.BPE.from_file(*files, unk_token="<unk>"))
real["bpe_json"].pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
real["bpe_json"].add_special_tokens(["<s>", AddedToken("<mask>", lstrip=True, rstrip=True)])
real["bpe_json"].add_tokens(["<|a|>", AddedToken("<|ab|>", single_word=True), AddedToken("token", single_word=True)])
real["bpe_json"].post_processor = processors.TemplateProcessing(single="<s> <s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
real["wordpiece_json"] = Tokenizer(models.WordPiece.from_file(str(HERE / "vocab.txt"), unk_token="[UNK]"))
real["wordpiece_json"].normalizer = normalizers.BertNormalizer(clean_text=False)
real["wordpiece_json"].pre_tokenizer = pre_tokenizers.BertPreTokenizer()
real["wordpiece_json"].add_special_tokens([AddedToken("[MASK]", lstrip=True)])
real["wordpiece_json"].add_tokens([AddedToken("ToKen", single_word=True), AddedToken("naïve", rstrip=True)])
real["wordpiece_json"].post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
for name in ("bpe_json", "wordpiece_json"):
    (HERE / f"{name}.json").write_text(real[name].to_str(pretty=False) + "\n")

write("expected.json", {"texts": texts, **{name: [e.ids for e in t.encode_batch(texts)] for name, t in real.items()}})
