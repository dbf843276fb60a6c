import { describe, expect, test } from "vitest";
import { byLane, driftedAt, driftsOf, results, type DriftResult } from "./drifts";
import { decode } from "./model";
import { plant, rowsOf } from "./rows";
import { answerOf, at } from "./testing";

const drift = (name: string, begun: number, ended: number | null, more: Partial<DriftResult> = {}): DriftResult => ({
  baseline: "release", cluster: "prod", resource: "deployments", group: "apps", namespace: "shop", name, path: "spec.replicas", op: "changed",
  begun: new Date(at(begun)).toISOString(), ended: ended === null ? null : new Date(at(ended)).toISOString(), expected: 3, actual: 5, by: "kubectl-edit", flaps: 0, ...more,
});

describe("drift from stored baselines", () => {
  const found = byLane([drift("web", 50, null), drift("web", 10, 20), drift("api", 5, 6)], name => name.startsWith("kubectl"));
  test("is found by its lane, oldest first", () => expect(found.get("prod/shop/deployments.apps/web")?.map(each => each.from)).toEqual([at(10), at(50)]));
  test("holds from its onset to its end, or still", () => {
    const web = found.get("prod/shop/deployments.apps/web")!;
    expect([5, 15, 20, 55, 9999].map(t => driftedAt(web, at(t)).length)).toEqual([0, 1, 0, 1, 1]);
  });
  test("of what is folded shows on the row that stands for it", () => {
    results.value = [drift("web-1", 10, null, { resource: "pods", group: "" })];
    const model = decode(answerOf([{ name: "web", resource: "deployments.apps", marks: [[1, "spec"]] }, { name: "web-1", owner: 0 }]));
    const row = rowsOf(plant(model), new Set()).find(each => each.label === "web")!;
    expect(driftsOf(model, row).map(each => each.of.name)).toEqual(["web-1"]);
  });
});
