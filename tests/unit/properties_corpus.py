#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Property files and what Python's configparser makes of each, as JSON on stdout.

properties_corpus.py              prints the corpus
properties_corpus.py --check F    exits with 1 when F is not what would be printed
"""

import base64
import configparser
import io
import json
import random
import sys

WHOLE = [
    b"",
    b"\n",
    b"\n\n\n",
    b" ",
    b"# only a comment\n",
    b"; only a comment",
    b"[credentials]",
    b"[credentials]\n",
    b"[credentials]\nserver=us.preservica.com\nusername=me@example.org\npassword=secret\ntenant=T\n",
    b"[credentials]\r\nserver = us.preservica.com\r\npassword : a=b:c\r\n",
    b"[credentials]\rserver = a\rtenant = b\r",
    b"[credentials]\n\rserver = a\n\r\n\rtenant = b\n\r",
    b"[credentials]\nserver = a\r\n\r\n  b\r\n",
    b"[credentials]\nserver = a\r\r  b\n",
    b"server=us.preservica.com\n",
    b"server=us.preservica.com\n[credentials]\n",
    b"# comment\n\nserver\n[credentials]\n",
    b"\xef\xbb\xbf[credentials]\nserver=a\n",
    b"\xef\xbb\xbf\xef\xbb\xbf[credentials]\nserver=a\n",
    b"\xef\xbb\xbf",
    b"\xef\xbb\xbf# comment\n[credentials]\nserver=a\n",
    b"\xef\xbb[credentials]\nserver=a\n",
    b"[credentials]\n\xef\xbb\xbfserver=a\n",
    b"[DEFAULT]\nserver=a\n",
    b"[DEFAULT]\nserver=a\n[credentials]\n",
    b"[DEFAULT]\nserver=a\n[credentials]\nserver=b\n[other]\nx=1\n",
    b"[credentials]\nserver=b\n[DEFAULT]\nserver=a\ntenant=t\n",
    b"[DEFAULT]\na=1\n[x]\nb=2\n[DEFAULT]\nc=3\n",
    b"[DEFAULT]\na=1\n[x]\nb=2\n[DEFAULT]\na=3\n",
    b"[DEFAULT]\n[DEFAULT]\n",
    b"[default]\na=1\n[x]\nb=2\n",
    b"[Default]\na=1\n[default]\nb=2\n",
    b"[a]\nx=1\n[a]\ny=2\n",
    b"[a]\nx=1\n[A]\ny=2\n",
    b"[a]\nx=1\n[ a ]\ny=2\n",
    b"[a]\nx=1\nx=2\n",
    b"[a]\nx=1\nX=2\n",
    b"[a]\nx=1\nx:2\n",
    b"[a]\nx=1\nx =1\n",
    b"[a]\nx=1\n[b]\nx=1\n",
    b"[]\nx=1\n",
    b"[a]\n[]\n",
    b"[a]\n[]=1\n",
    b"[a]\n[]]\nx=1\n",
    b"[a]\n[b\n",
    b"[a]\n[b=1\n",
    b"[a]\n[b]]c] trailing\nx=1\n",
    b"[a] # trailing\nx=1\n",
    b"[a]x=1\n",
    b"[a=b]\nx=1\n",
    b"[a;b#c]\nx=1\n",
    b"[ ]\nx=1\n",
    b"[\t]\nx=1\n",
    b"  [a]\nx=1\n",
    b"  [a]\n  x=1\n  y=2\n",
    b"  [a]\n    x=1\n  y=2\n",
    b"[a]\n    x=1\n  y=2\n z=3\n",
    b"[a]\n    x=1\n      more\n  y=2\n   more\n",
    b"[a]\nx=1\n  [b]\n",
    b"[a]\nx=1\n  y=2\n",
    b"[a]\nx=1\n\ty=2\n",
    b"[a]\n\tx=1\n        y=2\n",
    b"[a]\nx\n",
    b"[a]\nx=1\ny\n",
    b"[a]\nx=1\n y\n",
    b"[a]\nx=\n",
    b"[a]\nx:\n",
    b"[a]\nx=\n  1\n  2\n",
    b"[a]\nx=\n\n\n",
    b"[a]\nx=\n\n  1\n\n\n",
    b"[a]\nx=1\n\n  2\n",
    b"[a]\nx=1\n\n\n\n  2\n\ny=3\n",
    b"[a]\nx=1\n# comment\n  2\n",
    b"[a]\nx=1\n  # comment\n  2\n",
    b"[a]\nx=1\n  ; comment\n\n  2\n",
    b"[a]\nx=1\n   \n  2\n",
    b"[a]\nx=1\n  2\n 3\n    4\n",
    b"[a]\nx=1\n[b]\n  y=1\n",
    b"[a]\n=1\n",
    b"[a]\n = 1\n",
    b"[a]\n:1\n",
    b"[a]\n==\n",
    b"[a]\nx==1\n",
    b"[a]\nx:=1\n",
    b"[a]\nx=:1\n",
    b"[a]\nx : = 1\n",
    b"[a]\nx y = 1 2\n",
    b"[a]\n  x y  =   1 2  \n",
    b"[a]\nurl: https://host.example.org:8080/p?q=1\n",
    b"[a]\nhttps://host = 1\n",
    b"[a]\nx = 1 ; not a comment\ny = 2 # nor this\n",
    b"[a]\nx = ;\ny = #\n",
    b"[a]\n;x = 1\n#y = 2\nz = 3\n",
    b"[a]\n  ;x = 1\n  #y = 2\nz = 3\n",
    b"[a]\nx = %(y)s\ny = %\nz = %%\n",
    b"[a]\nx = ${y}\ny = $\n",
    b"[a]\nx = \"quoted\"\ny = 'quoted'\n",
    b"[a]\nx = C:\\folder\\n\n",
    b"[a]\nx = ends in a backslash \\\ny = 1\n",
    b"[a]\nx =\ty\t\n",
    b"[a]\nx\t=\ty\n",
    b"[credentials]\ntwoFactorToken = ABC\nsecret.key = abc\n",
    b"[a]\nexport x=1\n",
    b"[a]\nREM x=1\n",
    b"[a]\nrem x\n",
    b"[a]\nx=1\x00y\n",
    b"[a]\n\x00=1\n",
    b"\x00[a]\n",
    b"[a]\nx=1\x0b\x0c\n",
    b"[a]\nx=1\x0cy=2\n",
    b"[a]\nx=1\n\x0cy=2\n",
    b"[a]\nx=1\x1c\x1d\x1e\x1f\n",
    b"[a]\n\x1cx\x1d=\x1e1\n",
    b"[a]\nx=1\n\x1f2\n",
    b"[a]\nx=1\x1b\x7f\n",
    b"[a]\nx=1\xff\n",
    b"[a]\nx=1\n\n\n# \xe9\n",
    b"[a]\nx=\xc0\xaf\n",
    b"[a]\nx=\xed\xa0\x80\n",
    b"[a]\nx=\xf4\x90\x80\x80\n",
    b"[a]\nx=\xf0\x9f\x98\x80\n",
    b"[a]\nx=\xe2\x82",
    b"\xff\xfe[\x00a\x00]\x00",
    "[a]\nx=1\u0085\n".encode(),
    "[a]\nx=1\u0085y=2\n".encode(),
    "[a]\nx=1\n\u00a0\u00a02\n".encode(),
    "[a]\n\u00a0x=1\n y=2\n".encode(),
    "[a]\n\u00a0\u00a0x=1\n  y=2\n   z=3\n".encode(),
    "[a]\nx\u2003=\u30001\u3000\n".encode(),
    "[a]\nx=1\u2028\u2029y\n".encode(),
    "[a]\nx=1\n\u2028\n 2\n".encode(),
    "[a]\nx=1\u200b\n".encode(),
    "[a]\nx=1\n\u200b2\n".encode(),
    "[a]\n\u180ex=1\n".encode(),
    "[a]\nx=1\n\u1680\u2000\u2001\u2002\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f2\n".encode(),
    "\u3000[a]\nx=1\n".encode(),
    "\u3000# comment\n[a]\nx=1\n".encode(),
    "[Zürich]\nKÄSE=Größe\n".encode(),
    "[a]\nÄ=1\nä=2\n".encode(),
    "[a]\nÀÖØÞ×ß÷ÿ=1\n".encode(),
    "[a]\nŸŽĲĸŉ=1\n".encode(),
    "[a]\nİ=1\n".encode(),
    "[a]\nİ=1\ni̇=2\n".encode(),
    "[a]\nΚΩΔΙΚΌΣ=1\nΣ=2\nΣΑ=3\nΑΣΑ=4\n".encode(),
    "[a]\nΑΣ.Β=1\nΑ.Σ=2\nΑΣ Β=3\nΑ Σ=4\n".encode(),
    "[a]\nΑΣ1=1\n1Σ=2\nΑΣ̈=3\nΑ'Σ'=4\n".encode(),
    "[a]\nΆΈΉΊΌΎΏΪΫ=1\n".encode(),
    "[a]\nПАРОЛЬ=секрет\nЁЖЯ=1\nҐӀ=2\n".encode(),
    "[a]\nПароль=1\nпароль=2\n".encode(),
    "[a]\nԱՖ=1\n".encode(),
    "[日本]\n鍵=値\n".encode(),
]

LINES = [
    "[a]", "[b]", "[DEFAULT]", "[credentials]", "  [c]", "[d", "[e] f",
    "x = 1", "y: 2", "X=3", "z =", "key with spaces = v", "server=h:1", "password = p=q;r#s%t",
    "  more", "\tmore", "    more still = 1", " x = 4", "  y = 5", "   ; comment", "# comment", ";",
    "", "", " ", "\t", "no delimiter", "= v", "u\u00a0= \u00e9", "\u2003w = 7", "\u00d6 = 8",
]
ENDS = ["\n", "\n", "\n", "\n", "\r\n", "\r"]
HEADERS = ["[a]\n", "[a]\n", "[a]\n", "[DEFAULT]\n", ""]
SEED = 20231011
GENERATED = 220


def pick(source, choices):
    # random() is the one method whose sequence Python promises to keep.
    return choices[int(source.random() * len(choices))]


def generated():
    source = random.Random(SEED)
    for _ in range(GENERATED):
        text = pick(source, HEADERS)
        for _ in range(1 + int(source.random() * 8)):
            text += pick(source, LINES) + pick(source, ENDS)
        if source.random() < 0.3:
            text = text.rstrip("\r\n")
        yield text.encode()


def sections(text):
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_file(io.TextIOWrapper(io.BytesIO(text), encoding="utf-8-sig"))
    except (configparser.Error, UnicodeDecodeError):
        return None
    return {name: dict(parser[name]) for name in parser.sections()}


def corpus():
    cases = []
    for text in [*WHOLE, *generated()]:
        case = {"text": base64.b64encode(text).decode(), "sections": sections(text)}
        if case not in cases:
            cases.append(case)
    return "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n"


def main(arguments):
    if not arguments:
        sys.stdout.write(corpus())
        return 0
    if len(arguments) != 2 or arguments[0] != "--check":
        sys.stderr.write(__doc__)
        return 2
    with open(arguments[1], encoding="ascii") as frozen:
        if frozen.read() == corpus():
            return 0
    sys.stderr.write(f"{arguments[1]} is stale: write it again with properties_corpus.py\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
