"""A page of HTML taken apart by the standard library's parser: its tags, texts, blocks of code and files."""

from html.parser import HTMLParser
from urllib.parse import unquote


class ParsedPage(HTMLParser):
    """A page taken apart by the standard library's parser."""

    VOID = ("meta", "br", "hr", "img", "input", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.code: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "pre":
            self.code.append("")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attributes}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if "pre" in self.open:
            self.code[-1] += data

    def values(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.tags if name in attributes]

    def files(self) -> dict[str, str]:
        """Return the files that the page holds, by name."""
        links = [attributes for tag, attributes in self.tags if tag == "a" and "download" in attributes]
        return {link["download"]: unquote(link["href"].split(",", 1)[1]) for link in links}
