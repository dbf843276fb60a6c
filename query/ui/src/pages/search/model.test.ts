import { describe, expect, it } from "vitest";
import { asCommand, isAsked, question, spanOf, type Found } from "./model";

describe("a search", () => {
  it("asks all of history unless the range is wanted", () => {
    expect(question({ value: "db.staging", ns: "shop", from: "now-1d" })).toEqual({ value: "db.staging", namespace: "shop" });
    expect(question({ image: "web:1", value: "x", span: "range", from: "now-1d" })).toEqual({ image: "web:1", from: "now-1d", to: "now" });
  });
  it("needs a value, an image or a path", () => {
    expect(isAsked({ ns: "shop", by: "kubectl" })).toBe(false);
    expect(isAsked({ path: "spec.replicas" })).toBe(true);
  });
  it("is a command, with hostile words quoted", () => {
    expect(asCommand(question({ value: "a b'; rm", by: "kubectl-edit", exact: "on" }))).toBe("kubelapse search 'a b'\\''; rm' -A --by kubectl-edit --exact");
  });
  it("is drawn from where the first value stood", () => {
    const run = { from: "2026-01-01T01:00:00Z" };
    const found = { items: [{ runs: [run, { from: "2026-01-01T00:30:00Z" }] }], from: null, to: "2026-01-01T02:00:00Z" } as unknown as Found;
    expect(spanOf(found)).toEqual([Date.UTC(2026, 0, 1, 0, 30), Date.UTC(2026, 0, 1, 2)]);
    expect(spanOf({ ...found, from: "2026-01-01T00:45:00Z" })[0]).toBe(Date.UTC(2026, 0, 1, 0, 45));
  });
});
