/**
 * The live feed (server-sent events). It resumes behind the last token, tries again by itself with growing pauses, and
 * says in `feed` how it is: a page may look fresh only while `feed.value.state` is "live". Changes are counted here and
 * handed to whoever subscribed; nothing is kept.
 */
import { effect, signal } from "@preact/signals";
import { apiUrl } from "./api/client";
import type { Change } from "./api/types";
import { param, scopeQuery } from "./state/url";
import { look, shut, who } from "./who";

export interface FeedState {
  readonly state: "off" | "connecting" | "live" | "away";
  /** Milliseconds since 1970: when anything was last heard; 0 = not yet. */
  readonly heard: number;
  /** When the next try is due; 0 = none is. */
  readonly retryAt: number;
}
export const feed = signal<FeedState>({ state: "off", heard: 0, retryAt: 0 });

type Listener = (change: Change) => void;
const listeners = new Set<Listener>();
const resets = new Set<() => void>();
/** Call `heard` for every new change within the filters; `lost` when some may have been missed: read again. */
export function onChanges(heard: Listener, lost: () => void): () => void {
  listeners.add(heard);
  resets.add(lost);
  return () => { listeners.delete(heard); resets.delete(lost); };
}

/** A bookmark comes at least this often on a quiet feed; twice that without a word means that it is away. */
const PATIENCE = 45_000;
const PAUSES = [1, 2, 4, 8, 15, 30];

let source: EventSource | undefined;
let token = "";
let tries = 0;
let timer = 0;
let asked = "";
let away = false;

export const following = (): boolean => param("live") === "on" && param("to") === "now" && !shut.value;

/** Call once. Connects while the reader follows now, and while the tab can be seen. */
export function startLive(): void {
  effect(() => {
    const query = JSON.stringify(scopeQuery());
    if (query !== asked) token = ""; // another question: what the old one had seen means nothing
    asked = query;
    if (following()) connect();
    else stop("off");
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && following() && feed.value.state === "away") retryNow(); });
  addEventListener("online", () => { if (following()) retryNow(); });
  setInterval(() => { if (source && feed.value.heard && Date.now() - feed.value.heard > PATIENCE) lost(); }, 5_000);
}

export function retryNow(): void {
  tries = 0;
  connect();
}

function connect(): void {
  clearTimeout(timer);
  source?.close();
  const before = feed.peek();
  feed.value = { state: before.state === "live" ? "live" : "connecting", heard: before.heard, retryAt: 0 };
  const opened = new EventSource(apiUrl("feed", { ...scopeQuery(), ...(token ? { after: token } : {}) }));
  source = opened;
  const heard = (event: MessageEvent<string>) => {
    token = event.lastEventId || token;
    tries = 0;
    feed.value = { state: "live", heard: Date.now(), retryAt: 0 };
  };
  opened.onopen = () => {
    tries = 0;
    feed.value = { state: "live", heard: Date.now(), retryAt: 0 };
    if (away) for (const each of resets) each(); // whatever failed meanwhile is asked again
    away = false;
  };
  opened.addEventListener("bookmark", heard);
  opened.addEventListener("change", event => {
    heard(event);
    const change = JSON.parse(event.data as string) as Change;
    for (const each of listeners) each(change);
  });
  for (const kind of ["gap", "reset"]) opened.addEventListener(kind, event => {
    heard(event as MessageEvent<string>);
    for (const each of resets) each();
  });
  opened.onerror = () => { if (source === opened) lost(); };
}

function lost(): void {
  away = true;
  source?.close();
  source = undefined;
  clearTimeout(timer);
  const wait = PAUSES[Math.min(tries++, PAUSES.length - 1)]! * 1000;
  feed.value = { state: "away", heard: feed.peek().heard, retryAt: Date.now() + wait };
  timer = window.setTimeout(connect, wait);
  if (who.peek()?.login) void look(); // the feed does not tell why it ended
}

function stop(state: "off"): void {
  clearTimeout(timer);
  source?.close();
  source = undefined;
  if (feed.peek().state !== state) feed.value = { state, heard: feed.peek().heard, retryAt: 0 };
}
