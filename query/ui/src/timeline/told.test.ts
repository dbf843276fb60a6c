import { describe, expect, test } from "vitest";
import { decode, EXISTS, FAILING, PROGRESSING, READY, stateAt } from "./model";
import { told } from "./told";
import { answerOf, at } from "./testing";

const states = (model: ReturnType<typeof decode>, lane: number, ...seconds: number[]) => seconds.map(each => stateAt(model, lane, at(each)));
const [ready, progressing, failing] = [2, 4, 5];

describe("states that came with marks", () => {
  const answer = answerOf([{ name: "a", marks: [[10, "status"], [30, "status"], [50, "status"]] }, { name: "b", marks: [[20, "status"]] }]);
  answer.marks!.said = { mark: [0, 1, 1], said: [failing, ready, ready] }; // marks 0, 1, 2
  answer.bars = { life: [0, 1], t: [25_000, 60_000], said: [progressing, failing] };

  test("hold from their mark, what hidden changes said between them", () => {
    const model = decode(answer);
    expect(states(model, 0, 9, 11, 26, 31)).toEqual([EXISTS, FAILING, PROGRESSING, READY]);
    expect(states(model, 1, 19, 21, 61)).toEqual([EXISTS, READY, FAILING]);
  });
  test("are in order of time for each life", () => expect([...Array.from(told(answer).t)]).toEqual([10_000, 25_000, 30_000, 20_000, 60_000]));
});

describe("states of bins", () => {
  const answer = answerOf([{ name: "a" }, { name: "b", states: [[0, "ready"]] }], 100);
  const model = decode({
    ...answer, mode: "bins", marks: null,
    bins: { width: 10_000, cells: [3, 1], bin: [1, 2, 5, 3], count: [1, 1, 0, 4], class: [0, 0, 0, 0], human: [], worst: [failing, progressing, ready, ready], final: [ready, ready, ready, ready] },
  });
  test("are the worst of each, then what came last", () => expect(states(model, 0, 5, 15, 25, 35, 55)).toEqual([EXISTS, FAILING, PROGRESSING, READY, READY]));
  test("are as they were before where nothing was said", () => expect(states(model, 1, 1, 99)).toEqual([READY, READY]));
  test("cells without a shown change are no entries", () => expect([...model.count]).toEqual([1, 1, 4]));
});
