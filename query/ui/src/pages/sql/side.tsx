/** Beside the editor: the views, the functions, the examples of the guide. */
import { useEffect, useState } from "preact/hooks";
import { visible } from "../../ui/safe";
import { count, many } from "../../ui/time";
import type { Schema } from "./ask";
import { examples, type Example } from "./model";

export function Views({ of, insert }: { of: Schema; insert: (text: string) => void }) {
  return (
    <section class="sheet views"><header><h2>Views</h2><span class="mut">click to insert</span></header>
      <ul>{of.views.map(each => { const call = each.arguments.length ? `${each.name}('now')` : each.name; return (
        <li key={each.name}><details><summary><b class="mono">{visible(each.name)}{each.arguments.length > 0 && `(${each.arguments.join(", ")})`}</b> <span class="note">{visible(each.comment)}</span></summary>
          <div class="cols"><button type="button" class="btn small" onClick={() => insert(call)}>Insert <span class="mono">{call}</span></button>
            {each.columns.length === 0 && <p class="note"><span class="mono">SELECT * FROM {call} LIMIT 1</span> shows its columns.</p>}
            <dl>{each.columns.map(column => <div key={column.name}><dt><button type="button" class="linklike mono" onClick={() => insert(quoted(column.name))}>{visible(column.name)}</button> <span class="mut">{plain(column.type)}</span></dt><dd class="note">{visible(column.comment)}</dd></div>)}</dl></div>
        </details></li>); })}</ul>
      <p class="note hint">A value for <span class="mono">{"{name:Type}"}</span> is asked for. Those of <span class="mono">{"{from:DateTime64(3)}"}</span>, <span class="mono">to</span>, <span class="mono">at</span>, <span class="mono">ns</span>, <span class="mono">cluster</span>, <span class="mono">kind</span> and <span class="mono">name</span> come from the bar above.</p>
      <Functions all={of.functions} insert={insert} />
    </section>
  );
}
const RESERVED = new Set(["group", "order", "table", "select", "from", "to", "view"]);
const quoted = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) && !RESERVED.has(name.toLowerCase()) ? name : `\`${name}\``);
const plain = (type: string): string => type.replace(/LowCardinality\((.*)\)/, "$1").replace(/DateTime64\(.*?\)/, "DateTime");

function Functions({ all, insert }: { all: readonly string[]; insert: (text: string) => void }) {
  const [text, set] = useState("");
  const found = text ? all.filter(each => each.toLowerCase().includes(text.toLowerCase())) : [];
  return (
    <details class="funcs"><summary>{count(all.length)} functions</summary>
      <input class="inp" type="search" aria-label="Find a function" placeholder="JSONExtract, dateDiff, topK …" value={text} spellcheck={false} onInput={event => set(event.currentTarget.value)} />
      {text && <p class="note">{found.length === 0 ? "None has this in its name." : found.length > 30 ? `the first 30 of ${count(found.length)}` : many(found.length, "function")}</p>}
      <ul class="row wrap">{found.slice(0, 30).map(each => <li key={each}><button type="button" class="btn small mono" onClick={() => insert(`${each}(`)}>{each}</button></li>)}</ul>
    </details>
  );
}

export function Examples({ choose, wide = false }: { choose: (of: Example) => void; wide?: boolean }) {
  const [all, set] = useState<readonly Example[]>([]);
  // The guide is a chunk of its own: it is read when it is wanted.
  useEffect(() => { void import("../../../../../docs/sql.md?raw").then(found => set(examples(found.default))); }, []);
  return (
    <section class={`sheet examples ${wide ? "wide" : ""}`}><header><h2>{wide ? "Start from an example" : "Examples"}</h2><span class="mut">{wide ? "or write a statement; the link is the statement" : ""}</span></header>
      <ul>{all.map(each => <li key={each.title}><button type="button" class="linklike" onClick={() => choose(each)}>{visible(each.title)}</button></li>)}</ul>
    </section>
  );
}

export const bounds = (of: Schema | undefined): string => (of?.limits ? `${of.limits.seconds} s, ${of.limits.memory >> 20} MiB, ${count(of.limits.rows)} rows, ${of.limits.bytes >> 20} MiB of JSON; ${many(of.limits.queries, "statement")} at once` : "");
