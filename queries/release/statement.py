"""Facts about a release that only the publisher can state: title, creators, licence, citation, address."""

from dataclasses import dataclass, fields

from attlas.schema import InputError, Manifest

NOT_STATED = "not stated"
HUB = "https://huggingface.co/"


@dataclass(frozen=True)
class Statement:
    """The statement of the publisher; None or empty for a fact that is not stated, and then no file claims it."""

    title: str | None = None
    creators: tuple[str, ...] = ()
    licence: str | None = None
    """SPDX identifier, such as CC-BY-4.0, or the URL of a licence."""
    citation: str | None = None
    """How to cite the release, one line."""
    url: str | None = None
    """Below which the files will lie: `https://...`, or `hf://datasets/ORG/NAME`."""

    def __post_init__(self) -> None:
        texts = [self.title, *self.creators, self.licence, self.citation, self.url]
        if unusable := [text for text in texts if text is not None and (not text.strip() or not text.isprintable())]:
            raise InputError("A statement about a release is a line of text.", found=repr(unusable[0]))
        if self.url is not None and not self.url.startswith(("https://", "http://", "hf://datasets/")):
            expected = "https://..., or hf://datasets/ORG/NAME"
            raise InputError("This is no URL of a release.", expected=expected, found=self.url)

    def missing(self) -> list[str]:
        """Return the names of the facts that are not stated."""
        return [field.name for field in fields(self) if not getattr(self, field.name)]

    def make_title(self, manifest: Manifest) -> str:
        """Return the title, or one made of input and model."""
        return self.title or f"Attention atlas of {manifest.source} by {manifest.run.model}"

    @property
    def web_url(self) -> str | None:
        """The URL as a browser or any client of HTTP takes it, without a slash at its end."""
        if self.url is None or not self.url.startswith("hf://"):
            return self.url.rstrip("/") if self.url else None
        organisation, name, *folders = self.url.removeprefix("hf://datasets/").rstrip("/").split("/")
        return "/".join([f"{HUB}datasets/{organisation}/{name}/resolve/main", *folders])

    @property
    def hub_name(self) -> str | None:
        """`ORG/NAME` where the URL is of the Hugging Face hub."""
        url = self.url or ""
        for start in ("hf://datasets/", f"{HUB}datasets/"):
            parts = url.removeprefix(start).split("/")
            if url.startswith(start) and len(parts) > 1:
                return "/".join(parts[:2])
        return None
