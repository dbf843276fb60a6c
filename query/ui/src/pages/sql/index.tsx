/** SQL: one statement over the documented views. The link is the statement, so whoever gets it sees the same answer. */
import "./style.css";
import { useEffect, useRef, useState } from "preact/hooks";
import type { ClusterItem } from "../../api/types";
import { useAnswer, useTask } from "../../api/use";
import { addKeys } from "../../state/keys";
import { go, param, place } from "../../state/url";
import { command, copy, covered, zone } from "../../state/view";
import { shellWord } from "../../ui/kinds";
import { Failure, FailureStrip, Loading, State } from "../../ui/parts";
import { visible } from "../../ui/safe";
import { count } from "../../ui/time";
import { type Answer, asking, most, ownValues, put, ROWS, run, type Schema, valueOf, wanting, written } from "./ask";
import { Editor, insert } from "./editor";
import { type Example, parameters, SCOPED } from "./model";
import { Result } from "./result";
import { Kept, plain } from "../saved";
import { bounds, Examples, Views } from "./side";

export default function SqlPage() {
  const sql = written(), limit = most();
  const [draft, write] = useState(sql), [turn, again] = useState(0);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => write(sql), [sql]);
  const schema = useAnswer<Schema>("sql/schema");
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters");
  const missing = wanting(sql), values = parameters(sql).map(each => [each.name, valueOf(each)] as const);
  const key = sql && !missing.length ? JSON.stringify([sql, limit, zone.value, values]) : "";
  const answer = useTask<Answer & { took: number; sql: string }>(key, async signal => ({ ...(await run(sql, limit, signal)), sql }), turn);
  const { data } = answer;
  useEffect(() => { if (data) covered.value = data.from ? { coverage: data.coverage, from: Date.parse(data.from), to: undefined } : undefined; }, [data]);
  useEffect(() => { command.value = sql ? asCommand(sql, values) : ""; }, [key]);
  useEffect(() => addKeys([
    { keys: ["e"], does: "edit the statement", run: () => field.current?.focus() },
    { keys: ["r"], does: "ask again; Ctrl+Enter in the editor", shown: "r", run: () => again(n => n + 1) },
  ]), []);
  const ask = () => { const text = draft.trim(); if (text === sql) again(n => n + 1); else put(text); };
  const cluster = param("cluster") || (clusters.data?.items.length === 1 ? clusters.data.items[0]!.cluster : "");
  const known = data !== undefined && !answer.outdated, fresh = known && !answer.loading && !answer.error;
  return (
    <>
      {answer.error && known && <FailureStrip error={answer.error} readAt={answer.readAt} onRetry={answer.reload} />}
      <div class="page sql">
        <div class="head"><h1>SQL</h1><span class="mut">ClickHouse’s, read-only, over the recorded history</span><span class="grow" />
          <button type="button" class="btn desk" disabled={!sql} onClick={() => void copy(command.value, "Command copied")}>Copy as command</button></div>
        <div class="desk2">
          <div class="stack main">
            <form class="sheet" aria-label="Statement" onSubmit={event => { event.preventDefault(); ask(); }}>
              <Editor value={draft} field={field} onInput={write} onRun={ask} />
              <Parameters sql={draft} />
              <div class="row wrap foot">
                <button type="submit" class="btn main" disabled={!draft.trim()} title="Ctrl+Enter">Run</button>
                <label class="row"><span class="mut">at most</span><select class="sel" aria-label="Rows on the page" value={String(limit)} onChange={event => go({ rows: event.currentTarget.value === "1000" ? "" : event.currentTarget.value })}>{ROWS.map(each => <option key={each} value={each}>{count(each)} rows</option>)}</select></label>
                <span class="note grow">{draft.trim() !== sql && sql ? "Changed since it was asked." : schema.data ? `Limits: ${bounds(schema.data)}.` : ""}</span>
              </div>
            </form>
            {missing.length > 0 ? <section class="sheet"><State title={`${missing.length === 1 ? "A value is" : "Values are"} missing`}>Give {missing.map(each => `{${each.name}}`).join(", ")} a value above.</State></section>
              : answer.error && !known ? <section class="sheet"><Failure error={answer.error} onRetry={answer.reload} /></section>
                : data && sql ? <Result of={data} sql={data.sql} cluster={cluster} outdated={answer.outdated} />
                  : sql ? (answer.slow ? <section class="sheet"><Loading>Asking …</Loading></section> : null)
                    : <Examples choose={choose} wide />}
          </div>
          <aside class="stack side" aria-label="What can be asked">
            <Kept kind="sql" hint="images-in-prod" of={fresh && draft.trim() === sql ? { kind: "sql", text: sql, params: ownValues(sql) } : undefined} choose={each => put(each.text, Object.fromEntries(Object.entries(each.params).map(([key, value]) => [key, plain(value)])))} />
            {schema.data ? <Views of={schema.data} insert={text => insert(field.current, text)} /> : schema.error ? <section class="sheet"><Failure error={schema.error} onRetry={schema.reload} /></section> : schema.slow ? <section class="sheet"><Loading>Reading the views …</Loading></section> : null}
            {sql && <Examples choose={choose} />}
          </aside>
        </div>
      </div>
    </>
  );
}
const choose = (of: Example): void => { go({ ...asking(of.sql), sort: "", desc: "", plot: "" }); window.scrollTo(0, 0); };

/** One field per `{name:Type}`. What is not given here comes from the scope bar, and says so. */
function Parameters({ sql }: { sql: string }) {
  const wanted = parameters(sql);
  if (!wanted.length) return null;
  return (
    <div class="row wrap values" role="group" aria-label="Values">{wanted.map(each => {
      const own = place.value.params[`p.${each.name}`] ?? "", otherwise = own ? "" : valueOf(each);
      return (
        <label key={each.name} class="row"><span class="mono" title={each.type}>{visible(each.name)}</span>
          <input class="inp" value={own} aria-invalid={!own && !otherwise} spellcheck={false} placeholder={otherwise ? `${otherwise}${SCOPED[each.name] && param(SCOPED[each.name]!) ? ", as above" : ""}` : `${each.type}, needed`} onChange={event => go({ [`p.${each.name}`]: event.currentTarget.value.trim() })} /></label>
      );
    })}</div>
  );
}
function asCommand(sql: string, values: readonly (readonly [string, string])[]): string {
  return ["kubelapse sql", shellWord(sql), ...values.map(([name, value]) => `--param ${shellWord(`${name}=${value}`)}`)].join(" ");
}
