"""ID tokens of people (OpenID Connect): checked here, with the keys that the issuer publishes.

A token counts when one of the issuer's keys has signed it, with an algorithm of the list below (never `none`, never a
shared secret), for our audience, by this issuer, and now. A claim that is not there is not the user's name; an address
that the issuer has not verified is none either. The token comes from a program or a proxy in `Authorization`, or from
the provider itself when a browser signs in (`kubelapse.auth.codeflow`): the same rules hold for both.
"""

from collections.abc import Mapping
from typing import Any, Final

import jwt

from kubelapse.auth.discovery import Discovery
from kubelapse.auth.reviews import User

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
_LEEWAY: Final = 30
_OF_THE_CLUSTER: Final = "system:"
"""Users and groups that no provider of identities may speak for, whatever the prefix: `system:masters`."""

Claims = Mapping[str, object]


class Issuer:
    """One issuer's tokens for one audience."""

    def __init__(self, discovery: Discovery, *, audience: str, user: str, groups: str, prefix: str) -> None:
        """`user`, `groups`: names of claims."""
        self._discovery = discovery
        self._audience = audience
        self._user_claim = user
        self._groups_claim = groups
        self._prefix = prefix

    def issued(self, token: str) -> bool:
        """Whether the token says that it is of this issuer; nothing is believed yet."""
        try:
            claims = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError):
            return False
        return bool(claims.get("iss") == self._discovery.issuer)

    async def user(self, token: str) -> User | None:
        """Whose token this is; None when it does not count. Raises LoginUnavailable."""
        claims = await self.claims(token)
        return None if claims is None else self._named(claims)

    async def claims(self, token: str) -> Claims | None:
        """What a token says that counts. Raises LoginUnavailable."""
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                return None
            key = await self._discovery.key(str(header.get("kid") or ""))
            if key is None or key.algorithm_name not in ALGORITHMS:
                return None
            found: dict[str, Any] = jwt.decode(
                token,
                key.key,
                algorithms=[key.algorithm_name],
                audience=self._audience,
                issuer=self._discovery.issuer,
                leeway=_LEEWAY,
                options={"require": ["exp", "iat", "iss", "aud", self._user_claim]},
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
        return found

    def _named(self, claims: Claims) -> User | None:
        name, groups = claims.get(self._user_claim), claims.get(self._groups_claim) or []
        if not isinstance(name, str) or not name:
            return None
        if self._user_claim == "email" and claims.get("email_verified") is not True:
            return None
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        user, *own = (f"{self._prefix}{each}" for each in (name, *listed) if isinstance(each, str) and each)
        if user.startswith(_OF_THE_CLUSTER):
            return None
        others = {each for each in own if not each.startswith(_OF_THE_CLUSTER)}
        return User(name=user, groups=tuple(sorted({*others, "system:authenticated"})))
