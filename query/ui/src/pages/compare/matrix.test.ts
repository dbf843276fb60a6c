import { describe, expect, it } from "vitest";
import { factsOf, judge, matrix, MISSING, presence, UNKNOWN, type Place, type Seen } from "./matrix";

const service = (image: string, replicas = 1, env: Record<string, string> = {}): Seen =>
  factsOf({ kind: "Deployment", spec: { replicas, template: { spec: { containers: [{ name: image.split(":")[0], image, env: Object.entries(env).map(([name, value]) => ({ name, value })) }] } } } });
const place = (id: string, a: Seen, b: Seen = a): Place => ({ id, top: id, sub: "", a, b });
const row = (places: Place[], label: string, mode: "ref" | "time" = "ref") => matrix(places, mode).find(each => each.label === label)!;

describe("verdicts", () => {
  it.each([["1", "1", "eq"], ["1", "2", "ne"], [MISSING, "1", "mi"], ["1", MISSING, "ex"], [MISSING, MISSING, "na"], [UNKNOWN, "1", "un"], ["1", UNKNOWN, "un"]] as const)("of %s against %s", (mine, other, verdict) => {
    expect(judge(mine, other)).toBe(verdict);
  });
});

describe("the matrix", () => {
  it("compares each place with the reference at the same moment", () => {
    expect(row([place("a", service("web:1")), place("b", service("web:1"), service("web:2"))], "image").cells[1]).toEqual(["eq", "ne"]);
  });
  it("or each with itself", () => {
    expect(row([place("a", service("web:1"), service("web:2")), place("b", service("web:1"))], "image", "time").cells).toEqual([["ne"], ["eq"]]);
  });
  it("does not call a setting different because a place was not there or not watched", () => {
    const found = row([place("a", service("web:1")), place("b", "unknown", service("web:1")), place("c", "missing", service("web:1"))], "image");
    expect(found.cells[1]).toEqual(["un", "eq"]);
    expect(found.cells[2]).toEqual(["mi", "eq"]);
    expect(found.quiet).toBe(true);
  });
  it("shows the image first and labels last", () => {
    const facts = factsOf({ kind: "Deployment", metadata: { labels: { app: "x" } }, spec: { replicas: 2, template: { spec: { containers: [{ name: "web", image: "i" }] } } } });
    expect(matrix([place("a", facts)], "ref").map(each => each.label)).toEqual(["image", "replicas", "label app"]);
  });
});

it("names the containers only where there are several", () => {
  const facts = factsOf({ spec: { template: { spec: { containers: [{ name: "web", image: "a" }, { name: "proxy", image: "b" }] } } } });
  expect([...facts.keys()]).toEqual(["web image", "proxy image"]);
  expect(facts.get("proxy image")!.path).toBe("spec.template.spec.containers[name=proxy].image");
});
it("takes every leaf of what is no workload, with paths that blame understands", () => {
  const facts = factsOf({ kind: "ConfigMap", data: { "a.b": "1", url: "x" } });
  expect([...facts.values()]).toEqual([{ label: "a.b", value: "1", path: 'data["a.b"]' }, { label: "url", value: "x", path: "data.url" }]);
});

describe("presence", () => {
  const at = (minute: number) => Date.UTC(2026, 0, 1, 0, minute), said = (minute: number) => new Date(at(minute)).toISOString();
  const life = (from: number, to: number | null, created = true) => ({ first_seen: said(from), created, deleted: to !== null, deleted_at: to === null ? null : said(to) });
  it("is told by lives", () => {
    const lives = [life(10, 20), life(30, null)];
    expect([5, 10, 19, 20, 25, 30, 99].map(each => presence(lives, at(each), at(0)))).toEqual(["missing", "there", "there", "missing", "missing", "there", "there"]);
  });
  it("is unknown where nobody watched, or before the first sight of what had been there", () => {
    expect(presence([life(10, null)], at(5), at(7))).toBe("unknown");
    expect(presence([life(10, null)], at(5), undefined)).toBe("unknown");
    expect(presence([life(10, null, false)], at(5), at(0))).toBe("unknown");
  });
});
