"""The one place where secrets are read. They are never logged and never stored."""

from __future__ import annotations

import os

from mcal.errors import AnnotatorError

__all__ = ["Secret", "read_secret"]


class Secret:
    """A text that shows itself only to who asks: not in messages, tracebacks or logs."""

    __slots__ = ("_told",)  # and a closure, so that vars() and tracebacks with locals show nothing

    def __init__(self, value: str) -> None:
        def told() -> str:
            return value

        self._told = told

    def reveal(self) -> str:
        """The secret itself, for the request that needs it and for nothing else."""
        return self._told()

    def hidden_in(self, text: str) -> str:
        """``text`` without the secret: for what a service sends back."""
        return text.replace(self._told(), "[secret]")

    def __repr__(self) -> str:
        return "Secret([secret])"

    __str__ = __repr__

    def __reduce__(self) -> str:
        raise TypeError("a secret is not to be stored")


def read_secret(variable: str, what: str) -> Secret:
    """The secret in an environment variable.

    Parameters
    ----------
    variable : str
        Its name, from the settings.
    what : str
        What the secret is, for the message: "the token of Label Studio".

    Raises
    ------
    AnnotatorError
        The variable is not set, is empty, or could not be sent as a header.
    """
    value = os.environ.get(variable, "").strip()
    if not value:
        raise AnnotatorError(f"{variable}: expected {what} in this environment variable")
    if not value.isascii() or not value.isprintable():
        raise AnnotatorError(f"{variable}: expected {what}, found characters no secret has")
    return Secret(value)
