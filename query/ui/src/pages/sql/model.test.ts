import { describe, expect, it } from "vitest";
import guide from "../../../../../docs/sql.md?raw";
import { columnId, examples, objectOf, parameters, parseAnswer, points, sortRows, timeOf, typed } from "./model";

describe("parameters", () => {
  it("are found once, and not in literals or comments", () => {
    const sql = "SELECT '{no:String}' -- {nor:String}\nFROM changes WHERE ts > { from : DateTime64(3) } AND a = {x:Array(String)} AND b = {x:Array(String)} /* {neither:Int8} */";
    expect(parameters(sql)).toEqual([{ name: "from", type: "DateTime64(3)" }, { name: "x", type: "Array(String)" }]);
  });
  it("become what the engine takes", () => {
    const now = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    expect(typed("1h", "DateTime64(3)", now, "UTC")).toBe("2026-01-02 02:04:05.678");
    expect(typed("now", "DateTime", now, "UTC")).toBe("2026-01-02 03:04:05");
    expect(typed("a, b", "Array(String)", now, "UTC")).toEqual(["a", "b"]);
    expect(typed("5", "UInt8", now, "UTC")).toBe(5);
    expect(typed("18446744073709551615", "UInt64", now, "UTC")).toBe("18446744073709551615");
    expect(typed("2h", "String", now, "UTC")).toBe("2h");
  });
});

describe("answers", () => {
  const columns = [{ name: "ts", type: "DateTime64(6, 'UTC')" }, { name: "n", type: "UInt64" }, { name: "n", type: "Nullable(String)" }];
  const rows = [["2026-01-02 00:00:01", 10, "b"], ["2026-01-02T00:00:00Z", 9, null], ["never", 8, "a"]] as const;
  it("are sorted by what they are, with nothing last", () => {
    expect(sortRows(rows, columns, columnId(columns[1]!, 1), false).map(each => each[1])).toEqual([8, 9, 10]);
    expect(sortRows(rows, columns, columnId(columns[2]!, 2), false).map(each => each[2])).toEqual(["a", "b", null]);
  });
  it("give points in order of time", () => {
    expect(points(rows, 0, 1)).toEqual([{ t: Date.UTC(2026, 0, 2), v: 9 }, { t: Date.UTC(2026, 0, 2, 0, 0, 1), v: 10 }]);
  });
  it("take times as UTC", () => {
    expect(timeOf("2026-01-02")).toBe(Date.UTC(2026, 0, 2));
    expect(timeOf("2026-01-02 03:04:05")).toBe(Date.UTC(2026, 0, 2, 3, 4, 5));
  });
  it("lead to the object of a row where the columns name it", () => {
    const named = ["resource", "group", "namespace", "name"].map(name => ({ name, type: "String" }));
    expect(objectOf(["deployments", "apps", "shop", "web"], named, "prod")).toEqual({ cluster: "prod", namespace: "shop", resource: "deployments.apps", name: "web", at: "" });
    expect(objectOf(["web"], named.slice(3), "prod")).toBeUndefined();
  });
  it("keep what they hold", () => {
    expect(parseAnswer('{"rows":[[1.5,"x",null,[1]]]}')).toEqual({ rows: [[1.5, "x", null, [1]]] });
  });
});

it("the guide has its examples", () => {
  const found = examples(guide);
  expect(found.length).toBeGreaterThanOrEqual(20);
  for (const each of found) {
    expect(each.title).not.toContain("\n");
    expect(each.sql).toMatch(/^(SELECT|WITH)/);
    expect(each.sql).not.toContain("-- (");
  }
});
