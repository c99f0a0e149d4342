"""What a file is, told by its first bytes and never by its name."""

from typing import Literal

from services.registry.ledger.model import FileRefused

Kind = Literal["xlsx", "xls", "html", "text"]

ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
OTHERS = {
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"RIFF": "RIFF",
    b"%PDF": "PDF",
    b"{\\rtf": "RTF",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7z",
    b"\x1f\x8b": "gzip",
    b"\x7fELF": "ELF",
    b"MZ": "EXE",
    b"SQLite format": "SQLite",
    b"PAR1": "Parquet",
}
HTML = ("<html", "<!doctypehtml", "<table", "<meta", "<head", "<style", "<div", "<body", "<tr", "<!--")
BINARY_TELLS = bytes(set(range(0x20)) - set(b"\t\r\n\x0b\x0c\x1a\x1b"))
WORKBOOK_NAMES = (".xlsx", ".xls", ".xlsm", ".et")


def kind_of(content: bytes, filename: str) -> Kind:
    """The reader that the content asks for.

    Raises:
        FileRefused: file-empty, wrong-file-type, file-damaged, workbook-encrypted, html-as-workbook (XML, MHTML).
    """
    if not content.strip(b"\x00\t\r\n ") or content in (b"\xef\xbb\xbf", *UTF16_MARKS):
        raise FileRefused("file-empty")
    if content.startswith(ZIP):
        return "xlsx"
    if content.startswith(OLE):
        return _ole(content)
    for mark, name in OTHERS.items():
        if content.startswith(mark) and not _reads_as_text(content, mark):
            raise FileRefused("wrong-file-type", name)
    return _text(content, filename)


def _ole(content: bytes) -> Kind:
    def named(stream: str) -> bool:
        return stream.encode("utf-16-le") in content

    if named("EncryptedPackage") or named("EncryptionInfo"):
        raise FileRefused("workbook-encrypted")
    if named("WordDocument") or named("PowerPoint Document"):
        raise FileRefused("wrong-file-type", "OLE")
    return "xls"


def _reads_as_text(content: bytes, mark: bytes) -> bool:
    """Short marks (BM, MZ) may also begin an honest line of text."""
    return len(mark) < 3 and not _binary(content[:4096])


def _binary(head: bytes) -> bool:
    return head.translate(None, BINARY_TELLS) != head


def _text(content: bytes, filename: str) -> Kind:
    head = content[:65536]
    if head.startswith(UTF16_MARKS) or _utf16_without_mark(head):
        return "html" if _beginning(head).startswith(HTML) else "text"
    if _binary(head):
        damaged = filename.lower().endswith(WORKBOOK_NAMES)
        raise FileRefused("file-damaged" if damaged else "wrong-file-type", "binary")
    start = _beginning(head)
    if start.startswith(HTML):
        return "html"
    if start.startswith(("<?xml", "mime-version")):
        raise FileRefused("html-as-workbook", "XML / MHTML")
    return "text"


def _beginning(head: bytes) -> str:
    """The first letters, whatever the encoding: marks, NULs and blanks fall away."""
    return head.translate(None, b"\x00\xff\xfe\xef\xbb\xbf\t\r\n ")[:512].decode("ascii", "replace").lower()


def _utf16_without_mark(head: bytes) -> bool:
    """Commas, tabs and line ends of UTF-16 leave NULs on one side only."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    return min(even, odd) == 0 and (b"\n\x00" in head or b"\x00\n" in head)
