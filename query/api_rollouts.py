"""The route of rollouts: what was rolled out in a window, by whom, and how it went."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from query import coverage, rollouts
from query.coverage import Window
from query.models import Hidden
from query.models_rollouts import Rollouts
from query.rollout_starts import Ask
from query.rollouts import workload_scope
from query.web import Here, Scoped, Windowed, answer

router = APIRouter(tags=["changes"])


@router.get("/rollouts")
async def listed(
    here: Here, request: Request, params: Scoped, window: Windowed, limit: int = 50, cursor: str = ""
) -> Response:
    """Rollouts of Deployments, StatefulSets, DaemonSets, Jobs and Argo Rollouts in (from, to], newest first."""
    after, end = window.resolve(here.clock())
    assert after is not None  # the default window has a start

    def question() -> Rollouts:
        scope, known = params.resolve(here.store)
        chosen = workload_scope(scope, known)
        page = rollouts.rollouts(here.store, Ask(scope=chosen, after=after, until=end.at, limit=limit), cursor)
        span = Window(after=after, until=end.at, open_end=end.open_end)
        return Rollouts(
            items=page.items,
            next=page.next or None,
            truncated=page.truncated,
            hidden=Hidden(),
            from_=after,
            to=end.at,
            coverage=coverage.assess(here.store, rollouts.seen_through(chosen, known), span, kinds=known),
        )

    return await answer(here, question, request=request)
