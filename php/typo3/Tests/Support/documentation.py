"""Reads the pages below a directory, which is the argument, with docutils, and says what is wrong with them.

The output is JSON: "problems", a list of texts; "blocks", the code that the pages show, with "file", "language" and "text".
What TYPO3's renderer knows beside docutils is registered here, as far as the pages use it.
"""

import json
import os
import sys

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import Directive, directives, roles

root = sys.argv[1]
references, listed, problems, blocks = [], [], [], []
page = ""


class Toctree(Directive):
    has_content = True
    option_spec = {"titlesonly": directives.flag, "maxdepth": directives.nonnegative_int}

    def run(self):
        listed.extend(os.path.join(os.path.dirname(page), entry) + ".rst" for entry in self.content if entry)
        return []


class CodeBlock(Directive):
    has_content = True
    required_arguments = 1
    option_spec = {"caption": directives.unchanged}

    def run(self):
        text = "\n".join(self.content)
        blocks.append({"file": page, "language": self.arguments[0], "caption": self.options.get("caption", ""), "text": text})
        return [nodes.literal_block(text, text)]


def reference(name, rawtext, text, lineno, inliner, options=None, content=None):
    label = text.rsplit("<", 1)[1].rstrip(">") if text.endswith(">") else text
    references.append((page, label))
    return [nodes.inline(rawtext, text)], []


def literal(name, rawtext, text, lineno, inliner, options=None, content=None):
    return [nodes.literal(rawtext, text)], []


directives.register_directive("toctree", Toctree)
directives.register_directive("code-block", CodeBlock)
roles.register_local_role("ref", reference)
for name in ("php", "file", "guilabel"):
    roles.register_local_role(name, literal)

pages = sorted(
    os.path.relpath(os.path.join(directory, file), root)
    for directory, _, files in os.walk(root)
    for file in files
    if file.endswith(".rst")
)
labels = set()
for page in pages:
    with open(os.path.join(root, page), encoding="utf-8") as file:
        text = file.read()
    # Interpreted text without a role is code, as for TYPO3's renderer.
    settings = {"report_level": 5, "halt_level": 5, "raw_enabled": False, "file_insertion_enabled": False}
    document = publish_doctree(".. default-role:: literal\n\n" + text, source_path=page, settings_overrides=settings)
    problems.extend(f"{page}: {message.astext()}" for message in document.findall(nodes.system_message) if message["level"] > 1)
    # Explicit targets only; the implicit ones of section titles are no labels.
    for label in (name for name, explicit in document.nametypes.items() if explicit):
        if label in labels:
            problems.append(f"{page}: the label {label} stands twice")
        labels.add(label)
    for image in document.findall(nodes.image):
        if not os.path.isfile(os.path.join(root, os.path.dirname(page), image["uri"])):
            problems.append(f"{page}: there is no image {image['uri']}")

problems.extend(f"{page}: there is no label {label}" for page, label in references if label not in labels)
problems.extend(f"{page} is in no toctree" for page in pages if page != "Index.rst" and page not in listed)
problems.extend(f"a toctree names {page}, which is not there" for page in listed if page not in pages)
print(json.dumps({"problems": problems, "blocks": blocks, "references": len(references), "pages": len(pages)}))
