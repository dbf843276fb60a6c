"""The authorization code flow of OpenID Connect: a browser goes to the provider and comes back with a code.

    Core 1.0 §3.1      code flow, nonce        RFC 7636   PKCE, S256 always
    Core 1.0 §12       refresh                 RFC 9207   the provider names itself beside the code

oauthlib spells the protocol, `kubelapse.auth.discovery` speaks to the provider, `kubelapse.auth.oidc` judges the ID
token: by the rules of one that was shown as a bearer. The client's secret goes to the token endpoint and nowhere else,
and what the provider says of a failure goes to the log cut short, for it is somebody else's text.
"""

import hmac
import logging
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote_plus, urlsplit

import httpx
import orjson
from oauthlib.common import add_params_to_uri, generate_token
from oauthlib.oauth2 import OAuth2Error, WebApplicationClient

from kubelapse.auth.discovery import Discovery, Document
from kubelapse.auth.oidc import Issuer
from query.callers import Begun, Grant, LoginUnavailable, SignInRefused

log = logging.getLogger(__name__)

SCOPES: Final = ("openid", "profile", "email", "groups")
"""What is asked for, as far as the provider says that it knows them."""
_REFUSED: Final = "The provider of identities did not take the code of a sign-in."


class CodeFlow:
    """`query.callers.Provider` of one issuer and client."""

    def __init__(
        self, discovery: Discovery, issuer: Issuer, *, client: str, secret: str = "", scopes: Sequence[str] = ()
    ) -> None:
        """`secret`: "" for a public client, which PKCE alone protects. `scopes`: instead of SCOPES."""
        self._discovery = discovery
        self._issuer = issuer
        self._client = client
        self._secret = secret
        self._scopes = scopes

    @property
    def name(self) -> str:
        """The issuer's host."""
        return urlsplit(self._discovery.issuer).netloc

    async def begin(self, callback: str) -> Begun:
        """Where to send a browser."""
        document, flow = await self._discovery.document(), self._flow()
        state, nonce, verifier = generate_token(43), generate_token(43), flow.create_code_verifier(64)
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": callback,
            "scope": " ".join(self._asked_scopes(document)),
            "state": state,
            "nonce": nonce,
            "code_challenge": flow.create_code_challenge(verifier, "S256"),
            "code_challenge_method": "S256",
        }
        url = add_params_to_uri(self._discovery.endpoint(document, "authorization_endpoint"), list(asked.items()))
        return Begun(url=url, state=state, nonce=nonce, verifier=verifier)

    async def finish(self, begun: Begun, callback: str, code: str, issuer: str) -> Grant:
        """What a code stands for. Raises SignInRefused, LoginUnavailable."""
        if issuer and issuer != self._discovery.issuer:
            raise SignInRefused("Another provider of identities answered than the one that was asked.", "strange")
        body = self._flow().prepare_request_body(
            code=code, redirect_uri=callback, code_verifier=begun.verifier, include_client_id=False
        )
        told = await self._tokens(body)
        if told is None:
            raise SignInRefused(_REFUSED)
        return await self._judged(told, begun.nonce)

    async def renew(self, grant: Grant) -> Grant | None:
        """With the refresh token, until the provider takes it no more. Raises LoginUnavailable."""
        told = await self._tokens(self._flow().prepare_refresh_body(refresh_token=grant.refresh))
        token = "" if told is None else str(told.get("id_token") or "")
        if told is None or await self._issuer.claims(token) is None:
            return None
        return Grant(token=token, refresh=str(told.get("refresh_token") or grant.refresh))

    def _flow(self) -> WebApplicationClient:
        """A new one each time: it remembers what it has read."""
        return WebApplicationClient(self._client)

    async def _judged(self, told: Document, nonce: str) -> Grant:
        token = str(told.get("id_token") or "")
        claims = await self._issuer.claims(token)
        if claims is None:
            raise SignInRefused(
                "The provider's ID token is not for us, not of now, not signed by it, or does not name the user.",
                "strange",
            )
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
            raise SignInRefused("The provider's ID token belongs to another sign-in.", "strange")
        if claims.get("azp", self._client) != self._client:
            raise SignInRefused("The provider's ID token was made for another client.", "strange")
        return Grant(token=token, refresh=str(told.get("refresh_token") or ""))

    async def _tokens(self, body: str) -> Document | None:
        """What the token endpoint gives for this, None when it refuses. Raises LoginUnavailable."""
        document = await self._discovery.document()
        headers, body = self._shown(document, body)
        url = self._discovery.endpoint(document, "token_endpoint")
        status, answer = await self._discovery.send(httpx.Request("POST", url, headers=headers, content=body))
        if status >= 500 or status == 429:
            raise LoginUnavailable("The provider of identities has trouble.")
        try:
            told = orjson.loads(answer)
            if not isinstance(told, dict):
                raise ValueError
            self._flow().parse_request_body_response(answer.decode())
        except OAuth2Error as error:
            log.warning("the provider of identities refused: %r", str(error.error)[:80])
            return None
        except ValueError:
            log.warning("the provider of identities answered %d without JSON", status)
            return None
        return told

    def _shown(self, document: Document, body: str) -> tuple[Mapping[str, str], str]:
        """Who we are, as the provider wants it (RFC 6749 2.3.1; Basic unless it says otherwise)."""
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        ways = document.get("token_endpoint_auth_methods_supported")
        basic = not isinstance(ways, list) or "client_secret_basic" in ways
        if self._secret and basic:
            pair = f"{quote_plus(self._client)}:{quote_plus(self._secret)}"
            return {**headers, "Authorization": f"Basic {b64encode(pair.encode()).decode()}"}, body
        shown = f"{body}&client_id={quote_plus(self._client)}"
        return headers, f"{shown}&client_secret={quote_plus(self._secret)}" if self._secret else shown

    def _asked_scopes(self, document: Document) -> Sequence[str]:
        known = document.get("scopes_supported")
        if self._scopes or not isinstance(known, list):
            return tuple(dict.fromkeys(("openid", *self._scopes)))
        return [each for each in SCOPES if each == "openid" or each in known]
