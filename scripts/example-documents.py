#!/usr/bin/env python3
"""Makes examples/documents from the manual in Debian's `postgresql-doc-15`.

Needed only to change the set; the result is committed. Wants pandoc,
libreoffice-writer-nogui and beautifulsoup4, and takes the manual's folder:

    scripts/example-documents.py /usr/share/doc/postgresql-doc-15/html

Navigation, index anchors and links into pages outside the set go; every word of
the text stays. PDF and DOCX are written by LibreOffice from an ODT that pandoc
makes, so that headings are real headings.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

from bs4 import BeautifulSoup

HERE = pathlib.Path(__file__).resolve().parent.parent / "examples" / "documents"

# Source page of the manual -> file in the set.
PAGES = {
    "routine-vacuuming": "routine-vacuuming.html",
    "wal-configuration": "wal-configuration.html",
    "backup-dump": "sql-dump.html",
    "indexes-types": "index-types.html",
    "role-attributes": "role-attributes.html",
    "auth-pg-hba-conf": "pg-hba-conf.html",
    "explicit-locking": "explicit-locking.html",
    "ddl-constraints": "constraints.html",
    "transaction-iso": "transaction-isolation.pdf",
    "continuous-archiving": "continuous-archiving.pdf",
    "using-explain": "using-explain.pdf",
    "warm-standby": "log-shipping-standby.pdf",
    "ddl-rowsecurity": "row-security.pdf",
    "runtime-config-autovacuum": "autovacuum-settings.pdf",
    "populate": "populating-a-database.docx",
    "indexes-partial": "partial-indexes.docx",
    "ddl-priv": "privileges.docx",
    "auth-password": "password-authentication.docx",
    "logical-replication-subscription": "logical-replication-subscription.docx",
    "checksums": "data-checksums.md",
    "routine-reindex": "routine-reindexing.md",
    "logfile-maintenance": "log-file-maintenance.md",
    "hot-standby": "hot-standby.md",
    "wal-async-commit": "asynchronous-commit.md",
    "tutorial-transactions": "transactions-tutorial.md",
}


def clean(source: pathlib.Path) -> str:
    """The plain HTML of one page."""
    page = source.read_text(encoding="utf-8").split("?>", 1)[1]  # an XML declaration on HTML
    soup = BeautifulSoup(page, "lxml")
    title = re.sub(r"^(Chapter )?[0-9.]+\s*", "", soup.title.get_text()).strip()
    body = soup.select_one("#docContent > div.sect1, #docContent > div.chapter")
    for tag in body.select("a.indexterm, a.id_link, div.toc"):
        tag.decompose()
    for box in body.select("div.note, div.tip, div.important, div.warning, div.caution"):
        box.find("h3").name = "strong"
        box.find("strong").wrap(soup.new_tag("p"))
    for tag in body.find_all("a"):
        tag.unwrap()
    for tag in body.find_all(["colgroup", "div", "span"]):
        tag.decompose() if tag.name == "colgroup" else tag.unwrap()
    number_headings(body)
    for tag in body.find_all(True):
        tag.attrs = {}
    for tag in body.find_all("p"):
        if not tag.get_text(strip=True):
            tag.decompose()
    return wrap(title, tidy(body.decode_contents()))


def number_headings(body) -> None:
    """The page's title becomes h1 and each level below it one deeper; numbers go."""
    for tag in body.find_all(re.compile("^h[1-6]$")):
        level = int(tag.name[1])
        tag.name = f"h{max(1, level - 1)}"
        for text in tag.find_all(string=True):
            text.replace_with(re.sub(r"^\s*[0-9]+(\.[0-9]+)+\.\s*", "", text))
    for tag in body.select("p > b, p > strong"):
        tag.name = "strong"


def tidy(html: str) -> str:
    """Collapses the manual's indentation, except inside `pre`."""
    parts = re.split(r"(<pre>.*?</pre>)", html, flags=re.S)
    blocks = "p|h[1-6]|ul|ol|li|dl|dt|dd|table|thead|tbody|tr|pre"
    for i in range(0, len(parts), 2):
        text = re.sub(r"\s+", " ", parts[i])
        text = re.sub(rf"\s*(</?(?:{blocks})>)\s*", r"\1", text)
        parts[i] = re.sub(rf"(</(?:{blocks})>|<(?:ul|ol|dl|table|thead|tbody|tr)>)", r"\1\n", text)
    return "".join(parts).strip()


def wrap(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"<title>{title}</title>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def office(html: pathlib.Path, target: pathlib.Path, work: pathlib.Path) -> None:
    odt = work / f"{target.stem}.odt"
    template = subprocess.run(
        ["pandoc", "-D", "odt"], check=True, capture_output=True, text=True
    ).stdout
    untitled = work / "untitled.opendocument"  # the page's own h1 is the visible title
    untitled.write_text(re.sub(r"\$if\(title\)\$.*?\$endif\$", "", template, flags=re.S))
    run("pandoc", "-f", "html", "-t", "odt", "-M", "lang=en", "--template", str(untitled), "-o", str(odt), str(html))
    export = {
        ".pdf": 'pdf:writer_pdf_Export:{"ExportBookmarks":{"type":"boolean","value":"true"},'
        '"UseTaggedPDF":{"type":"boolean","value":"true"}}',
        ".docx": "docx:MS Word 2007 XML",
    }[target.suffix]
    profile = f"-env:UserInstallation=file://{work}/profile"
    run("soffice", profile, "--headless", "--convert-to", export, "--outdir", str(target.parent), str(odt))


def main() -> None:
    manual = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        for page, name in PAGES.items():
            html = clean(manual / f"{page}.html")
            target = HERE / name
            if target.suffix == ".html":
                target.write_text(html, encoding="utf-8")
                continue
            plain = work / f"{page}.html"
            plain.write_text(html, encoding="utf-8")
            if target.suffix == ".md":
                run("pandoc", "-f", "html", "-t", "gfm", "--wrap=preserve", "-o", str(target), str(plain))
            else:
                office(plain, target, work)
            print(target.name)


if __name__ == "__main__":
    main()
