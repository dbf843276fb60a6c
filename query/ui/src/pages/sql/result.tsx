/** What a statement answered: how much, how well known, as a plot, as a table, one row in full, as a file. */
import { useMemo, useState } from "preact/hooks";
import { objectHref } from "../../state/object";
import { go, param } from "../../state/url";
import { confirm, zone } from "../../state/view";
import { coverageSentence } from "../../ui/coverage";
import { State } from "../../ui/parts";
import { SafeText, visible } from "../../ui/safe";
import { type Column as Shown, Table } from "../../ui/table";
import { count, duration, many, moment, rfc3339 } from "../../ui/time";
import { save } from "../../ui/save";
import { type Answer, whole } from "./ask";
import { type Column, columnId, isNumber, isTime, objectOf, type Row, shown, sortRows, timeOf, type Value } from "./model";
import { Plot } from "./plot";

const CUT = 400;

export function Result({ of, sql, cluster, outdated }: { of: Answer & { took: number }; sql: string; cluster: string; outdated: boolean }) {
  const [chosen, choose] = useState(-1);
  const [id, turned] = [param("sort"), param("desc") === "1"];
  const rows = useMemo(() => (id ? sortRows(of.rows, of.columns, id, turned) : of.rows), [of, id, turned]);
  const sort = (next: string) => { choose(-1); go(next === id ? (turned ? { sort: "", desc: "" } : { desc: "1" }) : { sort: next, desc: "" }, { replace: true }); };
  const columns = useMemo(() => [number(choose), ...of.columns.map((each, n) => cellOf(each, n, of.columns, cluster))], [of, cluster]);
  const row = rows[chosen];
  return (
    <div class={`stack result ${outdated ? "outdated" : ""}`}>
      <div class="row wrap"><b>{many(of.count, "row")}</b><span class="mut">{of.truncated ? "these are the first ones: there are more" : "all of them"}, {duration(of.took)}{of.views.length > 0 && `, from ${of.views.join(", ")}`}</span><span class="grow" />
        <Files of={of} sql={sql} /></div>
      {!of.coverage.complete && of.views.length > 0 && <p class="note">{visible(coverageSentence(of.coverage, zone.value))}</p>}
      <Plot columns={of.columns} rows={of.rows} />
      {of.rows.length === 0 && <section class="sheet"><State title="No row">{of.coverage.complete || !of.views.length ? "The statement was answered; nothing fits it." : "Nothing that is known fits it."}</State></section>}
      {of.rows.length > 0 && <section class="sheet answered"><Table label="Answer" columns={columns} rows={rows} rowKey={(_, n) => String(n)} sort={{ id, descending: turned }} onSort={sort} chosen={chosen} /></section>}
      {row && <Whole row={row} columns={of.columns} cluster={cluster} n={chosen} onClose={() => choose(-1)} />}
    </div>
  );
}

const number = (choose: (n: number) => void): Shown<Row> => ({
  id: "#", head: <span class="sr">Row</span>, class: "rown", cell: (_, n) => <button type="button" class="linklike" aria-label={`Row ${n + 1} in full`} onClick={() => choose(n)}>{count(n + 1)}</button>,
});

function cellOf(of: Column, n: number, columns: readonly Column[], cluster: string): Shown<Row> {
  const plain = (row: Row) => <Cell of={row[n]!} type={of.type} />;
  const linked = (row: Row) => { const at = objectOf(row, columns, cluster); return at ? <a href={objectHref(at, at.at ? { at: at.at } : {})}><SafeText>{shown(row[n]!)}</SafeText></a> : plain(row); };
  return { id: columnId(of, n), head: <span title={of.type}>{visible(of.name)}</span>, sortable: true, class: isNumber(of.type) ? "num" : isTime(of.type) ? "nowrap" : "", cell: of.name === "name" ? linked : plain };
}
function Cell({ of, type }: { of: Value; type: string }) {
  if (of === null) return <span class="mut">NULL</span>;
  if (isTime(type)) { const at = timeOf(of); return Number.isFinite(at) && String(of).length > 10 ? <time dateTime={String(of)} title={rfc3339(at, zone.value)}>{moment(at, zone.value, undefined, true)}</time> : <>{String(of)}</>; }
  const text = shown(of);
  return <span class="cut"><SafeText>{text.length > CUT ? `${text.slice(0, CUT)}…` : text}</SafeText></span>;
}

/** One row with nothing cut off. */
function Whole({ row, columns, cluster, n, onClose }: { row: Row; columns: readonly Column[]; cluster: string; n: number; onClose: () => void }) {
  const at = objectOf(row, columns, cluster);
  return (
    <section class="sheet whole" aria-label={`Row ${n + 1}`}>
      <header><h2>Row {count(n + 1)}</h2><span class="grow" />{at && <a class="btn small" href={objectHref(at, at.at ? { at: at.at } : {})}>Open object</a>}<button type="button" class="btn small" onClick={onClose}>Close</button></header>
      <dl>{columns.map((each, m) => <div key={columnId(each, m)}><dt class="mono" title={each.type}>{visible(each.name)}</dt><dd><pre tabIndex={0} role="region" aria-label={visible(each.name)}>{visible(pretty(row[m]!))}</pre></dd></div>)}</dl>
    </section>
  );
}
/** States are JSON in text: they are read as what they hold. */
function pretty(value: Value): string {
  if (typeof value === "string" && /^[[{]/.test(value)) try { return JSON.stringify(JSON.parse(value), null, 2); } catch { /* text that only begins like JSON */ }
  return value !== null && typeof value === "object" ? JSON.stringify(value, null, 2) : shown(value);
}

/** The whole answer, asked once more without the page's own limit. */
function Files({ of, sql }: { of: Answer; sql: string }) {
  const [busy, set] = useState("");
  const take = async (form: "csv" | "jsonl") => {
    set(form);
    try {
      const told = form === "csv" ? [`# ${coverageSentence(of.coverage, zone.peek()).replace(/\s+/g, " ")}\r\n`] : [];
      save(`kubelapse-sql-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.${form}`, form === "csv" ? "text/csv" : "application/x-ndjson", [...told, await whole(sql, form)]);
    } catch (error) {
      confirm(error instanceof Error ? error.message : "The answer could not be read");
    } finally {
      set("");
    }
  };
  return <div class="join" role="group" aria-label="Download">{(["csv", "jsonl"] as const).map(form => <button key={form} type="button" class="btn" disabled={busy !== ""} title="All rows, not only those on the page" onClick={() => void take(form)}>{busy === form ? "Reading …" : form.toUpperCase()}</button>)}</div>;
}
