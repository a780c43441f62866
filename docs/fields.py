"""The reference says of a struct's field what the comment behind it in the source says (an extension of griffe)."""

from __future__ import annotations

import io
import tokenize
from typing import Any

import griffe


class FieldComments(griffe.Extension):
    """Makes a docstring of the comment at the end of a line that defines a field or a constant."""

    def on_attribute_instance(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Called by griffe for each name that is given a value or a type."""
        if attr.docstring or not attr.lines:
            return
        source = io.StringIO(attr.lines[-1] + "\n").readline
        try:
            comments = [each.string for each in tokenize.generate_tokens(source) if each.type == tokenize.COMMENT]
        except tokenize.TokenError:  # the end of a value of several lines is no line by itself
            return
        if comments:
            text = comments[-1].lstrip("# ")
            attr.docstring = griffe.Docstring(text[:1].upper() + text[1:] + ".", parent=attr)
