"""Awkward messages, written for the tests: (name, bytes, words that must be read, whether an automatic answer may
go out)."""

from email.message import EmailMessage

HEAD = (
    b"From: Person <person@example.org>\r\nTo: privacy@inferencebench.io\r\nDate: Tue, 24 Nov 2026 10:00:00 +0000\r\n"
)
Entry = tuple[str, bytes, str, bool]


def plain(body: str = "Please delete what you hold about me.", **headers: str) -> bytes:
    """A plain message with further headers."""
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return HEAD + f"Subject: a request\r\n{more}\r\n{body}\r\n".encode()


def _html(body: str) -> bytes:
    return HEAD + b"Subject: html\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + body.encode()


def _encoded(charset: str, text: str, name: str = "") -> bytes:
    return (
        HEAD
        + f"Subject: charset\r\nContent-Type: text/plain; charset={name or charset}\r\nContent-Transfer-Encoding: "
        f"8bit\r\n\r\n".encode()
        + text.encode(charset)
    )


def _nested(depth: int) -> bytes:
    body = b"Content-Type: text/plain\r\n\r\nin the depth\r\n"
    for level in range(depth):
        mark = b"b%d" % level
        body = (
            b'Content-Type: multipart/mixed; boundary="'
            + mark
            + b'"\r\n\r\n--'
            + mark
            + b"\r\n"
            + body
            + b"\r\n--"
            + mark
            + b"--\r\n"
        )
    return HEAD + b"Subject: nested\r\nMIME-Version: 1.0\r\n" + body


def _attached(size: int) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = (
        "person@example.org",
        "privacy@inferencebench.io",
        "with an attachment",
    )
    message.set_content("Please see the attachment.")
    message.add_attachment(b"x" * size, maintype="application", subtype="pdf", filename="scan.pdf")
    return message.as_bytes()


def _alternative() -> bytes:
    message = EmailMessage()
    message["From"], message["Subject"] = "person@example.org", "both"
    message.set_content("the plain one")
    message.add_alternative("<p>the html one</p>", subtype="html")
    return message.as_bytes()


def _from(value: str) -> bytes:
    return f"From: {value}\r\nSubject: from\r\n\r\nhello there\r\n".encode("utf-8", "surrogateescape")


