"""The route of noise: what is hidden in a window and by which rule, and which rules would be worth having."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from query import coverage, noise
from query.coverage import Window
from query.errors import BadReference
from query.models import Hidden
from query.models_noise import Noise
from query.noise_rules import parse_rules
from query.web import Filtered, Here, Toggle, Windowed, answer

router = APIRouter(tags=["changes"])


@router.get("/noise")
async def hidden(
    here: Here,
    request: Request,
    params: Filtered,
    window: Windowed,
    suggest: Annotated[Toggle, Query(description="on: measure churn and propose rules.")] = "off",
    rule: Annotated[list[str], Query(description="Also judge this rule: `KIND PATH [MANAGER]`. Several: repeat.")] = [],  # noqa: B006  # FastAPI reads the default, nobody changes it
) -> Response:
    """What is hidden as noise in (from, to], and by which rule. `rule=`: what a rule would hide, tried out."""
    after, end = window.resolve(here.clock())
    assert after is not None  # the default window has a start

    def question() -> Noise:
        try:
            tried = parse_rules(tuple(rule))
        except ValueError as error:
            raise BadReference(f"Not a noise rule: {error}.", "Write it like `deployments.apps status.**`.") from None
        chosen, known = params.resolve(here.store)
        rules = replace(
            chosen.rules, rules=(*chosen.rules.rules, *tried.rules), shown=(*chosen.rules.shown, *tried.shown)
        )
        chosen = replace(chosen, rules=rules)
        found, every, count = noise.hidden_by(here.store, chosen, after, end.at)
        proposed = noise.suggestions(here.store, chosen, after, end.at) if suggest == "on" else []
        span = Window(after=after, until=end.at, open_end=end.open_end)
        return Noise(
            rules=found,
            suggestions=proposed,
            changes=every,
            hidden=Hidden(noise=count),
            from_=after,
            to=end.at,
            coverage=coverage.assess(here.store, chosen.scope, span, kinds=known),
        )

    return await answer(here, question, request=request)
