import { expect, it } from "vitest";
import { graft } from "./graft";
import { decode, FAILING, READY, stateAt } from "./model";
import { answerOf, at } from "./testing";

it("a closer look stands on the lanes of the wide one, in whatever order it came", () => {
  const wide = decode(answerOf([{ name: "a" }, { name: "b" }, { name: "c" }]));
  const close = answerOf([
    { name: "c", marks: [[10, "spec"]], states: [[0, "failing"]] },
    { name: "new", marks: [[15, "create"]] },
    { name: "a", lives: [[null, 30], [40, null]], marks: [[20, "rollout"]], states: [[0, "ready"]] },
  ]);
  const model = decode(graft(close, wide), wide.lanes);
  expect(model.lanes.slice(0, 3)).toEqual(wide.lanes);
  expect([...model.lane]).toEqual([2, 3, 0]);
  expect([stateAt(model, 2, at(50)), stateAt(model, 0, at(25)), stateAt(model, 1, at(25))]).toEqual([FAILING, READY, 0]);
  expect(model.lives.uid[model.life[2]!]).toBe("uid-2-3");
});
