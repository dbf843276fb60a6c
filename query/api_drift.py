"""Routes about drift: a scope or one object against a baseline. Documents come in the request; no file is read here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from query import baselines, bodies, drift_rules, drift_watch, userdata
from query.baselines import Question
from query.drift import Asked
from query.drift import drift as find_drift
from query.models_drift import Drift
from query.models_userdata import DriftTimeline
from query.problems import Refused, problem
from query.refs import known_kinds, object_ref
from query.scope import CLUSTER_SCOPE, Scope
from query.web import Context, Here, Scoped, Time, Toggle, Tz, answer, kind_in_path, moment
from schema.canonical import Json

router = APIRouter(tags=["drift"])
_ONE = "/objects/{cluster}/{kind}/{namespace}/{name}/drift"

Words = Annotated[
    str,
    Query(description="pin:NAME, time:T, last-applied, cluster:NAME, namespace:NS, helm-release:NAME, stored:NAME."),
]


@dataclass(frozen=True, slots=True)
class _Params:
    """How to compare, as text."""

    baseline: str
    at: str
    tz: str
    ended: bool
    noise: bool
    off: tuple[str, ...]

    def asked(self, here: Context) -> Asked:
        """Raises BadTime, BadReference."""
        when = moment(self.at, now=here.clock(), tz=self.tz)
        rules = drift_rules.rules(self.off)
        return Asked(
            at=when.at,
            open_end=when.open_end,
            rules=rules,
            ended=self.ended,
            noise=self.noise,
            noise_rules=here.settings.noise,
        )


def _params(
    baseline: Words = "",
    at: Time = "",
    tz: Tz = "UTC",
    ended: Annotated[Toggle, Query(description="on: also drift that ended by itself, from when to when.")] = "off",
    noise: Annotated[Toggle, Query(description="off: nothing is hidden as noise.")] = "on",
    without: Annotated[
        list[str], Query(description="Rules of comparison to switch off: quantity, zero, status … Repeat, or commas.")
    ] = [],  # noqa: B006  # FastAPI reads the default, nobody changes it
) -> _Params:
    off = tuple(part for each in without for part in each.split(","))
    return _Params(baseline, at, tz, ended == "on", noise == "off", off)


Compared = Annotated[_Params, Depends(_params)]


@router.get("/drift")
@router.post("/drift", operation_id="drift_from_documents")
async def drift(here: Here, request: Request, params: Scoped, how: Compared) -> Response:
    """What is not as the baseline has it, and since when. POST carries `manifests` or a `template` (lists of objects),
    with `default_namespace` for those that name none."""
    asked = how.asked(here)
    manifests, template, namespace = await _carried(request)

    def question() -> Drift:
        scope, known = params.resolve(here.store)
        made = baselines.resolve(
            here.store,
            Question(
                words=how.baseline,
                scope=scope,
                known=known,
                at=asked.at,
                open_end=asked.open_end,
                now=here.clock(),
                tz=how.tz,
                manifests=manifests,
                template=template,
                default_namespace=namespace or _only(scope) or "default",
            ),
        )
        return find_drift(here.store, made, asked)

    return await answer(here, question, request=request)


@router.get(_ONE)
@router.post(_ONE, operation_id="drift_of_one_from_documents")
async def drift_of_one(
    here: Here, request: Request, cluster: str, kind: str, namespace: str, name: str, how: Compared
) -> Response:
    """The same of one object."""
    asked = how.asked(here)
    manifests, template, _ = await _carried(request)

    def question() -> Drift:
        ref = object_ref(cluster, kind_in_path(here.store, cluster, kind), namespace, name)
        made = baselines.resolve(
            here.store,
            Question(
                words=how.baseline,
                scope=Scope(
                    clusters=(cluster,),
                    namespaces=(ref.namespace or CLUSTER_SCOPE,),
                    kinds=((ref.resource, ref.group),),
                    name=ref.name,
                ),
                known=known_kinds(here.store, [cluster]),
                at=asked.at,
                open_end=asked.open_end,
                now=here.clock(),
                tz=how.tz,
                manifests=manifests,
                template=template,
                default_namespace=ref.namespace or "default",
            ),
        )
        kept = {each: document for each, document in made.documents.items() if each == ref}
        if not kept and not made.covers:
            raise Refused(
                problem(
                    404,
                    "not-in-baseline",
                    "Not in the baseline",
                    f"The baseline says nothing of {ref}.",
                    hint="See /drift.",
                )
            )
        made.documents.clear()
        made.documents.update(kept)
        return find_drift(here.store, made, asked)

    return await answer(here, question, request=request)


@router.get("/baselines/{name}/results")
async def results(here: Here, request: Request, name: str) -> Response:
    """What drifted from a stored baseline when: its own timeline, kept by the server as objects change."""

    def question() -> DriftTimeline:
        userdata.baseline(here.store, name)
        return drift_watch.timeline(here.store, name)

    return await answer(here, question, request=request)


async def _carried(request: Request) -> tuple[Sequence[Json] | None, Sequence[Json] | None, str]:
    """(manifests, template, default namespace) of the request."""
    if request.method != "POST":
        return None, None, ""
    body = await bodies.json_body(request, most=bodies.LARGEST)
    manifests, template = bodies.documents(body, "manifests"), bodies.documents(body, "template")
    if manifests is not None and template is not None:
        raise Refused(
            problem(400, "bad-request", "Bad request", "Both manifests and a template are given.", hint="Send one.")
        )
    return manifests, template, bodies.text(body, "default_namespace")


def _only(scope: Scope) -> str:
    named = [each for each in scope.namespaces if each != CLUSTER_SCOPE]
    return named[0] if len(named) == 1 else ""
