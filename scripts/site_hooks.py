"""What the site needs beside mkdocs.yml: the decisions in the navigation, files that are linked.

Pages link files of the repository (`../billing/default_policy.toml`), as they are read there too.
The site has no repository beside it, so it takes a copy of each such file along.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
#: Where copies stand in the site.
COPIES = "files"
_LINK = re.compile(r"\]\((?P<path>\.\./[^)#\s]+)(?P<anchor>#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """List the decisions after everything else, by their numbers."""
    found = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    config.nav.append({"Decisions": [f"decisions/{path.name}" for path in found]})
    return config


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Let links that leave docs/ lead to the site's own copy."""
    here = PurePosixPath("docs", page.file.src_uri).parent

    def to_copy(found: re.Match[str]) -> str:
        target = (ROOT / here / found["path"]).resolve()
        if target.is_relative_to(ROOT / "docs") or not target.is_file():
            return found[0]  # of the site itself, or broken: MkDocs says so
        uri = f"{COPIES}/{target.relative_to(ROOT)}"
        if uri.endswith(".md"):
            uri += ".txt"  # a copy is shown as it is, not made a page
        if files.get_file_from_path(uri) is None:
            files.append(File.generated(config, uri, abs_src_path=str(target)))
        return f"]({'../' * len(here.parts[1:])}{uri}{found['anchor'] or ''})"

    return _LINK.sub(to_copy, markdown)
