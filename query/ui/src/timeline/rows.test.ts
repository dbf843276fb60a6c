import { describe, expect, test } from "vitest";
import { decode } from "./model";
import { plant, rowsOf, shortName } from "./rows";
import { answerOf, at, type LaneSpec } from "./testing";
import { needs } from "./eyes";

const apps = "deployments.apps";
const shop: LaneSpec[] = [
  { name: "calm", resource: apps, marks: [[5, "spec"]] },
  { name: "web", resource: apps, marks: [[9, "rollout"]], states: [[0, "ready"]] },
  { name: "web-7c9f", resource: "replicasets.apps", owner: 1, states: [[0, "ready"]] },
  { name: "web-7c9f-x2k4q", owner: 2, states: [[0, "ready"], [20, "failing"]], marks: [[20, "status"]] },
];
const shown = (lanes: readonly LaneSpec[], ...turned: string[]) => rowsOf(plant(decode(answerOf(lanes))), new Set(turned)).map(each => `${" ".repeat(each.depth)}${each.label}`);

describe("rows", () => {
  test("open what fails, worst first, owners above what they own", () => expect(shown(shop)).toEqual([" shop", "  web", "   web-7c9f", "    web-7c9f-x2k4q", "  calm"]));
  test("fold into their owner, which then draws all of them", () => {
    const rows = rowsOf(plant(decode(answerOf(shop))), new Set(["prod/shop/deployments.apps/web"]));
    expect(rows.map(each => each.lanes.length)).toEqual([4, 3, 1]);
    expect(rows[1]!.changes).toBe(2);
  });
  test("fold by kind what neither changed nor needs eyes", () => expect(shown([...shop, ...[1, 2, 3, 4, 5].map(n => ({ name: `quiet-${n}`, resource: "secrets" }))]).at(-1)).toBe("  secret 5 unchanged"));
  test("share one row beyond a few like children", () => {
    const many = [shop[1]!, ...Array.from({ length: 20 }, (_, n): LaneSpec => ({ name: `web-${n}`, owner: 0, states: [[0, "failing"]], marks: [[n, "status"]] }))];
    expect(shown(many).at(-1)).toBe("   14 more po");
    expect(shown(many)).toHaveLength(9);
  });
  test("survive owners that own one another", () => expect(shown([{ name: "a", owner: 1 }, { name: "b", owner: 0 }]).length).toBeGreaterThan(1));
  test("drop the owner's name from a child's, but not from cart-0", () => {
    const model = decode(answerOf([...shop, { name: "web-0", owner: 1 }]));
    const rows = rowsOf(plant(model), new Set());
    expect(rows.map(each => shortName(each, model))).toContain("…x2k4q");
    expect(rows.map(each => shortName(each, model))).toContain("web-0");
  });
});

describe("what needs eyes", () => {
  const of = (lanes: readonly LaneSpec[], seconds = 100) => { const model = decode(answerOf(lanes)); return needs(model, plant(model), at(seconds)).map(each => [each.kind, model.lanes[each.lane]!.name, model.lanes[each.speaker]!.name]); };
  test("is the Deployment whose Pod fails", () => expect(of(shop)).toEqual([["failing", "web", "web-7c9f-x2k4q"]]));
  test("is nothing that failed later than the moment asked", () => expect(of(shop, 10)).toEqual([]));
  test("tells what failed and does no more apart from what fails", () => expect(of([{ name: "db", states: [[0, "ready"], [10, "failing"], [40, "ready"]] }])).toEqual([["failed", "db", "db"]]));
  test("is what turns again and again", () => expect(of([{ name: "hpa", marks: Array.from({ length: 9 }, (_, n) => [n, "spec"] as const) }])).toEqual([["flapping", "hpa", "hpa"]]));
});
