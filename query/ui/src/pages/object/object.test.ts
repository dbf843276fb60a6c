import { describe, expect, it } from "vitest";
import { hunks, lineDiff, pairs } from "./linediff";
import { locate, scalar, unfolded, yamlLines, yamlText } from "./yaml";

const pod = {
  status: { phase: "Running" }, kind: "Pod", apiVersion: "v1",
  metadata: { name: "a", annotations: { "x.y/z": "1" }, labels: {} },
  spec: { containers: [{ image: "r/a:1", name: "web", args: ["--a", "b c"] }], note: "one\ntwo\n" },
};

describe("YAML", () => {
  it("is in the order of kubectl, names first", () => {
    expect(yamlText(pod)).toBe(`apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    x.y/z: "1"\n  labels: {}\n  name: a\nspec:\n  containers:\n  - name: web\n    args:\n    - "--a"\n    - b c\n    image: r/a:1\n  note: |\n    one\n    two\nstatus:\n  phase: Running\n`);
  });
  it.each([["true", '"true"'], ["1", '"1"'], ["a: b", '"a: b"'], ["", '""'], [" a", '" a"'], ["a\u202eb", '"a\\u202eb"'], [null, "null"], [1.5, "1.5"], ["plain text", "plain text"]])("writes %j so that it is read back as it was", (value, text) => {
    expect(scalar(value)).toBe(text);
  });
  it("folds what is below a line", () => {
    const lines = yamlLines(pod);
    const spec = lines.find(each => each.at === "spec")!;
    const shown = unfolded(lines, new Set(["spec"])).map(n => lines[n]!.text);
    expect(shown).not.toContain("    image: r/a:1");
    expect(shown).toContain("status:");
    expect(shown.length).toBe(lines.length - spec.below);
  });
  it("shows steering characters instead of obeying them", () => {
    expect(yamlText({ a: "x\u202ey\n<script>" })).not.toContain("\u202e");
  });
});

it("finds the line of a path as events spell it", () => {
  expect(locate(pod, "spec.containers[name=web].image")).toBe("spec\u0000containers\u00000\u0000image");
  expect(locate(pod, 'metadata.annotations["x.y/z"]')).toBe("metadata\u0000annotations\u0000x.y/z");
  expect(locate(pod, "spec.containers[name=web].args[#1]")).toBe("spec\u0000containers\u00000\u0000args\u00001");
  expect(locate(pod, "spec.containers[name=other].image")).toBeUndefined();
});

describe("a diff of lines", () => {
  const apply = (edits: ReturnType<typeof lineDiff>, side: "-" | "+") => edits.filter(each => each.kind === " " || each.kind === side).map(each => each.text);
  it.each([["abc", "abd"], ["", "abc"], ["abc", ""], ["abcabba", "cbabac"], ["aaa", "aaa"], ["xaby", "xbay"]])("of %s and %s gives back both", (a, b) => {
    const edits = lineDiff([...a], [...b]);
    expect(apply(edits, "-").join("")).toBe(a);
    expect(apply(edits, "+").join("")).toBe(b);
  });
  it("is as short as it can be", () => {
    expect(lineDiff([..."abcabba"], [..."cbabac"]).filter(each => each.kind !== " ")).toHaveLength(5);
  });
  it("has hunks with context, and puts what was replaced side by side", () => {
    const a = Array.from({ length: 30 }, (_, n) => `line ${n}`), b = a.map((each, n) => (n === 15 ? "other" : each));
    const found = hunks(lineDiff(a, b), 2);
    expect(found).toHaveLength(1);
    expect(found[0]!.skipped).toBe(13);
    expect(pairs(found[0]!.edits)[2]!.map(each => each?.text)).toEqual(["line 15", "other"]);
  });
});
