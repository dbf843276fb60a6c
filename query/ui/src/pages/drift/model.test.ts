import { expect, test } from "vitest";
import { type DriftItem, matching, severity, sorted, summary } from "./model";

const item = (name: string, path: string, since: string | null, by: string | null, more: Partial<DriftItem> = {}): DriftItem => ({
  cluster: "c", resource: "deployments", group: "apps", kind: "Deployment", namespace: "shop", name, path, within: "", op: "changed", expected: 1, actual: 2,
  since, after: null, basis: "change", by, event: null, age: null, writes: 1, flaps: 0, period: null, between: [], candidates: [], spans: [], lasts: true, ...more,
});
const web = item("web", "spec.replicas", "2026-11-22T03:00:00Z", "kubectl-scale");
const api = item("api", "metadata.labels.tier", "2026-11-22T02:00:00Z", "argocd", { flaps: 3 });
const lost = item("lost", "", null, null, { op: "missing" });
const names = (items: readonly DriftItem[]) => items.map(each => each.name);

test("what an object should do weighs more than how it is labelled", () => expect([web, api, lost].map(severity)).toEqual([2, 1, 2]));
test("rows stand in the order that was asked for", () => {
  expect((["newest", "oldest", "worst", "actor", "flaps"] as const).map(order => names(sorted([api, web, lost], order)))).toEqual([
    ["web", "api", "lost"], ["lost", "api", "web"], ["web", "lost", "api"], ["api", "web", "lost"], ["api", "web", "lost"]]);
});
test("the sum tells what people set, and since when", () => {
  const ended = item("web", "spec.paused", null, "kubectl-edit", { lasts: false });
  expect(summary([web, api, lost, ended], by => by.startsWith("kubectl"))).toEqual({ fields: 3, objects: 3, byHand: 1, people: 1, oldest: web, flapping: 1, ended: 1 });
});
test("the shared filter narrows what is shown", () => {
  expect([matching([web, api], "kubectl-*", "", ""), matching([web, api], "", "metadata", ""), matching([web, api], "", "", "/^shop.w/ scale"), matching([web, api], "", "", "/(/")].map(names)).toEqual([["web"], ["api"], ["web"], []]);
});
