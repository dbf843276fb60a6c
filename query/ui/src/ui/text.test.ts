import { describe, expect, test } from "vitest";
import { follow } from "../api/paths";
import { fieldsOf, titleOf } from "../api/changed";
import type { Change } from "../api/types";
import { parseFilter, writeFilter } from "../state/filter";
import { coverageSentence, inZone, verdict } from "./coverage";
import { shellWord, shortKind } from "./kinds";
import { objectId, parseObjectId } from "./objectid";
import { inline, visible } from "./safe";
import { count, duration, hms, instant, moment, rfc3339 } from "./time";

const NOW = Date.parse("2026-11-22T03:12:40Z");

describe("text from clusters", () => {
  test("cannot steer how it is shown", () => expect(visible("ab\u202Egnp.exe\u0007")).toBe("ab⟨U+202E⟩gnp.exe⟨U+0007⟩"));
  test("keeps emoji, newlines and scripts that are not Latin", () => expect(visible("🚀 日本\nстрока")).toBe("🚀 日本\nстрока"));
  test("stays text, whatever it looks like", () => expect(inline("<script>alert(1)</script>")).toBe("<script>alert(1)</script>"));
});

describe("times", () => {
  test("are read as people type them", () => {
    const read = (text: string) => { const t = instant(text, NOW); return t === undefined ? undefined : rfc3339(t); };
    expect([read("now"), read("2h"), read("now-90m"), read("1h30m ago"), read("02:21"), read("14:05"), read("yesterday 14:00"), read("@1760000000"), read("2026-11-22T02:21:37+01:00")]).toEqual([
      "2026-11-22T03:12:40Z", "2026-11-22T01:12:40Z", "2026-11-22T01:42:40Z", "2026-11-22T01:42:40Z", "2026-11-22T02:21:00Z", "2026-11-21T14:05:00Z", "2026-11-21T14:00:00Z", "2025-10-09T08:53:20Z", "2026-11-22T01:21:37Z"]);
    expect([read("25:00"), read("soon"), read("2026-99-99")]).toEqual([undefined, undefined, undefined]);
  });
  test("belong to the reader's zone", () => {
    expect(rfc3339(instant("14:05", NOW, "Europe/Vienna")!, "Europe/Vienna")).toBe("2026-11-21T14:05:00+01:00");
    expect(hms(NOW, "Asia/Kolkata")).toBe("08:42:40");
  });
  test("name the day only where it is another", () => expect([moment(NOW, "UTC", NOW), moment(NOW - 864e5, "UTC", NOW)]).toEqual(["03:12:40", "21 Nov 03:12:40"]));
  test("are told as spans in two units", () => expect([40, 2500, 12e3, 246e3, 36e5 + 12 * 6e4, 864e5 * 2 + 36e5 * 4].map(duration)).toEqual(["40 ms", "2.5 s", "12 s", "4 min 6 s", "1 h 12 min", "2 d 4 h"]));
});

test("a filter says the same as text and as parameters", () => {
  const text = "crash /web-.*/ app=web name:web* by:kubectl-edit path:spec.replicas class:spec";
  expect(parseFilter(text)).toEqual({ q: "crash /web-.*/", selector: "app=web", name: "web*", by: "kubectl-edit", path: "spec.replicas", class: "spec" });
  expect(parseFilter(writeFilter(parseFilter(text)))).toEqual(parseFilter(text));
  expect(parseFilter("/a b/")["q"]).toBe("/a b/");
});

describe("a change in words", () => {
  const change = (patch: Change["patch"], paths: string[], more: Partial<Change> = {}) => ({ op: "update", origin: "watch", patch, paths, managers: [], ...more }) as unknown as Change;
  const image = change([{ op: "test", path: "/i", value: "r/shop:2.14.0" }, { op: "replace", path: "/i", value: "r/shop:2.14.1" }], ["spec.template.spec.containers[name=web].image"]);
  test("has its old value from the test in front of it", () => expect(fieldsOf(image)).toEqual([{ path: "spec.template.spec.containers[name=web].image", op: "replace", old: "r/shop:2.14.0", fresh: "r/shop:2.14.1", manager: null }]));
  test("is a rollout of a tag", () => expect(titleOf(image, "rollout")).toBe("Rollout 2.14.0 → 2.14.1"));
  test("does not count the counters", () => expect(titleOf(change([{ op: "replace", path: "/metadata/generation", value: 2 }, { op: "test", path: "/r", value: 4 }, { op: "replace", path: "/r", value: 6 }], ["metadata.generation", "spec.replicas"]), "spec")).toBe("replicas 4 → 6"));
  test("says deleted and created as such", () => expect([titleOf(change([], [], { op: "delete" }), "delete"), titleOf(change([], [], { op: "add" }), "create")]).toEqual(["Deleted", "Created"]));
});

test("a path leads to the value it names, also through keyed lists", () => {
  const pod = { spec: { containers: [{ name: "a" }, { name: "web", image: "x", ports: [{ containerPort: 80 }] }] }, data: { "a.b/c": 1 } };
  expect(["spec.containers[name=web].image", 'data["a.b/c"]', "spec.containers[1].ports[containerPort=80]", "spec.none.at.all"].map(each => follow(pod, each))).toEqual(["x", 1, { containerPort: 80 }, undefined]);
});

describe("the chip", () => {
  const covered = { complete: true, watched_since: "2026-11-12T09:14:00Z", watermark: "2026-11-22T03:12:39Z", confirmed: null, gaps: [], late: [], unwatched: [], why: [] };
  const gap = (from: string, to: string) => ({ id: from, from: `2026-11-22T${from}Z`, to: `2026-11-22T${to}Z`, cluster: "", resource: "", namespace: "", reason: "expired" });
  const chip = (more: object) => verdict({ ...covered, ...more }, NOW - 4 * 36e5, undefined, NOW, "UTC").chip;
  test("names the longest trouble", () => expect([chip({}), chip({ gaps: [gap("02:14:00", "02:18:00")] }), chip({ watched_since: "2026-11-22T01:00:00Z" }), chip({ watermark: "2026-11-22T03:11:40Z" }), chip({ watched_since: null })]).toEqual(["complete", "gap 4 min", "since 01:00:00", "late 1 min", "not watched"]));
  test("counts a time that two kinds missed once", () => expect(chip({ gaps: [gap("02:14:00", "02:18:00"), gap("02:15:00", "02:19:00")] })).toBe("gap 5 min"));
});

test("names survive links and shells", () => {
  const of = { cluster: "a/b", namespace: "", resource: "pods", name: "x y%" };
  expect(parseObjectId(objectId(of))).toEqual(of);
  expect([shellWord("web"), shellWord("it's")]).toEqual(["web", "'it'\\''s'"]);
  expect(["deployments.apps", "ingresses.networking.k8s.io", "widgets.example.org", "policies.x"].map(shortKind)).toEqual(["deploy", "ing", "widget", "policy"]);
});

test("sentences of the server say times in the zone of the page, exports as the server said them", () => {
  const why = ["Known only up to 2026-11-22T02:14:00Z."];
  expect(inZone(why[0]!, "Asia/Tokyo")).toContain("11:14:00");
  expect(coverageSentence({ complete: false, watched_since: null, watermark: null, confirmed: null, gaps: [], late: [], unwatched: [], why })).toBe(why[0]);
});

test("counts have their thousands parted", () => expect([0, 999, 1000, 285_112, 1_000_000].map(count)).toEqual(["0", "999", "1,000", "285,112", "1,000,000"]));
