/** Questions that were saved under a name, for everybody who may ask here. */
import { useState } from "preact/hooks";
import { ask, Refused, send } from "../api/client";
import { useTask } from "../api/use";
import { confirm } from "../state/view";
import { SafeText, visible } from "../ui/safe";
import { partly } from "../who";

export interface Saved {
  name: string;
  kind: "sql" | "search";
  text: string;
  params: Record<string, unknown>;
  by: string;
  updated: string;
}
export interface Question {
  readonly kind: Saved["kind"];
  readonly text: string;
  readonly params: Readonly<Record<string, string>>;
}
const at = (name: string): string => `saved/${encodeURIComponent(name)}`;
export const plain = (value: unknown): string => (typeof value === "string" ? value : Array.isArray(value) ? value.map(plain).join(",") : JSON.stringify(value));

/** `of` undefined: there is nothing to save (yet). */
export function Kept({ kind, of, hint, choose }: { kind: Saved["kind"]; of: Question | undefined; hint: string; choose: (saved: Saved) => void }) {
  const [turn, again] = useState(0), [name, set] = useState(""), [error, fail] = useState(""), [going, doubt] = useState("");
  const list = useTask<{ items: Saved[] }>(`saved ${kind}`, signal => ask("saved", { kind }, signal), turn);
  const items = list.data?.items ?? [];
  if (partly.value) return <section class="sheet kept"><header><h2>Saved</h2></header><p class="note pad">What was saved is free text about anything: who sees everything sees it, and saves.</p></section>;
  const act = async (what: Promise<Response>, done: string) => {
    fail("");
    try {
      await what;
      confirm(done);
      doubt("");
      set("");
      again(n => n + 1);
    } catch (reason) {
      fail(reason instanceof Refused ? `${reason.problem.detail} ${reason.problem.hint ?? ""}` : reason instanceof Error ? reason.message : String(reason));
    }
  };
  return (
    <section class="sheet kept"><header><h2>Saved</h2><span class="mut">for everybody who may ask here</span></header>
      {items.length === 0 && <p class="note pad">{list.error ? visible(list.error.message) : list.data ? "Nothing is saved yet." : "Reading …"}</p>}
      <ul>{items.map(each => <li key={each.name} class="row"><button type="button" class="linklike clip" title={visible(each.text)} onClick={() => choose(each)}><SafeText>{each.name}</SafeText></button>
        {each.by && <span class="note clip">by <SafeText>{each.by}</SafeText></span>}<span class="grow" />
        {going === each.name ? <><button type="button" class="btn small" onClick={() => void act(send("DELETE", at(each.name)), `${each.name} is no longer saved`)}>Remove</button><button type="button" class="btn small" onClick={() => doubt("")}>Keep</button></>
          : <button type="button" class="btn small plain" aria-label={`Remove ${visible(each.name)}`} onClick={() => doubt(each.name)}>Remove</button>}</li>)}</ul>
      <form class="row pad" onSubmit={event => { event.preventDefault(); if (name && of) void act(send("PUT", at(name), of), `Saved as ${name}`); }}>
        <input class="inp grow" aria-label="Name to save this under" placeholder={hint} value={name} spellcheck={false} maxLength={100} onInput={event => set(event.currentTarget.value.trim())} />
        <button type="submit" class="btn" disabled={!name || !of} title={of ? "" : "What is saved has answered: run it first"}>{items.some(each => each.name === name) ? "Replace" : "Save"}</button></form>
      {error && <p class="wrong pad" role="alert">{visible(error)}</p>}
    </section>
  );
}
