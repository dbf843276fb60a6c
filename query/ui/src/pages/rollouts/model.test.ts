import { expect, test } from "vitest";
import { median, ofSort, outcome, pushed, type Rollout, what } from "./model";

const of = (more: Partial<Rollout>): Rollout => ({
  cluster: "c", namespace: "shop", resource: "deployments", group: "apps", kind: "Deployment", name: "web", uid: "u",
  from: { number: 1, name: "", images: ["web=r/web:1", "side=r/side:1"], event: "" }, to: { number: 2, name: "", images: ["web=r/web:2", "side=r/side:1"], event: "" }, fields: [], rollback: false, equals: null,
  by: null, started: "2026-11-22T03:00:00Z", ts_error: 0, event: "", result: "complete", waiting: "", completed_at: "2026-11-22T03:00:30Z", ended: null, duration: 30, replicas: 3,
  pods: { created: 3, removed: 3, restarts: 0 }, failures: [], first_seen: false, under_way_before: false, ...more,
});
test("only the images that are new are named", () => expect(pushed(of({}))).toEqual([{ container: "web", old: "r/web:1", fresh: "r/web:2" }]));
test("a result is told with its time", () => expect([of({}), of({ result: "rolled-back", ended: "2026-11-22T03:02:30Z" }), of({ result: "failed", completed_at: null, duration: 600 }), of({ result: "incomplete", completed_at: null, duration: 5 })].map(outcome)).toEqual([
  "complete in 30 s", "complete in 30 s, rolled back 2 min later", "failed after 10 min", "under way for 5 s"]));
test("without a new image the change is still named", () => {
  const field = { path: "spec.template.metadata.annotations", op: "add", old: null, new: { "kubectl.kubernetes.io/restartedAt": "x" }, comparable: true };
  expect([of({ from: null }), of({ from: null, first_seen: true }), of({ fields: [field] }), of({ fields: [{ ...field, new: 1 }] })].map(what)).toEqual(["created", "under way when the record begins", "restarted", "1 field of the template"]);
});
test("trouble is what failed, was taken back or had failing pods", () => {
  const items = [of({}), of({ result: "failed" }), of({ result: "incomplete" })];
  expect([ofSort(items, "all").length, ofSort(items, "trouble").map(each => each.result), ofSort(items, "under way").map(each => each.result)]).toEqual([3, ["failed"], ["incomplete"]]);
});
test("the middle one of durations is one of them", () => expect([median([]), median([5]), median([9, 1, 4, 2])]).toEqual([undefined, 5, 2]));
