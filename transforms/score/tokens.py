"""Tokens of Entra ID, which managed endpoints may require in place of keys: fetched through azure-identity, and renewed in time."""

from __future__ import annotations

import logging
import threading
from importlib.util import find_spec
from time import time
from typing import Any, Protocol

from labelbeam.schemas.errors import UsageError
from labelbeam.transforms.score.failures import EndpointError
from labelbeam.transforms.stores.errors import explain

MARGIN = 300.0
"""Seconds before it expires in which a token is renewed, or half of its life where that is less."""

AGAIN = 30.0
"""Seconds after which it is tried again where a token could not be renewed and has not yet expired."""

LOG = logging.getLogger("labelbeam")


class Credential(Protocol):
    """What tokens come from, such as any credential of azure-identity."""

    def get_token(self, *scopes: str) -> Any:
        """A token as `token`, and when it expires as `expires_on`, in seconds since 1970."""


def check_installed() -> None:
    """Make sure that tokens can be fetched.

    Raises:
        UsageError: the package is not installed.
    """
    try:
        found = find_spec("azure.identity")
    except ModuleNotFoundError:  # Not even `azure`.
        found = None
    if found is None:
        raise UsageError("--auth entra: azure-identity is not installed; run: pip install 'labelbeam[entra]'")


def default_credential() -> Credential:
    """Credential of whatever this process runs as: by environment variables, workload identity, managed identity, Azure's tools.

    Raises:
        UsageError: the package is not installed.
    """
    check_installed()
    from azure.identity import DefaultAzureCredential

    credential: Credential = DefaultAzureCredential()
    return credential


class Tokens:
    """Tokens for one scope, for several threads."""

    def __init__(self, scope: str, credential: Credential) -> None:
        self._scope = scope
        self._credential = credential
        self._lock = threading.Lock()
        self._token: str | None = None
        self._expires_at = 0.0
        self._renew_at = 0.0

    def current(self) -> str:
        """A token that is valid for some time yet.

        Raises:
            EndpointError: there is none to be had.
        """
        with self._lock:
            if self._token is not None and time() < self._renew_at:
                return self._token
            return self._renewed()

    def known(self) -> str | None:
        """A token that is valid for some time yet, if there is one that need not be waited for."""
        return self._token if time() < self._renew_at else None

    def in_place_of(self, refused: str) -> str | None:
        """Another token than one that the endpoint has refused; None where the credential has no other.

        Raises:
            EndpointError: there is none to be had.
        """
        with self._lock:
            if self._token == refused:
                self._renewed()
            return None if self._token == refused else self._token

    def _renewed(self) -> str:
        from azure.core.exceptions import AzureError

        now = time()
        try:
            found = self._credential.get_token(self._scope)
        except (AzureError, OSError) as error:
            if self._token is None or now >= self._expires_at:
                raise EndpointError(f"no token of Entra ID for {self._scope}: {explain(error)}") from None
            LOG.warning("the token of Entra ID could not be renewed; trying again: %s", explain(error))
            self._renew_at = min(now + AGAIN, self._expires_at)
            return self._token
        token: str = found.token
        left = found.expires_on - now
        self._token, self._expires_at, self._renew_at = token, found.expires_on, now + left - min(MARGIN, left / 2)
        return token