CORPUS: tuple[Entry, ...] = (
    ("plain", plain(), "Please delete", True),
    ("no subject", HEAD + b"\r\nno subject at all\r\n", "no subject at all", True),
    ("no body", HEAD + b"Subject: only a subject\r\n\r\n", "", True),
    ("no headers", b"just words without any header\r\n", "", False),
    ("empty", b"", "", False),
    ("nul bytes", HEAD + b"Subject: nul\r\n\r\nbefore\x00after\r\n", "before after", True),
    ("bare newlines", HEAD.replace(b"\r\n", b"\n") + b"Subject: unix\n\nunix lines\n", "unix lines", True),
    ("bare returns", HEAD + b"Subject: mac\r\n\r\nmac\rlines\r\n", "mac", True),
    ("latin-1", _encoded("latin-1", "Löschung bitte, größte Eile"), "Löschung bitte", True),
    ("utf-8", _encoded("utf-8", "Löschung – bitte"), "Löschung – bitte", True),
    ("utf-16", _encoded("utf-16", "sixteen bits"), "sixteen bits", True),
    ("koi8-r", _encoded("koi8-r", "удалите мои данные"), "удалите", True),
    ("shift_jis", _encoded("shift_jis", "削除してください"), "削除", True),
    ("gb2312", _encoded("gb2312", "请删除我的数据"), "请删除", True),
    ("iso-2022-jp", _encoded("iso-2022-jp", "個人情報"), "個人情報", True),
    ("windows-1252", _encoded("cp1252", "“quoted” – words", "windows-1252"), "“quoted”", True),
    ("unknown charset", _encoded("utf-8", "readable all the same", "x-made-up"), "readable all the same", True),
    ("wrong charset", _encoded("utf-8", "größe", "ascii"), "größe", True),
    ("empty charset", _encoded("utf-8", "no name of a charset", '""'), "no name of a charset", True),
    ("8-bit header", HEAD + "Subject: Löschung\r\n\r\nraw header bytes\r\n".encode(), "raw header bytes", True),
    ("latin-1 header", HEAD + "Subject: Löschung\r\n\r\nraw header bytes\r\n".encode("latin-1"), "raw header bytes",
     True),
    ("encoded words", HEAD + b"Subject: =?utf-8?B?TMO2c2NodW5n?= =?iso-8859-1?Q?_bitte=E4?=\r\n\r\nencoded subject\r\n",
     "encoded subject", True),
    ("broken encoded word", HEAD + b"Subject: =?utf-8?B?%%%?= =?x?y?\r\n\r\nbroken subject\r\n", "broken subject",
     True),
    ("unknown encoded charset", HEAD + b"Subject: =?made-up?Q?hello?=\r\n\r\nodd subject\r\n", "odd subject", True),
    ("folded subject", HEAD + b"Subject: folded\r\n over lines\r\n\tand tabs\r\n\r\nfolded\r\n", "folded", True),
    ("injection in subject", HEAD + b"Subject: =?utf-8?Q?a=0D=0ABcc:_evil@example.org?=\r\n\r\ninjected\r\n",
     "injected", True),
    ("long subject", HEAD + b"Subject: " + b"x" * 50_000 + b"\r\n\r\nlong subject\r\n", "long subject", True),
    ("many headers", HEAD + b"".join(b"X-H%d: v\r\n" % n for n in range(3000)) + b"\r\nmany headers\r\n",
     "many headers", True),
    ("header without colon", HEAD + b"this is no header\r\nSubject: x\r\n\r\nstill read\r\n", "still read", True),
    ("html only", _html("<html><head><title>t</title><style>p{}</style></head><body><p>please <b>erase</b> "
                        "me</p></body></html>"), "please erase me", True),
    ("html with script", _html("<script>alert('x')</script><p>words</p>"), "words", True),
    ("broken html", _html("<p>unclosed <b>and <<< wrong &nbsp; &bogus; <![CDATA["), "unclosed", True),
    ("html entities", _html("<p>a &amp; b &lt;c&gt; &#228;</p>"), "a & b <c> ä", True),
    ("both", _alternative(), "the plain one", True),
    ("nested", _nested(5), "in the depth", True),
    ("nested a hundred deep", _nested(100), "", True),
    ("attachment", _attached(1000), "Please see the attachment", True),
    ("no boundary", HEAD + b"Subject: x\r\nContent-Type: multipart/mixed\r\n\r\nno boundary here\r\n", "", True),
    ("unfinished multipart", HEAD + b'Subject: x\r\nContent-Type: multipart/mixed; '
                                    b'boundary="q"\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\ncut off in the mid',
                                    "cut off in the mid", True),
    ("empty multipart", HEAD + b'Subject: x\r\nContent-Type: multipart/mixed; boundary="q"\r\n\r\n--q--\r\n', "", True),
    ("a thousand parts", HEAD + b'Subject: x\r\nContent-Type: multipart/mixed; boundary="q"\r\n\r\n'
     + b"--q\r\nContent-Type: text/plain\r\n\r\npart\r\n" * 1000 + b"--q--\r\n", "part", True),
    ("bad base64", HEAD + b"Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!notbase64!!!\r\n", "", True),
    ("base64", HEAD + b"Subject: x\r\nContent-Transfer-Encoding: base64\r\n\r\ncGxlYXNlIGVyYXNlIG1l\r\n",
     "please erase me", True),
    ("quoted-printable", HEAD + b"Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nplease "
                                b"=\r\nerase=20me\r\n", "please erase me", True),
    ("unknown transfer encoding", HEAD + b"Subject: x\r\nContent-Transfer-Encoding: x-odd\r\n\r\nodd encoding\r\n",
     "odd encoding", True),
    ("message inside", HEAD + b"Subject: fwd\r\nContent-Type: message/rfc822\r\n\r\nFrom: "
                              b"other@example.org\r\nSubject: inner\r\n\r\ninner words\r\n", "inner words", True),
    ("reply with quotes", plain("> On Tuesday you wrote:\r\n> something\r\n\r\nmy answer"), "my answer", True),
    ("two senders", _from("a@example.org, b@example.org"), "hello there", False),
    ("no sender", b"Subject: x\r\n\r\nwho am I\r\n", "who am I", False),
    ("sender is no address", _from("nobody at all"), "hello there", False),
    ("sender with a line break", _from('"a\\r\\nBcc: x@y.zz" <person@example.org>'), "hello there", True),
    ("sender in quotes", _from('"Doe, Jane" <person@example.org>'), "hello there", True),
    ("sender encoded", _from("=?utf-8?Q?J=C3=B6rg?= <person@example.org>"), "hello there", True),
    ("sender group", _from("undisclosed-recipients:;"), "hello there", False),
    ("auto-replied", plain(Auto_Submitted="auto-replied"), "Please delete", False),
    ("auto-generated", plain(Auto_Submitted="auto-generated; owner-email=x"), "Please delete", False),
    ("auto-submitted no", plain(Auto_Submitted="no"), "Please delete", True),
    ("precedence bulk", plain(Precedence="bulk"), "Please delete", False),
    ("precedence list", plain(Precedence="LIST"), "Please delete", False),
    ("list id", plain(List_Id="<a.example.org>"), "Please delete", False),
    ("list unsubscribe", plain(List_Unsubscribe="<mailto:x@example.org>"), "Please delete", False),
    ("suppressed", plain(X_Auto_Response_Suppress="All"), "Please delete", False),
    ("empty return path", plain(Return_Path="<>"), "Please delete", False),
    ("return path", plain(Return_Path="<person@example.org>"), "Please delete", True),
    ("dmarc failed", plain(Authentication_Results="mx.example; spf=fail smtp.mailfrom=x; dkim=none; dmarc=fail"),
     "Please delete", False),
    ("dmarc passed", plain(Authentication_Results="mx.example; spf=pass; dkim=pass; dmarc=pass"), "Please delete",
     True),
    ("ourselves", plain().replace(b"person@example.org", b"privacy@inferencebench.io"), "Please delete", False),
    ("mailer daemon", plain().replace(b"person@example.org", b"MAILER-DAEMON@example.org"), "Please delete", False),
    ("no reply", plain().replace(b"person@example.org", b"no-reply@example.org"), "Please delete", False),
    ("bounce", HEAD + b'Subject: Undelivered\r\nContent-Type: multipart/report; report-type=delivery-status; '
                      b'boundary="q"\r\n\r\n--q\r\nContent-Type: text/plain\r\n\r\nit bounced\r\n--q--\r\n',
                      "it bounced", False),
    ("right to left", plain("please \u202eesare\u202c me"), "please", True),
    ("very long line", plain("word " * 100_000), "word word", True),
    ("surrogates", HEAD + b"Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xed\xa0\x80 lone half\r\n",
     "lone half", True),
    ("uuencoded", HEAD + b"Subject: x\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 "
                         b"a\r\n#86)C\r\n`\r\nend\r\n", "", True),
)  # fmt: skip
