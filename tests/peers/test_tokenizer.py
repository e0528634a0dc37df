"""Transload's tokenizers against the tokenizers library and transformers: the same ids for the same texts."""
import json
import os
import random
import unicodedata
from pathlib import Path

import pytest

import support
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

ENCODE_LINES = Path(os.environ.get("ENCODE_LINES", support.TRANSLOAD.with_name("encode_lines")))
# Every character of the planes that hold any, and some of those that are unassigned or for private use.
CHARACTERS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and (c >> 16 in (0, 1, 2, 3, 14) or c % 61 == 0)]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

SCRIPTS = {
    "latin": (0x20, 0x24F), "ascii": (0x20, 0x7E), "greek": (0x370, 0x3FF), "cyrillic": (0x400, 0x52F),
    "armenian": (0x530, 0x58F), "hebrew": (0x590, 0x5FF), "arabic": (0x600, 0x6FF), "indic": (0x900, 0xDFF),
    "thai": (0xE00, 0xE7F), "tibetan": (0xF00, 0xFFF), "georgian": (0x10A0, 0x10FF), "jamo": (0x1100, 0x11FF),
    "vietnamese": (0x1EA0, 0x1EFF), "greek extended": (0x1F00, 0x1FFF), "punctuation": (0x2000, 0x206F),
    "numbers": (0x2070, 0x218F), "symbols": (0x2190, 0x27BF), "kana": (0x3000, 0x30FF), "cjk": (0x4E00, 0x9FFF),
    "hangul": (0xAC00, 0xD7A3), "presentation": (0xF900, 0xFFFD), "gothic": (0x10330, 0x1034A),
    "mathematical": (0x1D400, 0x1D7FF), "emoji": (0x1F300, 0x1FAFF), "rare ideographs": (0x20000, 0x2FA1F),
    "marks": (0x300, 0x36F), "control": (0, 0xA0), "any": (0, 0x10FFFF),
}
SNIPPETS = [
    " ", "  ", "   ", "\n", "\r\n", "\t", "\u00a0", "\u2028", "\u2029", "\u3000", "\u200b", "\u200d", "\u202f", "\u0085",
    "\u1680", "\ufeff", "\ufffd", "\x00", "\x7f", "\u00ad", "'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "’s", "''",
    "don't", "I'd've", "it's", "123", "3.14", "1,000", "½", "²", "١٢٣", "१२३", "一二三", "Ⅷ", "𝟘𝟙", "👩‍👩‍👧‍👦", "👍🏽", "🇩🇪", "❤️",
    "e\u0301", "\u1e69", "q\u0307\u0323", "q\u0323\u0307", "İstanbul", "ΣΊΣΥΦΟΣ", "ẞ", "ﬁ", "한국어", "각", "日本語",
    "مرحبا", "שָׁלוֹם", "สวัสดี", "नमस्ते", "\u202eabc\u202c", "naïve", "Crème Brûlée", "a_b", "__init__", "C++", "x=y;", "...", "—",
    "<mask>", " <mask>", "  <mask> ", "<s>", "</s>", "<pad>", "<unk>", "[MASK]", " [MASK]", "[CLS]", "[SEP]", "[mask]", "<|endoftext|>",
    "<<mask>>", "[[MASK]]", "Token", "token", "tOKEN", "tokens", "_token", "<|a|>", "<|ab|>", "the", "quick", "Brown", "hello", "HELLO",
]


def texts(count, seed):
    """Random texts: words of one script each, with snippets that are known to be difficult between them."""
    chance = random.Random(seed)
    found = ["", " ", "\n", "a", "<mask>", "[MASK]"]
    while len(found) < count:
        parts = []
        for _ in range(chance.randint(1, 12)):
            if chance.random() < 0.5:
                parts.append(chance.choice(SNIPPETS))
            else:
                first, last = SCRIPTS[chance.choice(list(SCRIPTS))]
                word = [chr(chance.randint(first, last)) for _ in range(chance.choice([1, 1, 2, 3, 5, 8]))]
                parts.append("".join(c for c in word if not 0xD800 <= ord(c) < 0xE000))
            if chance.random() < 0.4:
                parts.append(" ")
        found.append("".join(parts))
    found += ["ab" * n for n in (49, 50, 51, 2000)] + ["é" * n for n in (99, 100, 101)] + ["x " * 3000]
    return found


