import { describe, expect, it } from "vitest";
import type { Change } from "../../api/types";
import { cell, csvLines } from "./exporting";
import { classOf, gapRows, groups, rolloutOf, type Rolled, rows, sorted, telling, type Wanted } from "./grouping";

let number = 0;
function change(at: number, more: Partial<Change> = {}): Change {
  number++;
  return {
    id: `id-${number}`, cluster: "c", cluster_uid: "u", group: "apps", version: "v1", kind: "Deployment", resource: "deployments", namespace: "shop", name: "web",
    uid: "1", op: "update", origin: "watch", epoch: 1, cause: "", seq: number, rv: "", prev_rv: "", observed_at: "", ts: new Date(1e12 + at * 1000).toISOString(), ts_error: 0,
    claimed_at: null, patch: [], paths: ["status.replicas"], managers: [], managed: null,
    actor: { name: "controller", operation: "Update", subresource: "", time: null, source: "managedFields", confidence: "high" }, noise: "", hash: "", since: null, gap: null, ...more,
  };
}
const image = (old: string, fresh: string): Partial<Change> => ({
  paths: ["spec.template.spec.containers[name=web].image"], managers: ["me"],
  patch: [{ op: "test", path: "/x", value: `r/web:${old}` }, { op: "replace", path: "/x", value: `r/web:${fresh}` }],
});
const plain: Wanted = { by: "moment", sort: "time", descending: true, folded: new Set(), whole: new Set() };

describe("moments", () => {
  it("end where nothing happened for a while, and are named after what weighs most", () => {
    const found = groups([change(100), change(12), change(10, image("1", "2"))], "moment");
    expect(found[1]!.title).toBe("Rollout of web, 1 → 2");
    expect(found.map(each => each.changes.length)).toEqual([1, 2]);
  });
  it("are led by a person's change before what controllers did", () => {
    const mine = change(10, { actor: { ...change(0).actor, name: "kubectl-edit" }, paths: ["metadata.labels.a"] });
    expect(groups([change(11, { paths: ["spec.replicas"] }), mine], "moment")[0]!.lead).toBe(mine);
  });
  it("begin with everything that somebody decided, also in the midst of others", () => {
    const second = { ...image("3", "4"), name: "api", uid: "2" };
    expect(groups([change(14), change(13, second), change(12), change(10, image("1", "2"))], "moment").map(each => each.lead.name)).toEqual(["api", "web"]);
  });
  it("fold what is not the point, and say how much", () => {
    const many = Array.from({ length: 9 }, (_, n) => change(20 - n));
    const found = rows([...many, change(5, image("1", "2"))], [], plain);
    expect(found.map(each => each.type)).toEqual(["group", "change", "change", "change", "more"]);
    expect(found.at(-1)).toMatchObject({ left: { length: 7 } });
    const key = found[0]!.key;
    expect(rows([...many, change(5, image("1", "2"))], [], { ...plain, folded: new Set([groups([...many], "moment")[0]!.key]) }).length).toBeGreaterThan(0);
    expect(key).toContain("moment");
  });
});

describe("gaps", () => {
  const gap = (resource: string) => ({ id: resource, cluster: "c", resource, namespace: "", reason: "expired", from: new Date(1e12 + 50_000).toISOString(), to: new Date(1e12 + 60_000).toISOString() });
  it("of several kinds at one time are one row, between what was before and after", () => {
    expect(gapRows([gap("pods"), gap("nodes")])).toHaveLength(1);
    const found = rows([change(100), change(10)], [gap("pods")], { ...plain, by: "flat" });
    expect(found.map(each => each.type)).toEqual(["change", "gap", "change"]);
  });
});

it("sorts by object and actor, the newest first among equals", () => {
  const a = change(1, { name: "a" }), b = change(2, { name: "b" }), b2 = change(3, { name: "b" });
  expect(sorted([b2, b, a], "object", false)).toEqual([a, b2, b]);
});

it("tells classes apart as the timeline does", () => {
  expect(classOf(change(1, { op: "delete" }))).toBe("delete");
  expect(classOf(change(1, { paths: ["spec.replicas", "metadata.generation"] }))).toBe("spec");
  expect(classOf(change(1, { paths: ["metadata.generation", "status.x"] }))).toBe("status");
  expect(classOf(change(1, image("1", "2")))).toBe("rollout");
});

it("shows the image before a timestamp", () => {
  const found = telling(change(1, { paths: ["status.lastTransitionTime", "spec.image"], managers: [null, null], patch: [{ op: "add", path: "/a", value: 1 }, { op: "add", path: "/b", value: 2 }] }), 1);
  expect(found.fields[0]!.path).toBe("spec.image");
  expect(found.more).toBe(1);
});

describe("CSV", () => {
  it("has a line per field and quotes what must be quoted", () => {
    const lines = csvLines(change(1, { ...image("1", "2"), name: 'a"b,c' }));
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('"a""b,c"');
    expect(csvLines(change(1))).toHaveLength(1);
  });
  it("never hands a formula to a spreadsheet", () => {
    expect(cell("=HYPERLINK(1)")).toBe("'=HYPERLINK(1)");
    expect(cell("-4.5")).toBe("-4.5");
    expect(cell({ a: 1 })).toBe('"{""a"":1}"');
  });
});

describe("rollouts", () => {
  const at = (seconds: number) => new Date(1e12 + seconds * 1000).toISOString();
  const rolled = (name: string, started: number, done: number | null): Rolled => ({
    cluster: "c", namespace: "shop", resource: "deployments", name, started: at(started), ts_error: 0, completed_at: done === null ? null : at(done), ended: null,
    result: done === null ? "incomplete" : "complete", event: `e-${name}-${started}`, title: `Rollout of ${name}`,
  });
  const pod = (seconds: number, name: string) => change(seconds, { name, resource: "pods", kind: "Pod", group: "", uid: name });
  it("take in what they own while they run, and leave the rest to moments", () => {
    const found = groups([change(300), pod(100, "other-1"), pod(50, "web-7c-x"), change(10, image("1", "2"))], "rollout", [rolled("web", 10, 60)]);
    expect(found.map(each => [each.title.startsWith("Rollout of web"), each.changes.length])).toEqual([[false, 1], [false, 1], [true, 2]]);
  });
  it("end where the next one of the workload begins, and are told from those of longer names", () => {
    const both = [rolled("web", 10, null), rolled("web", 100, null), rolled("web-api", 10, null)];
    expect([pod(50, "web-7c-x"), pod(150, "web-9d-y")].map(each => rolloutOf(each, both)?.started)).toEqual([at(10), at(100)]);
    expect(rolloutOf(pod(50, "web-api-6-z"), both)?.name).toBe("web-api");
  });
});
