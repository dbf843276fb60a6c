import { beforeAll, describe, expect, test, vi } from "vitest";
import type * as Url from "./url";

let url: typeof Url;
beforeAll(async () => {
  vi.stubGlobal("location", new URL("http://ui.test/timeline"));
  url = await import("./url");
});

describe("a link", () => {
  const here = () => url.parsePlace("/lapse/timeline", "?ns=shop&sel=x&at=2026-11-22T02:00:00Z");
  test("keeps what is shared and drops what belongs to the page", () => expect(url.linkTo(here(), "changes", {})).toBe("./changes?ns=shop&at=2026-11-22T02:00:00Z"));
  test("to the same page keeps everything but what is changed", () => expect(url.linkTo(here(), "timeline", { ns: "", view: "1" })).toBe("./timeline?sel=x&at=2026-11-22T02:00:00Z&view=1"));
  test("leaves out what is so anyway", () => expect(url.linkTo(here(), "home", { ns: "", at: "", tz: "UTC", to: "now" })).toBe("./"));
  test("reads back as what it was made of", () => {
    const params = { q: "a&b=c #x /re+/", ns: "ü", class: "spec,delete" };
    expect(url.parsePlace("/changes", url.linkTo({ page: "changes", params: {} }, "changes", params).slice("./changes".length)).params).toEqual(params);
  });
  test("takes namespace, as the HTTP interface spells it", () => expect(url.parsePlace("/", "?namespace=a&namespace=b")).toEqual({ page: "home", params: { ns: "a,b" } }));
});
test("the server is asked in its own words", () => expect(url.scopeQuery({ ns: "shop", noise: "on", class: "spec", theme: "dark" })).toEqual({ namespace: "shop", class: "spec" }));
