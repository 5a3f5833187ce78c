"""The pieces of a self-contained page: its skeleton, and a few elements; every text from outside is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from surefoot.chart import Chart
from surefoot.svg import svg

# Copies the code beside the button; where a browser forbids the clipboard, the code is selected instead.
_SCRIPT = """document.addEventListener("click",e=>{const b=e.target.closest("button");if(!b)return;
const p=b.parentNode.querySelector("pre");const s=getSelection();s.selectAllChildren(p);
if(navigator.clipboard)navigator.clipboard.writeText(p.dataset.copy||p.textContent).then(()=>{b.textContent="Copied";
setTimeout(()=>b.textContent="Copy",1500)},()=>{})})"""
# The page may load nothing at all: not by mistake, and not through text that somebody else wrote into it.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"


def document(title: str, subtitle: str, sections: Iterable[str], footer: str) -> str:
    """Return a whole HTML page around ``sections`` (HTML); ``title``, ``subtitle`` and ``footer`` are plain text."""
    style = files("surefoot.report").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body><main>"
        f"<header><h1>{escape(title)}</h1><p>{escape(subtitle)}</p></header>\n"
        + "\n".join(sections)
        + f"\n<footer>{escape(footer)}</footer></main><script>{_SCRIPT}</script></body></html>\n"
    )


def section(heading: str, *parts: str, kind: str = "") -> str:
    """Return a section of HTML ``parts`` under a plain-text ``heading``."""
    opened = f'<section class="{kind}">' if kind else "<section>"
    return opened + (f"<h2>{escape(heading)}</h2>" if heading else "") + "".join(parts) + "</section>"


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def picture(chart: Chart, height: int = 330) -> str:
    """Return the chart twice, drawn for a wide and for a narrow page; the style shows the one that fits."""
    wide, narrow = svg(chart, width=736, height=height), svg(chart, width=360, height=300)
    return f'<figure><div class="wide">{wide}</div><div class="narrow">{narrow}</div></figure>'


def code_block(text: str) -> str:
    """Return code with a button that copies it."""
    return f'<div class="code"><pre>{escape(text)}</pre><button type="button">Copy</button></div>'


def diff(lines: Sequence[str]) -> str:
    """Return a unified diff, its lines marked by their first character."""
    tags = {"+": ("<ins>", "</ins>"), "-": ("<del>", "</del>")}
    parts = []
    for line in lines:
        opened, closed = tags.get(line[:1], ("", "\n"))
        parts.append(opened + escape(line) + closed)
    return f'<div class="code"><pre>{"".join(parts)}</pre></div>'


def bullets(items: Iterable[str]) -> str:
    """Return a list of plain texts."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]], texts: Iterable[str] = ()) -> str:
    """Return a table of plain texts; a row is (its class, its cells); columns named in ``texts`` are left-aligned."""
    left = set(texts)
    kinds = [' class="text"' if head in left else "" for head in heads]
    top = "".join(f"<th{kind}>{escape(head)}</th>" for kind, head in zip(kinds, heads, strict=True))
    body = "".join(
        f'<tr class="{row_kind}">'
        + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, cells, strict=True))
        + "</tr>"
        for row_kind, cells in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(pairs: Iterable[tuple[str, str, str]]) -> str:
    """Return a row of facts: (name, value, remark)."""
    parts = (f"<div><dt>{escape(n)}</dt><dd>{escape(v)}<span>{escape(r)}</span></dd></div>" for n, v, r in pairs)
    return '<dl class="facts">' + "".join(parts) + "</dl>"
