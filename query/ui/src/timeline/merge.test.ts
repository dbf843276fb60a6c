import { describe, expect, test } from "vitest";
import { columns, mergeMarks, nearest, ordered, paintStates, runs } from "./merge";
import { decode, FAILING, READY } from "./model";
import { answerOf, at } from "./testing";

const view = { t0: at(0), t1: at(100) }, width = 1000; // 10 pixels a second
const model = decode(answerOf([
  { name: "web", states: [[0, "ready"], [50, "failing"], [50.01, "ready"]], marks: [[10, "status"], [10.3, "spec"], [10.5, "status"], [40, "delete"], [200, "spec"]] },
  { name: "pod", states: [[0, "ready"], [20, "failing"], [30, "ready"]], marks: [[40.2, "status"]] },
]));
const own = ordered(model, [0]);

describe("marks that lie too near", () => {
  test("are drawn as one, of the highest class", () => {
    const found = mergeMarks(model, own, 0, own.length, view, width);
    expect(found.map(each => [each.x, each.count, each.loud, model.cls[each.mark]])).toEqual([[100, 3, 1, 3], [400, 1, 1, 5]]);
  });
  test("let a person's go first, and the chosen one before all", () => {
    const human = { ...model, human: Uint8Array.from(model.human, (_, i) => (i === 0 ? 1 : 0)) };
    expect(mergeMarks(human, own, 0, own.length, view, width)[0]!.mark).toBe(0);
    expect(mergeMarks(human, own, 0, own.length, view, width, 2)[0]!.mark).toBe(2);
  });
  test("stand apart again when the window is closer", () => expect(mergeMarks(model, own, 0, own.length, { t0: at(10), t1: at(11) }, width)).toHaveLength(3));
  test("stand side by side where the window is so close that the millisecond is the same", () => {
    const twins = decode(answerOf([{ name: "a", marks: [[10, "spec"], [10, "status"], [10, "delete"]] }]));
    const close = { t0: at(10) - 2, t1: at(10) + 18 }; // 50 pixels a millisecond
    const found = mergeMarks(twins, ordered(twins, [0]), 0, 3, close, width);
    expect(found.map(each => [each.x, each.mark])).toEqual([[100, 0], [113, 1], [126, 2]]);
    expect([100, 113, 126, 400].map(x => nearest(twins, ordered(twins, [0]), close, width, x, 6))).toEqual([0, 1, 2, -1]);
  });
  test("count no change twice and lose none", () => {
    const all = ordered(model, [0, 1]), found = mergeMarks(model, all, 0, all.length, { t0: at(0), t1: at(300) }, 100);
    expect(found.reduce((sum, each) => sum + each.count, 0)).toBe(6);
  });
});

describe("the state of a pixel", () => {
  const painted = (lanes: number[]) => { const out = new Uint8Array(width); paintStates(model, lanes, view, width, at(100), out); return out; };
  test("is the worst of what falls into it, however short", () => expect(painted([0])[500]).toBe(FAILING));
  test("of a folded owner is the worst below it", () => expect([painted([0])[250], painted([0, 1])[250]]).toEqual([READY, FAILING]));
  test("is nothing right of now", () => {
    const out = new Uint8Array(width);
    paintStates(model, [0], view, width, at(30), out);
    expect([out[299], out[300]]).toEqual([READY, 0]);
  });
  test("comes in runs", () => {
    const found: number[][] = [];
    runs(Uint8Array.of(0, 3, 3, 6, 0), 5, (code, a, b) => found.push([code, a, b]));
    expect(found).toEqual([[3, 1, 3], [6, 3, 4]]);
  });
});

test("a pointer within reach of a mark finds it, and none beyond", () => {
  expect([405, 412, 420].map(x => nearest(model, own, view, width, x, 12))).toEqual([3, 3, -1]);
});
test("columns of a group count everything in the window once", () => {
  const { all, loud, most } = columns(model, ordered(model, [0, 1]), view, width, 4);
  expect([all.reduce((a, b) => a + b), loud.reduce((a, b) => a + b), most]).toEqual([5, 2, 2]);
});
test("marks of several lanes come in order of time", () => expect([...ordered(model, [1, 0])]).toEqual([0, 1, 2, 3, 4, 5]));