def ours(lines, *arguments):
    """What encode_lines says about the tokenizer, and the ids of each text (None where it refuses)."""
    import subprocess
    sent = "".join(json.dumps(t) + "\n" for t in lines)
    done = subprocess.run([ENCODE_LINES, *map(str, arguments)], input=sent, text=True, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    first, *rest = done.stdout.splitlines()
    assert len(rest) == len(lines)
    return json.loads(first), [None if line.startswith("error: ") else json.loads(line) for line in rest]


def check(lines, real, *arguments):
    """`real` is a tokenizers.Tokenizer."""
    about, found = ours(lines, *arguments)
    wanted = [e.ids for e in real.encode_batch(lines)]
    wrong = [i for i in range(len(lines)) if found[i] != wanted[i]]
    first = [(ascii(lines[i]), wanted[i], found[i]) for i in wrong[:3]]
    assert not wrong, f"{len(wrong)} of {len(lines)} texts differ: {first}"
    assert about["size"] == real.get_vocab_size()
    return about


def together(items, count=64, between=" "):
    """`count` of them to a text: most of the time of a text goes into its being one."""
    items = list(items)
    return [between.join(items[i:i + count]) for i in range(0, len(items), count)]


def saved(real, folder):
    real.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


def train_bpe(folder, size=3000, split=True):
    """`split` False: merges that go across words, so that a word that ends elsewhere shows in the ids."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=split)
    trained.train_from_iterator(texts(1500, 1), trainers.BpeTrainer(
        vocab_size=size, special_tokens=ROBERTA, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False))
    trained.model.save(str(folder))
    return trained


def train_wordpiece(folder, size=6000):
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer = normalizers.BertNormalizer()
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trained.train_from_iterator(texts(4000, 2), trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=BERT, show_progress=False))
    trained.model.save(str(folder))
    return trained


@pytest.fixture(scope="module")
def bpe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bpe")
    train_bpe(folder, split=False)
    return folder


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wordpiece")
    train_wordpiece(folder)
    return folder


def test_roberta_from_two_files(bpe):
    from transformers import RobertaTokenizerFast
    real = RobertaTokenizerFast(str(bpe / "vocab.json"), str(bpe / "merges.txt"))
    about = check(texts(4000, 3), real.backend_tokenizer, "bpe", bpe / "vocab.json", bpe / "merges.txt")
    assert about["kind"] == "byte-level BPE" and about["pad"] == real.pad_token_id
    check(texts(500, 4), real.backend_tokenizer, bpe)


def test_roberta_in_python_says_the_same(bpe):
    from transformers import RobertaTokenizer
    real = RobertaTokenizer(str(bpe / "vocab.json"), str(bpe / "merges.txt"))
    # Its added tokens are split off by rules of its own: texts without them.
    lines = [t for t in texts(1500, 5) if not any(s in t for s in ROBERTA)]
    _, found = ours(lines, "bpe", bpe / "vocab.json", bpe / "merges.txt")
    unicode15 = [i for i, t in enumerate(lines) if all(ord(c) < 0x1000 or unicodedata.category(c) != "Cn" for c in t)]
    wrong = [ascii(lines[i]) for i in unicode15 if found[i] != real(lines[i])["input_ids"]]
    assert len(unicode15) > 500 and not wrong, wrong[:3]


def test_roberta_with_prefix_space(bpe, tmp_path):
    from transformers import RobertaTokenizerFast
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_bytes((bpe / name).read_bytes())
    (tmp_path / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    real = RobertaTokenizerFast.from_pretrained(tmp_path)
    check(texts(1500, 6), real.backend_tokenizer, tmp_path)


def test_gpt2(tmp_path):
    from transformers import GPT2TokenizerFast
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator(texts(500, 7), trainers.BpeTrainer(
        vocab_size=1000, special_tokens=["<|endoftext|>"], initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False))
    trained.model.save(str(tmp_path))
    real = GPT2TokenizerFast(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    about = check(texts(1500, 8), real.backend_tokenizer, tmp_path)
    assert about["pad"] == -1


def token(content, lstrip=False, normalized=False):
    return dict(content=content, lstrip=lstrip, rstrip=False, normalized=normalized, single_word=False)


MASK = token("<mask>", lstrip=True)


@pytest.mark.parametrize("name, configuration", [
    ("tokenizer_config.json", {"mask_token": MASK | {"__type": "AddedToken"}}),
    ("tokenizer_config.json", {"mask_token": "<mask>", "additional_special_tokens": ["<s>", "<pad>"]}),
    ("tokenizer_config.json", {"mask_token": "<mask>", "added_tokens_decoder": {"4": MASK | {"special": True}}}),
    ("special_tokens_map.json", {"mask_token": "<mask>", "cls_token": "<s>"}),
    ("special_tokens_map.json", {"mask_token": MASK, "cls_token": token("<s>", normalized=True)}),
])
def test_roberta_with_usual_special_tokens(bpe, tmp_path, name, configuration):
    from transformers import RobertaTokenizerFast
    for file in ("vocab.json", "merges.txt"):
        (tmp_path / file).write_bytes((bpe / file).read_bytes())
    (tmp_path / name).write_text(json.dumps(configuration))
    check(texts(1000, 20), RobertaTokenizerFast.from_pretrained(tmp_path).backend_tokenizer, tmp_path)


@pytest.mark.parametrize("lower_case", [True, False])
def test_bert_from_vocab_txt(wordpiece, tmp_path, lower_case):
    from transformers import BertTokenizerFast
    real = BertTokenizerFast(str(wordpiece / "vocab.txt"), do_lower_case=lower_case)
    about = check(texts(4000, 9), real.backend_tokenizer, "wordpiece" if lower_case else "wordpiece-cased",
                  wordpiece / "vocab.txt")
    assert about["kind"] == "WordPiece" and about["pad"] == real.pad_token_id
    real.save_pretrained(tmp_path)
    check(texts(500, 10), real.backend_tokenizer, tmp_path)  # tokenizer.json
    (tmp_path / "tokenizer.json").unlink()
    check(texts(500, 10), real.backend_tokenizer, tmp_path)  # vocab.txt and tokenizer_config.json


@pytest.mark.parametrize("chinese", [True, False])
@pytest.mark.parametrize("accents", [True, False, None])
@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("lower_case", [True, False])
def test_every_bert_normalizer(wordpiece, tmp_path, chinese, accents, clean, lower_case):
    real = Tokenizer(models.WordPiece.from_file(str(wordpiece / "vocab.txt"), unk_token="[UNK]"))
    real.normalizer = normalizers.BertNormalizer(clean_text=clean, handle_chinese_chars=chinese, strip_accents=accents,
                                                 lowercase=lower_case)
    real.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    real.add_tokens([AddedToken("ToKen", single_word=True, normalized=True), AddedToken("[MASK]", lstrip=True),
                     AddedToken("naïve", rstrip=True, normalized=True)])
    real.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    check(texts(700, 11), real, "json", saved(real, tmp_path))


@pytest.mark.parametrize("prefix_space", [True, False])
@pytest.mark.parametrize("use_regex", [True, False])
def test_byte_level_tokenizer_json(bpe, tmp_path, prefix_space, use_regex):
    real = Tokenizer(models.BPE.from_file(str(bpe / "vocab.json"), str(bpe / "merges.txt")))
    real.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, use_regex=use_regex)
    real.add_special_tokens(["<s>", "</s>", AddedToken("<mask>", lstrip=True, rstrip=True, special=True)])
    real.add_tokens([AddedToken("<|a|>"), AddedToken("<|ab|>", single_word=True), AddedToken("<|a", rstrip=True),
                     AddedToken("hello", lstrip=True, normalized=False), AddedToken("token", single_word=True)])
    real.post_processor = processors.TemplateProcessing(single="<s> <s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    path = saved(real, tmp_path)
    check(texts(2500, 12), real, "json", path)
    model = json.loads(path.read_text())
    model["model"]["merges"] = [m.split(" ") for m in model["model"]["merges"]]  # as newer versions write them
    path.write_text(json.dumps(model))
    check(texts(500, 13), real, "json", path)


def test_added_tokens_that_begin_with_white_space(bpe, tmp_path):
    real = Tokenizer(models.BPE.from_file(str(bpe / "vocab.json"), str(bpe / "merges.txt")))
    real.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    real.add_tokens([AddedToken(" hello", normalized=False), AddedToken("  "), AddedToken("quick", lstrip=True)])
    check(texts(1500, 21), real, "json", saved(real, tmp_path))


@pytest.mark.parametrize("fuse", [True, False])
def test_bpe_with_unknown_bytes_and_a_prefix(tmp_path, fuse):
    real = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=fuse, continuing_subword_prefix="##"))
    real.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    real.train_from_iterator(["the quick brown fox hello tokens don't"] * 9 + texts(60, 14), trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<unk>"], continuing_subword_prefix="##", limit_alphabet=60, show_progress=False))
    path = saved(real, tmp_path)
    lines = texts(1500, 15)
    check(lines, real, "json", path)
    assert sum(0 in e.ids for e in real.encode_batch(lines)) > 300


def test_sequences_of_steps(wordpiece, tmp_path):
    real = Tokenizer(models.WordPiece.from_file(str(wordpiece / "vocab.txt"), unk_token="[UNK]"))
    real.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase()])
    real.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.BertPreTokenizer()])
    check(texts(1500, 16), real, "json", saved(real, tmp_path))


def test_every_character_as_bert_sees_it(tmp_path):
    # Which words they are shows what the character was: nothing, a space, a word of its own, or a part of the word.
    vocab = BERT + ["a", "b", "ab", "##b"]
    real = Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]"))
    real.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    for options in ({}, dict(clean_text=False, strip_accents=False, lowercase=False),
                    dict(clean_text=False, strip_accents=True, handle_chinese_chars=False)):
        real.normalizer = normalizers.BertNormalizer(**options)
        check(together(f"a{c}b" for c in CHARACTERS), real, "json", saved(real, tmp_path))


def test_every_character_that_a_normalizer_changes(tmp_path):
    for steps in ([normalizers.NFD()], [normalizers.Lowercase()], [normalizers.BertNormalizer()]):
        normalizer = normalizers.Sequence(steps)
        changed = [c for c in CHARACTERS if normalizer.normalize_str(c) != c]
        # Two that are equal when each is unknown are told apart by a vocabulary of all results.
        results = sorted({r for c in changed for r in normalizer.normalize_str(c)} | set(changed))
        vocab = BERT + results + [f"##{r}" for r in results]
        real = Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]"))
        real.normalizer, real.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
        assert len(changed) > 1000
        check(changed, real, "json", saved(real, tmp_path))


def test_marks_in_any_order(tmp_path):
    marks = [c for c in CHARACTERS if unicodedata.combining(c) or unicodedata.category(c).startswith("M")]
    vocab = BERT + ["a"] + [f"##{m}" for m in marks]
    real = Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocab)}, unk_token="[UNK]"))
    real.normalizer = normalizers.NFD()
    chance = random.Random(17)
    check(["a" + "".join(chance.choices(marks, k=6)) for _ in range(20000)], real, "json", saved(real, tmp_path))


def test_every_character_as_gpt2_splits_it(tmp_path):
    # Each byte merges with x, 1, ! and the space on either side, unless a word ends between them.
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab, merges = {t: i for i, t in enumerate(alphabet)}, []
    for mark in "x1!Ġ":
        for byte in alphabet:
            for pair in ((mark, byte), (byte, mark)):
                if "".join(pair) not in vocab:
                    vocab["".join(pair)] = len(vocab)
                    merges.append(pair)
    real = Tokenizer(models.BPE(vocab, merges))
    real.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    path = saved(real, tmp_path)
    check(together(f"x{c}x 1{c}1 !{c}! {c}  {c} x" for c in CHARACTERS), real, "json", path)
    check(CHARACTERS[:0x3100] + [f" {c}" for c in CHARACTERS[:0x3100]], real, "json", path)


def test_every_character_beside_a_single_word(tmp_path):
    real = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    real.add_tokens([AddedToken("ZZ", single_word=True, lstrip=True, rstrip=True)])
    check(together((f"{c}ZZ-ZZ{c}" for c in CHARACTERS), between="-"), real, "json", saved(real, tmp_path))


def test_the_real_minilm(minilm):
    real = Tokenizer.from_file(str(minilm / "tokenizer.json"))
    real.no_truncation()
    real.no_padding()
    check(texts(3000, 18), real, minilm)
    check(texts(500, 19), real, "wordpiece", minilm / "vocab.txt")
