/**
 * The whole state of a view lives in the URL, so that every view is a link. There is no router: the page is the last
 * path segment, everything else the query. Times stay as they were typed (`now-6h`), so a link keeps its meaning.
 */
import { computed, signal } from "@preact/signals";

/** Parameters that go with the reader from page to page; all others belong to one page and are dropped on the way. */
export const SHARED = [
  "from", "to", "at", "a", "b", "cluster", "ns", "kind", "name", "selector", "by", "path", "q", "class", "noise", "first_sight",
  "tz", "theme", "live",
] as const;
export type SharedKey = (typeof SHARED)[number];
/** Values as text; "" means: not given. */
export type Params = Readonly<Record<string, string>>;
export interface Place {
  readonly page: string;
  readonly params: Params;
}

/** What a missing parameter means. Values equal to these are left out of the link. */
export const DEFAULTS: Params = { from: "now-4h", to: "now", tz: "UTC", noise: "on", first_sight: "off", live: "on", theme: "" };

export function parsePlace(pathname: string, search: string): Place {
  const params: Record<string, string> = {};
  for (const [key, value] of new URLSearchParams(search)) params[key] = params[key] ? `${params[key]},${value}` : value;
  if (params["namespace"] && !params["ns"]) params["ns"] = params["namespace"]; // as the HTTP interface spells it
  delete params["namespace"];
  return { page: pathname.split("/").pop() || "home", params };
}

/** A link to a page: what is shared stays, what `change` sets wins, and "" takes a parameter away. */
export function linkTo(place: Place, page: string, change: Params): string {
  const kept: Record<string, string> = {};
  for (const [key, value] of Object.entries(place.params)) {
    if (page === place.page || (SHARED as readonly string[]).includes(key)) kept[key] = value;
  }
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...kept, ...change })) {
    if (value !== "" && DEFAULTS[key] !== value) search.set(key, value);
  }
  // Colons and commas are allowed in a query and make it readable.
  const text = search.toString().replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2F", "/");
  return (page === "home" ? "./" : `./${page}`) + (text ? `?${text}` : "");
}

/** Where the reader is. Written only by `go` and by the browser's back and forward. */
export const place = signal<Place>(parsePlace(location.pathname, location.search));
export const page = computed(() => place.value.page);

/** One parameter, with its default. Reading it in a component subscribes to it. */
export const param = (key: string): string => place.value.params[key] || (DEFAULTS[key] ?? "");

export const href = (to: string, change: Params = {}): string => linkTo(place.value, to, change);

let settling = 0;
/**
 * Change parameters here, or go to another page. Steps that one would want to take back push an entry; what moves all
 * the time (the play-head, the window while it is dragged) replaces the current one, at most every 150 ms, because
 * browsers refuse to do it more often.
 */
export function go(change: Params, to: { page?: string; replace?: boolean } = {}): void {
  const link = linkTo(place.value, to.page ?? place.value.page, change);
  const url = new URL(link, location.href);
  const moved = (to.page ?? place.value.page) !== place.value.page;
  place.value = parsePlace(url.pathname, url.search);
  window.clearTimeout(settling);
  if (!to.replace) history.pushState(null, "", link);
  else settling = window.setTimeout(() => history.replaceState(null, "", href(place.value.page)), 150);
  if (moved) window.scrollTo(0, 0);
}

/** Call once: back, forward, and plain links within the interface. */
export function listen(): void {
  addEventListener("popstate", () => {
    window.clearTimeout(settling);
    place.value = parsePlace(location.pathname, location.search);
  });
  addEventListener("click", event => {
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute("download") || link.dataset["outside"] !== undefined) return;
    const url = new URL(link.href);
    const within = new URL("./", location.href);
    if (url.origin !== location.origin || !url.pathname.startsWith(within.pathname) || url.pathname.includes("/api/")) return;
    if (url.pathname === location.pathname && url.hash) return;
    event.preventDefault();
    history.pushState(null, "", url.href);
    place.value = parsePlace(url.pathname, url.search);
    window.scrollTo(0, 0);
  });
}

/** The parameters of `/api/v1` that say which changes are meant, for every page alike. */
export function scopeQuery(params: Params = place.value.params): Params {
  const asked: Record<string, string> = {};
  const names: Record<string, string> = { ns: "namespace" };
  for (const key of ["cluster", "ns", "kind", "name", "selector", "by", "path", "q", "class", "noise", "first_sight"]) {
    const value = params[key];
    if (value && DEFAULTS[key] !== value) asked[names[key] ?? key] = value;
  }
  return asked;
}

/** `scopeQuery` and the time window. */
export function windowQuery(params: Params = place.value.params): Params {
  return { ...scopeQuery(params), from: params["from"] || DEFAULTS["from"]!, to: params["to"] || DEFAULTS["to"]!, ...zoneQuery(params) };
}

const zoneQuery = (params: Params): Params => {
  const zone = params["tz"] === "local" ? Intl.DateTimeFormat().resolvedOptions().timeZone : params["tz"];
  return zone && zone !== "UTC" ? { tz: zone } : ({} as Params);
};
