import { describe, expect, test } from "vitest";
import { panBy, pinch, reveal, SHORTEST, tickLabel, ticks, toT, toX, zoomAt } from "./scale";

const HOUR = 36e5, view = { t0: 0, t1: HOUR };

describe("a window", () => {
  test("keeps what is under the pointer while it zooms", () => {
    const at = 20 * 6e4, near = zoomAt(view, 0.5, at);
    expect(toX(near, 800, at)).toBeCloseTo(toX(view, 800, at));
    expect(near.t1 - near.t0).toBe(HOUR / 2);
  });
  test("does not zoom closer than single milliseconds", () => {
    const near = zoomAt(view, 1e-9, 1000);
    expect(near.t1 - near.t0).toBeCloseTo(SHORTEST);
  });
  test("gives back the time of a pixel that it gave for the time", () => {
    for (const t of [0, 1, 123_456.789, HOUR]) expect(toT(view, 733, toX(view, 733, t))).toBeCloseTo(t, 6);
  });
  test("keeps both times under two fingers", () => {
    const before = [200, 400] as const, after = [100, 600] as const, near = pinch(view, 800, before, after);
    before.forEach((x, n) => expect(toX(near, 800, toT(view, 800, x))).toBeCloseTo(after[n]!));
  });
  test("moves only as far as a change needs to be seen", () => {
    expect(reveal(view, HOUR / 2)).toBe(view);
    expect(toX(reveal(view, 2 * HOUR), 100, 2 * HOUR)).toBeCloseTo(94);
    expect(panBy(view, 5)).toEqual({ t0: 5, t1: HOUR + 5 });
  });
});

describe("ticks", () => {
  test("stand at round times, far enough apart to be read", () => {
    for (const span of [10, 900, 6e4, HOUR, 864e5, 30 * 864e5]) {
      const found = ticks({ t0: 7, t1: 7 + span }, 1000, "UTC");
      expect((found.step / span) * 1000).toBeGreaterThanOrEqual(84);
      for (const t of found.at) expect(t % found.step).toBe(0);
    }
  });
  test("stand at round times of the reader's zone", () => {
    const t0 = Date.parse("2026-11-22T00:10:00Z"), found = ticks({ t0, t1: t0 + 5 * 864e5 }, 600, "Asia/Kolkata");
    expect(found.at.map(t => tickLabel(t, found.step, "Asia/Kolkata"))).toEqual(["23 Nov", "24 Nov", "25 Nov", "26 Nov", "27 Nov"]);
  });
  test("say no more than their step needs", () => {
    const t = Date.parse("2026-11-22T02:21:37.482Z");
    expect([1, 1000, 60_000, 864e5].map(step => tickLabel(t, step, "UTC"))).toEqual(["37.482", "02:21:37", "02:21", "22 Nov"]);
    expect(tickLabel(Date.parse("2026-11-23T00:00:00Z"), 36e5, "UTC")).toBe("23 Nov");
  });
});
