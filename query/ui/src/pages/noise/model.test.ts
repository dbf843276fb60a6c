import { expect, it } from "vitest";
import { settings, share, standing, triedOut, type Noise } from "./model";

it("rules are written as settings that can be pasted", () => {
  const rules = ["pods status.** kwok", 'configmaps data["a\'b"]'];
  expect(settings(rules).map(each => each.text)).toEqual([
    'noise = ["pods status.** kwok", "configmaps data[\\"a\'b\\"]"]',
    "KUBELAPSE_NOISE='pods status.** kwok, configmaps data[\"a'\\''b\"]'",
    "kubelapse up --noise-rule 'pods status.** kwok' --noise-rule 'configmaps data[\"a'\\''b\"]'",
  ]);
});

it("a new rule is added to those that stand, not in their place", () => {
  const before = { rules: [{ rule: "lease", source: "recorded" }, { rule: "pods status", source: "setting" }] } as unknown as Noise;
  const after = { rules: [...before.rules, { rule: "tried", source: "setting" }] } as unknown as Noise;
  expect(standing(before)).toEqual(["pods status"]);
  expect(triedOut(after, standing(before))?.rule).toBe("tried");
  expect(triedOut(after, undefined)).toBeUndefined();
});

it("shares are of all, and of nothing none", () => {
  expect([share(1, 3), share(0, 0)]).toEqual([33.3, 0]);
});
