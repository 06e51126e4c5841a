"""Files that tests need and no repository should carry."""

from __future__ import annotations

import io
import random

import docx
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas


def password_pdf() -> bytes:
    """A PDF that cannot be read without its password."""
    buffer = io.BytesIO()
    page = canvas.Canvas(buffer, encrypt=StandardEncryption("open sesame", ownerPassword="owner"))
    page.drawString(72, 720, "The vault combination is nine, four, seven.")
    page.save()
    return buffer.getvalue()


def word_document(paragraphs: list[str]) -> bytes:
    """A DOCX with one heading and these paragraphs."""
    document = docx.Document()
    document.add_heading("Minutes", level=1)
    for text in paragraphs:
        document.add_paragraph(text)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def truncated_docx() -> bytes:
    """The first half of a DOCX, as a broken upload leaves it."""
    whole = word_document(["A paragraph that will not arrive."] * 50)
    return whole[: len(whole) // 2]


def binary_noise(seed: int = 7) -> bytes:
    """Bytes of no document kind."""
    return b"\x7fELF" + random.Random(seed).randbytes(4096)


def people_table(rows: int, seed: int = 11) -> str:
    """A CSV of numbers and words, some cells empty, and a target that depends on them."""
    draw = random.Random(seed)
    lines = ["age,hours,city,member,income"]
    for _ in range(rows):
        age, hours = draw.randint(18, 80), round(draw.uniform(5, 60), 2)
        city = draw.choice(["Bergen", "Lyon", "Porto", "Gent"])
        member = draw.choice(["yes", "no"])
        score = 0.06 * (age - 45) + 0.08 * (hours - 30) + (1.2 if city in ("Lyon", "Gent") else -1.0)
        income = "high" if score + draw.gauss(0, 0.6) > 0 else "low"
        shown_age = "" if draw.random() < 0.05 else str(age)
        shown_city = "" if draw.random() < 0.05 else city
        lines.append(f"{shown_age},{hours},{shown_city},{member},{income}")
    return "\n".join(lines) + "\n"
