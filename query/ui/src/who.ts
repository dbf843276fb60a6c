/** Whom the server takes the reader for. Where nobody signs in there is nobody, and nothing of this is shown. */
import { computed, signal } from "@preact/signals";

export interface WhoAmI {
  readonly login: boolean;
  readonly user: string;
  readonly session: boolean;
  readonly everything: boolean;
  readonly provider: string;
  /** What the reader may see; null = in all namespaces. */
  readonly namespaces: readonly string[] | null;
}
/** As the server said last; undefined = it has not been asked yet. */
export const who = signal<WhoAmI | undefined>(undefined);
/** The reader has rights to a part only; what people write down about the history is for who sees all of it. */
export const partly = computed(() => !!who.value?.user && !who.value.everything);
/** The server answers nothing until somebody signs in. */
export const shut = signal(false);

/** Ask, and open or shut. Without an answer everything stays as it is: the page says by itself that the server is away. */
export async function look(): Promise<void> {
  try {
    const answer = await fetch("./api/v1/whoami", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const found = (await answer.json()) as WhoAmI;
    if (found.user || !who.peek()?.user) who.value = found; // who was signed in is told so
    shut.value = found.login && !found.user;
  } catch {
    // no answer, or none that can be read
  }
}

/** Open a session with a token. Resolves to why not, "" when it is open. */
export async function enter(token: string): Promise<string> {
  const answer = await post("token", { token });
  if (answer?.ok) return "";
  const told = (await answer?.json().catch(() => undefined)) as { detail?: string; hint?: string } | undefined;
  return told?.detail ? `${told.detail} ${told.hint ?? ""}` : "No answer from the Kubelapse server.";
}

/** End the session, and forget all that this page has read. */
export async function leave(): Promise<void> {
  if ((await post("logout", {}))?.ok) location.assign("./signin?why=out");
}

async function post(path: string, body: object): Promise<Response | undefined> {
  try {
    return await fetch(`./auth/${path}`, { method: "POST", body: JSON.stringify(body), headers: { Accept: "application/json", "Content-Type": "application/json" } });
  } catch {
    return undefined;
  }
}
