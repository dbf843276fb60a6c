import { describe, expect, test } from "vitest";
import { decode, FAILING, GONE, lowerBound, NONE, noteAt, READY, stateAt, unwatchedAt } from "./model";
import { answerOf, at } from "./testing";

describe("states of a lane", () => {
  const model = decode(answerOf([
    { name: "web", states: [[0, "ready"], [100, "failing"], [200, "ready"]] },
    { name: "job", lives: [[50, 80], [300, null]], states: [[50, "ready"]] },
    { name: "config" },
  ]));
  const states = (lane: number, ...seconds: number[]) => seconds.map(each => stateAt(model, lane, at(each)));

  test("hold until the next", () => expect(states(0, -5, 0, 99, 100, 199, 200, 9999)).toEqual([READY, READY, READY, FAILING, FAILING, READY, READY]));
  test("are nothing before the first life and gone between lives", () => expect(states(1, 10, 60, 81, 299, 301)).toEqual([NONE, READY, GONE, GONE, 2]));
  test("are plain existence for kinds without health", () => expect(states(2, 0, 3600)).toEqual([2, 2]));
  test("have a note only where one was given", () => expect(noteAt(model, 0, at(150))).toBe(""));
});

describe("marks", () => {
  const model = decode(answerOf([{ name: "a", marks: [[10, "status"], [30, "spec"]] }, { name: "b", marks: [[20, "delete"]] }]));
  test("are dated from their deltas and stand with their lane, in order", () => {
    expect([...model.t]).toEqual([at(10), at(20), at(30)]);
    expect([...model.laneMarks.slice(model.markFrom[0], model.markFrom[1])]).toEqual([0, 2]);
  });
  test("are numbered by the sequence of their life", () => expect([...model.seq]).toEqual([1, 1, 2]));
  test("are found by time without looking at all of them", () => {
    const order = Int32Array.of(0, 1, 2);
    expect([at(0), at(10), at(11), at(99)].map(t => lowerBound(model.t, order, 0, 3, t))).toEqual([0, 0, 1, 3]);
  });
});

test("a gap of one kind does not spoil what is known of another", () => {
  const answer = answerOf([{ name: "web", resource: "pods" }, { name: "conf", resource: "configmaps" }]);
  answer.spans = [{ class: "gap", from: 1000, to: 5000, cluster: "prod", resource: "configmaps", namespace: "", reason: "expired", id: "g" }];
  const model = decode(answer);
  expect(model.lanes.map(each => unwatchedAt(model, each, at(3)) !== undefined)).toEqual([false, true]);
});

test("counts per bin become entries in order of time", () => {
  const answer = answerOf([{ name: "a" }, { name: "b" }]);
  const model = decode({ ...answer, mode: "bins", marks: null, bins: { width: 1000, cells: [2, 1], bin: [1, 7, 3], count: [4, 2, 9], class: [0, 3, 5], human: [1], worst: [0, 0, 0], final: [0, 0, 0] } });
  expect([...model.t].map(t => (t - at(0)) / 1000)).toEqual([1.5, 3.5, 7.5]);
  expect([[...model.lane], [...model.count], [...model.human]]).toEqual([[0, 1, 0], [4, 9, 2], [0, 0, 1]]);
});
