"""The route of the audit log: what the API server's audit webhook sends, when a setting allows it."""

import hmac

from fastapi import APIRouter, Request
from fastapi.responses import Response

from query import audit, bodies, inventory
from query.errors import BadReference
from query.models_people import AuditTaken
from query.problems import Refused, problem
from query.web import Context, Here, answer

router = APIRouter(tags=["audit log"])


@router.post("/audit-log")
async def take(here: Here, request: Request, cluster: str = "") -> Response:
    """Keep who made which write, of an EventList of audit.k8s.io/v1. `cluster`: whose, where several are recorded."""
    _allowed(here, request)
    body = await bodies.raw(request, most=bodies.LARGEST)

    def question() -> AuditTaken:
        return audit.take(here.store, body, _whose(here, cluster))

    return await answer(here, question)


def _allowed(here: Context, request: Request) -> None:
    """Off unless a setting says otherwise; from elsewhere only with the token of the settings. Raises Refused."""
    if not here.settings.audit_log:
        raise Refused(
            problem(
                403,
                "audit-log-off",
                "Not enabled",
                "This server takes no audit log.",
                hint="Start it with --audit-log, or set KUBELAPSE_AUDIT_LOG=true.",
            )
        )
    token = here.settings.audit_log_token
    if not token:
        bodies.only_from_here(request)
    elif not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode()):
        raise Refused(
            problem(
                401,
                "audit-log-token",
                "Not authorized",
                "The audit log's token is missing or another one.",
                hint="Send `Authorization: Bearer …` with the content of KUBELAPSE_AUDIT_LOG_TOKEN_FILE.",
            )
        )


def _whose(here: Context, cluster: str) -> str:
    known = inventory.cluster_names(here.store)
    if cluster and (cluster in known or not known):
        return cluster
    if cluster:
        raise BadReference(f"No cluster {cluster[:80]!r} is recorded.", "GET /api/v1/clusters lists them.")
    if len(known) != 1:
        raise BadReference(
            f"Whose audit log is this? {len(known)} clusters are recorded.", "Say it with `?cluster=NAME`."
        )
    return known[0]
