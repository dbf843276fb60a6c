"""Every kind is found at the version to capture it at, on new servers and on old ones."""

import json
from collections.abc import Mapping

from collector.cluster import Busy, ClusterError, Discovery
from collector.discovery import Discoverer, Fetched, is_watchable, merge
from tests.fakes.cluster import kind

Json = dict[str, object]
WATCHED = ["get", "list", "watch"]


def resource(name: str, verbs: list[str] = WATCHED, **more: object) -> Json:
    kind = {"kind": name.rstrip("s").title(), "group": "", "version": ""}
    return {"resource": name, "responseKind": kind, "scope": "Namespaced", "verbs": verbs, **more}


def group(name: str, *versions: Json) -> Json:
    return {"metadata": {"name": name}, "versions": list(versions)}


def version(name: str, *resources: Json, freshness: str = "Current") -> Json:
    return {"version": name, "resources": list(resources), "freshness": freshness}


def aggregated(*groups: Json) -> Json:
    return {"kind": "APIGroupDiscoveryList", "items": list(groups)}


class Server:
    """Answers by path; `errors` are raised instead. With `etags`, 304 where the caller has it already."""

    def __init__(self, answers: Mapping[str, Json], etags: bool = False) -> None:
        self.answers, self.etags = dict(answers), etags
        self.errors: dict[str, ClusterError] = {}
        self.statuses: list[int] = []

    async def fetch(self, path: str, headers: Mapping[str, str]) -> Fetched:
        if path in self.errors:
            raise self.errors[path]
        etag = str(hash(json.dumps(self.answers[path]))) if self.etags else ""
        status = 304 if etag and headers.get("If-None-Match") == etag else 200
        self.statuses.append(status)
        return Fetched(status, etag, b"" if status == 304 else json.dumps(self.answers[path]).encode())


CORE = aggregated(group("", version("v1", resource("pods", shortNames=["po"], categories=["all"]))))


async def discover(*groups: Json) -> Discovery:
    return await Discoverer(Server({"/api": CORE, "/apis": aggregated(*groups)}).fetch).discover()


async def test_core_and_named_groups_are_found_with_all_their_names() -> None:
    found = await discover(group("apps", version("v1", resource("deployments"))))
    assert [one.id for one in found.kinds] == ["pods", "deployments.apps"]
    assert (found.kinds[0].short_names, found.kinds[0].categories) == (("po",), ("all",))


async def test_the_first_version_that_can_be_watched_is_taken() -> None:
    found = await discover(
        group("ex.io", version("v2", resource("a", ["get"])), version("v1", resource("a"), resource("b")))
    )
    assert {one.id: one.version for one in found.kinds if one.group} == {"a.ex.io": "v1", "b.ex.io": "v1"}


async def test_what_cannot_be_watched_is_known_but_not_watchable() -> None:
    found = await discover(group("metrics.k8s.io", version("v1", resource("nodes", ["get", "list"]))))
    assert [is_watchable(one) for one in found.kinds] == [True, False]


async def test_a_resource_without_a_response_kind_does_not_harm_the_others() -> None:
    found = await discover(group("ex.io", version("v1", {"resource": "odd"}, resource("good"))))
    assert [one.id for one in found.kinds] == ["pods", "odd.ex.io", "good.ex.io"]


async def test_kinds_of_a_group_whose_backend_is_down_stay_as_they_were() -> None:
    known = {"a.ex.io": kind("a", "ex.io"), "gone.other.io": kind("gone", "other.io")}
    found = await discover(group("ex.io", version("v1", freshness="Stale")))
    assert found.stale == {"ex.io"}
    assert set(merge(found, known)) == {"pods", "a.ex.io"}


async def test_an_unchanged_document_is_not_sent_again() -> None:
    server = Server({"/api": CORE, "/apis": aggregated()}, etags=True)
    discoverer = Discoverer(server.fetch)
    first, second = await discoverer.discover(), await discoverer.discover()
    assert server.statuses == [200, 200, 304, 304]
    assert first == second
    assert first.etag


async def test_a_changed_document_has_another_etag() -> None:
    server = Server({"/api": CORE, "/apis": aggregated()}, etags=True)
    discoverer = Discoverer(server.fetch)
    first = await discoverer.discover()
    server.answers["/apis"] = aggregated(group("ex.io", version("v1", resource("a"))))
    second = await discoverer.discover()
    assert first.etag != second.etag
    assert len(second.kinds) == 2


def plain(name: str, verbs: list[str] = WATCHED) -> Json:
    return {"name": name, "kind": name.rstrip("s").title(), "namespaced": True, "verbs": verbs}


def old_server() -> Server:
    versions = [{"groupVersion": f"ex.io/{name}", "version": name} for name in ("v1beta1", "v1")]
    groups = [{"name": "ex.io", "versions": versions, "preferredVersion": versions[1]}]
    return Server(
        {
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "groups": groups},
            "/api/v1": {"resources": [plain("pods"), plain("pods/status")]},
            "/apis/ex.io/v1": {"resources": [plain("a")]},
            "/apis/ex.io/v1beta1": {"resources": [plain("a"), plain("b")]},
        }
    )


async def test_a_server_without_aggregated_discovery_is_asked_piece_by_piece() -> None:
    found = await Discoverer(old_server().fetch).discover()
    versions = {one.id: one.version for one in found.kinds}
    assert versions == {"pods": "v1", "a.ex.io": "v1", "b.ex.io": "v1beta1"}


async def test_a_piece_that_fails_makes_its_group_stale_and_no_other() -> None:
    server = old_server()
    server.errors["/apis/ex.io/v1"] = Busy("down")
    assert (await Discoverer(server.fetch).discover()).stale == {"ex.io"}
