/**
 * One way to ask the server. Failures are of three kinds: a problem document (the server says what is wrong and what to
 * do), `Unreachable` (no answer), and an abort (nobody waits any more). Only what a second try can cure is tried again.
 */
import type { Params } from "../state/url";
import { shut } from "../who";
import type { Problem } from "./types";

export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
    this.name = "Refused";
  }
}
export class Unreachable extends Error {
  constructor(message = "No answer from the Kubelapse server.") {
    super(message);
    this.name = "Unreachable";
  }
}
export const isAbort = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

/** The address of an answer, relative to the page: works behind any path prefix. */
export function apiUrl(path: string, query: Params = {}): string {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ""));
  const text = search.toString();
  return `./api/v1/${path}${text ? `?${text}` : ""}`;
}

/** A path segment of an address: a name from a cluster may hold anything. `_` stands for "no namespace". */
export const segment = (text: string): string => encodeURIComponent(text || "_");
export const objectPath = (of: { cluster: string; resource: string; group?: string; namespace: string; name: string }): string =>
  ["objects", of.cluster, of.group ? `${of.resource}.${of.group}` : of.resource, of.namespace, of.name].map((each, n) => (n ? segment(each) : each)).join("/");

const TRIES = 3;

/** GET and parse. Raises `Refused`, `Unreachable`, or the abort. */
export async function ask<T>(path: string, query: Params = {}, signal?: AbortSignal): Promise<T> {
  for (let n = 1; ; n++) {
    const answer = await once(apiUrl(path, query), signal);
    if (answer instanceof Response && answer.ok) return (await answer.json()) as T;
    if (n >= TRIES || (answer instanceof Response && answer.status !== 429 && answer.status !== 503)) throw await failure(answer);
    const wait = answer instanceof Response ? Number(answer.headers.get("retry-after")) || 1 : n * 0.5;
    await pause(Math.min(wait, 5) * 1000, signal);
  }
}

/** Everything that is no GET, once: what may have been done is not done again by itself. Raises as `ask` does. */
export async function send(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown, signal?: AbortSignal, query: Params = {}): Promise<Response> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body), headers: { Accept: "application/json", "Content-Type": "application/json" } };
  const answer = await once(apiUrl(path, query), signal, { method, ...sent });
  if (answer?.ok) return answer;
  throw await failure(answer);
}

async function once(url: string, signal?: AbortSignal, more: RequestInit = {}): Promise<Response | undefined> {
  try {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, ...more, ...(signal ? { signal } : {}) });
    if (answer.status === 401) shut.value = true;
    return answer;
  } catch (error) {
    if (isAbort(error)) throw error;
    return undefined;
  }
}

async function failure(answer: Response | undefined): Promise<Error> {
  if (!answer) return new Unreachable();
  try {
    const problem = (await answer.json()) as Problem;
    if (typeof problem.detail === "string") return new Refused(problem);
  } catch {
    // not a problem document: something between us and the server answered
  }
  if (answer.status >= 502 && answer.status <= 504) return new Unreachable();
  return new Refused({ type: "about:blank", status: answer.status, title: answer.statusText || "Refused", detail: `The server answered ${answer.status}.`, hint: "" });
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); reject(new DOMException("aborted", "AbortError")); }, { once: true });
  });
}
