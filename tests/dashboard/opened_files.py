"""What a person reads who opens a file that the dashboard made."""

import io
import re
import zipfile
import zlib
from html import unescape


def text_of_pdf(content: bytes) -> str:
    """The words of a page, one line for each piece of text."""
    pieces = [
        found
        for stream in re.findall(rb"stream\r?\n(.+?)\r?\nendstream", content, re.DOTALL)
        for found in re.findall(rb"\(((?:\\.|[^\\)])*)\) Tj", zlib.decompress(stream))
    ]
    return "\n".join(re.sub(rb"\\(.)", rb"\1", piece).decode("latin-1") for piece in pieces)


def strings_of(content: bytes) -> list[str]:
    """Every text that stands in a cell of a workbook, once each."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        texts = book.read("xl/sharedStrings.xml").decode()
    return [unescape(found) for found in re.findall(r"<t[^>]*>([^<]*)</t>", texts)]
