"""Prints the ranges of src/tokenizer/unicode_differences.cc: where tokenizers 0.15.2 disagrees with utf8proc 2.8.
Run: python unicode.py"""
import ctypes
import ctypes.util

from tokenizers import Regex, normalizers, pre_tokenizers

utf8proc = ctypes.CDLL(ctypes.util.find_library("utf8proc"))
utf8proc.utf8proc_category_string.restype = ctypes.c_char_p
utf8proc.utf8proc_unicode_version.restype = ctypes.c_char_p
assert utf8proc.utf8proc_unicode_version() == b"15.0.0"
utf8proc.utf8proc_get_property.restype = ctypes.POINTER(ctypes.c_uint16 * 2)  # the category, the combining class

CODES = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
category = {c: utf8proc.utf8proc_category_string(c).decode() for c in CODES}
combining = {c: utf8proc.utf8proc_get_property(c).contents[1] for c in CODES}


def decomposed(code):
    parts, boundary = (ctypes.c_int32 * 16)(), ctypes.c_int(0)
    count = utf8proc.utf8proc_decompose_char(code, parts, 16, 1 << 4, ctypes.byref(boundary))  # UTF8PROC_DECOMPOSE
    return "".join(map(chr, parts[:count]))


def show(name, codes):
    found = []
    for c in codes:
        if found and found[-1][1] == c - 1:
            found[-1][1] = c
        else:
            found.append([c, c])
    print(f"{name}:", ", ".join("{0x%X, 0x%X}" % tuple(r) for r in found))


def matches(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return lambda c: len(split.pre_tokenize_str(f"\x01{chr(c)}\x01")) > 1


def bert(**options):
    defaults = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**defaults, **options}).normalize_str


clean, strip, nfd = bert(clean_text=True), bert(strip_accents=True), normalizers.NFD().normalize_str
words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
ASCII = set(map(ord, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"))
letter, number = matches(r"\p{L}"), matches(r"\p{N}")

show("letter", [c for c in CODES if letter(c) != (category[c][0] == "L")])
show("number", [c for c in CODES if number(c) != (category[c][0] == "N")])
show("control", [c for c in CODES if c not in (9, 10, 13, 0xFFFD)
                 and (clean(f"a{chr(c)}b") == "ab") != (category[c] in ("Cc", "Cf", "Co"))])
show("punctuation", [c for c in CODES if c not in ASCII and (len(words(f"a{chr(c)}b")) == 3) != (category[c][0] == "P")])
show("nonspacing", [c for c in CODES if (strip(chr(c)) == "") != (category[c] == "Mn")])
# Marks of other classes change places; one that the library takes for no mark stays.
show("combining", [c for c in CODES if combining[c] and nfd(f"a\u0345{chr(c)}") == f"a\u0345{chr(c)}"
                   and nfd(f"a{chr(c)}\u0334") == f"a{chr(c)}\u0334"])
show("decomposition", [c for c in CODES if nfd(chr(c)) != decomposed(c)])
assert [c for c in CODES if normalizers.Lowercase().normalize_str(chr(c)) != chr(utf8proc.utf8proc_tolower(c))] == [0x130]
