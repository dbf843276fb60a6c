/** Two moments and several places: settings side by side, and everything that differs between A and B. */
import "./style.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask, objectPath, Refused } from "../../api/client";
import type { ClusterItem, Coverage, Hidden, ObjectAt } from "../../api/types";
import { useAnswer, useTask } from "../../api/use";
import { objectHref, type ObjectId } from "../../state/object";
import { go, href, param, scopeQuery } from "../../state/url";
import { command, copy, covered, now, zone } from "../../state/view";
import { Mark } from "../../ui/glyphs";
import { shellWord } from "../../ui/kinds";
import { Failure, Kind, Loading, OldNew, State, Time } from "../../ui/parts";
import { inline, Path, SafeText, visible } from "../../ui/safe";
import { count, instant, many, moment } from "../../ui/time";
import type { Blame } from "../object/ask";
import { factsOf, type Life, matrix, type Mode, type Place, presence, type Seen, SIGN, valueOf, type Verdict, WORD } from "./matrix";

interface Item extends Life { cluster: string; resource: string; group: string; kind: string; namespace: string; name: string }
interface FieldChange { path: string; op: string; before: unknown; after: unknown; by: string | null; when: string | null; comparable: boolean; noise: boolean }
interface ObjectChange { cluster: string; resource: string; group: string; kind: string; namespace: string; name: string; recreated: boolean; by: string | null; when: string | null; fields: FieldChange[] }
interface SnapshotDiff {
  added: ObjectChange[]; removed: ObjectChange[]; changed: ObjectChange[]; not_comparable: ObjectChange[];
  summary: { resource: string; group: string; kind: string; added: number; removed: number; changed: number; recreated: number }[];
  hidden: Hidden; from: string; to: string; coverage: Coverage; next?: string | null; unjudged?: number;
}
const MOST = 10, LISTED = 200;
const id = (of: { resource: string; group: string }): string => (of.group ? `${of.resource}.${of.group}` : of.resource);

export default function Compare() {
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters");
  const b = param("b") || param("to"), a = param("a") || begin(clusters.data?.items ?? [], b);
  const scope = scopeQuery();
  const asked = { ...scope, from: a, to: b, ...(zone.value === "UTC" ? {} : { tz: Intl.DateTimeFormat().resolvedOptions().timeZone }) };
  const ready = clusters.data !== undefined || clusters.error !== undefined;
  const diff = useAnswer<SnapshotDiff>(ready ? "diff" : "", { ...asked, limit: String(LISTED) });
  useEffect(() => {
    if (diff.data) covered.value = { coverage: diff.data.coverage, from: Date.parse(diff.data.from), to: b === "now" ? undefined : Date.parse(diff.data.to) };
  }, [diff.data]);
  useEffect(() => { command.value = `kubelapse diff${scope["namespace"] ? ` -n ${shellWord(scope["namespace"])}` : " -A"}${scope["cluster"] ? ` --cluster ${shellWord(scope["cluster"])}` : ""} --from ${shellWord(a)} --to ${shellWord(b)}`; }, [a, b, scope["namespace"], scope["cluster"]]);
  return (
    <div class="page compare">
      <div class="head"><h1>Compare</h1><span class="mut">{visible(param("ns") || "all namespaces")}{param("cluster") && ` in ${visible(param("cluster"))}`}</span><span class="grow" />
        <button type="button" class="btn desk" onClick={() => void copy(command.value, "Command copied")}>Copy as command</button></div>
      {ready && <SideBySide a={a} b={b} clusters={clusters.data?.items ?? []} />}
      {!diff.data ? diff.error ? <section class="sheet"><Failure error={diff.error} onRetry={diff.reload} /></section> : diff.slow ? <section class="sheet"><Loading>Comparing two moments …</Loading></section> : null : <Everything diff={diff.data} a={a} b={b} dim={diff.outdated} />}
    </div>
  );
}

/** The start of the window; where the records begin within it, the moment from which on there is something to compare. */
function begin(clusters: readonly ClusterItem[], b: string): string {
  const from = param("from"), read = instant(from, now.peek(), zone.peek()), end = instant(b, now.peek(), zone.peek()) ?? Infinity;
  const mine = clusters.filter(each => each.watched_since && (!param("cluster") || param("cluster") === each.cluster));
  const since = Math.max(...mine.map(each => Date.parse(each.watched_since!) + 1000));
  return read !== undefined && Number.isFinite(since) && since > read && since < end ? new Date(since).toISOString() : from;
}

function Moments({ a, b }: { a: string; b: string }) {
  const field = (name: "a" | "b", value: string) => {
    const read = instant(value, now.peek(), zone.value);
    return <label class="row"><span class={`pin ${name}`}>{name.toUpperCase()}</span><input class="inp" key={value} defaultValue={value} spellcheck={false} aria-label={`Time ${name.toUpperCase()}`} title={read === undefined ? "the server reads it" : moment(read, zone.value, now.peek())}
      onKeyDown={event => { if (event.key === "Enter") go({ [name]: event.currentTarget.value.trim() }); }} onBlur={event => { if (event.currentTarget.value.trim() !== value) go({ [name]: event.currentTarget.value.trim() }); }} /></label>;
  };
  return <>{field("a", a)}<span class="mut">to</span>{field("b", b)}<button type="button" class="btn icon" aria-label="Swap A and B" title="Swap A and B" onClick={() => go({ a: b, b: a })}>⇄</button></>;
}

/** Which objects stand side by side: those of one name in several places, or the workloads of one place. */
function SideBySide({ a, b, clusters }: { a: string; b: string; clusters: readonly ClusterItem[] }) {
  const kind = param("kind") || "deployments.apps";
  const listed = useAnswer<{ items: Item[] }>("objects", { ...scopeQuery(), kind, deleted: "true", limit: "2000", q: "" });
  const items = useMemo(() => unique(listed.data?.items ?? []), [listed.data]);
  const names = useMemo(() => { const found = new Map<string, number>(); for (const each of items) found.set(each.name, (found.get(each.name) ?? 0) + 1); return [...found].filter(([, n]) => n > 1).sort((x, y) => y[1] - x[1]); }, [items]);
  const set = param("set"), ref = param("ref");
  const pool = items.filter(each => !set || each.name === set);
  const order = [...pool].sort((x, y) => Number(key(y) === ref) - Number(key(x) === ref));
  const chosen = order.slice(0, MOST);
  const wanted = JSON.stringify([chosen.map(key), a, b]);
  const places = useTask<Place[]>(chosen.length ? wanted : "", signal => Promise.all(chosen.map(each => see(each, (listed.data?.items ?? []).filter(life => key(life) === key(each)), clusters, a, b, set !== "", signal))));
  const [mode, setMode] = useState<Mode>("ref");
  const [equal, setEqual] = useState(false);
  const [cell, choose] = useState<readonly [number, string] | undefined>(undefined);
  const found = useMemo(() => (places.data ? matrix(places.data, mode) : []), [places.data, mode]);
  const shown = found.filter(each => equal || !each.quiet), quiet = found.length - found.filter(each => !each.quiet).length;
  const at = cell && places.data?.[cell[0]] ? cell : shown[0] && places.data ? ([firstOdd(shown[0].cells), shown[0].label] as const) : undefined;
  return (
    <>
      <div class="bar2">
        <label class="row"><span class="mut">Side by side</span>
          <select class="sel" value={set} aria-label="Side by side" onChange={event => { choose(undefined); go({ set: event.currentTarget.value, ref: "" }); }}>
            <option value="">{visible(kind.split(".")[0]!)} of {visible(param("ns") || "all namespaces")}</option>
            {(set && !names.some(([name]) => name === set) ? [[set, 1] as const, ...names] : names).slice(0, 200).map(([name, n]) => <option key={name} value={name}>{visible(name)} in {many(n, "place")}</option>)}
          </select></label>
        <Moments a={a} b={b} />
        <div class="join" role="group" aria-label="Compare with"><button type="button" class="btn" aria-pressed={mode === "ref"} onClick={() => setMode("ref")}>Against the reference</button><button type="button" class="btn" aria-pressed={mode === "time"} onClick={() => setMode("time")}>A against B</button></div>
        <label class="row note"><input type="checkbox" checked={equal} onChange={event => setEqual(event.currentTarget.checked)} /> equal rows too {quiet > 0 && !equal && <span class="mut">({quiet} hidden)</span>}</label>
      </div>
      {listed.error && !listed.data ? <section class="sheet"><Failure error={listed.error} onRetry={listed.reload} /></section>
        : listed.data && items.length === 0 ? <section class="sheet"><State title={`No ${visible(kind)} here`}>Choose another kind or namespace above to put its objects side by side.</State></section>
          : places.error && !places.data ? <section class="sheet"><Failure error={places.error} onRetry={places.reload} /></section>
            : !places.data ? <section class="sheet"><Loading>Reading {many(chosen.length, "object")} at two moments …</Loading></section>
              : <div class={`lay ${places.outdated ? "outdated" : ""}`}>
                <section class="sheet" aria-label="Matrix">
                  <div class="mx" tabIndex={0} role="region" aria-label="Settings side by side"><table>
                    <thead><tr><th><span class="sr">Setting</span></th>{places.data.map((each, n) => <th key={each.id} scope="col" class={n === 0 && mode === "ref" ? "ref" : ""}><button type="button" title={`${visible(each.top)}${n && mode === "ref" ? ": make this the reference" : ""}`} onClick={() => go({ ref: each.id }, { replace: true })}><SafeText>{each.top}</SafeText></button><span>{n === 0 && mode === "ref" ? "reference" : <SafeText>{each.sub}</SafeText>}</span></th>)}</tr></thead>
                    <tbody>{shown.map(row => <tr key={row.label} class={row.quiet ? "quiet" : ""}><th scope="row"><Path>{row.label}</Path></th>{row.cells.map((verdicts, n) => (
                      <td key={n}><button type="button" aria-pressed={at?.[0] === n && at[1] === row.label} aria-label={`${places.data![n]!.top} ${places.data![n]!.sub}, ${row.label}: ${verdicts.map((each, half) => (verdicts.length > 1 ? (half ? "at B " : "at A ") : "") + WORD[each]).join(", ")}`} onClick={() => choose([n, row.label])}>{verdicts.map((each, half) => <Half key={half} of={each} />)}</button></td>))}</tr>)}
                      {shown.length === 0 && <tr><td class="none" colSpan={places.data.length + 1}>All {count(found.length)} settings are equal in {many(places.data.length, "place")}{mode === "ref" ? ", at A and at B" : ", before and after"}.</td></tr>}</tbody></table></div>
                  <div class="legend">{(Object.keys(SIGN) as Verdict[]).map(each => <span key={each}><Half of={each} />{WORD[each]}</span>)}{mode === "ref" && <span class="mut">left half A, right half B</span>}{order.length > MOST && <span class="mut">{order.length - MOST} more are not shown: narrow the scope</span>}</div>
                </section>
                {at && <Chosen place={places.data[at[0]]!} item={chosen[at[0]]} reference={mode === "ref" && at[0] ? places.data[0] : undefined} label={at[1]} b={b} />}
              </div>}
    </>
  );
}
const key = (of: Item): string => [of.cluster, of.namespace, id(of), of.name].join("/");
const unique = (items: readonly Item[]): Item[] => [...new Map(items.map(each => [key(each), each])).values()];
const firstOdd = (cells: readonly (readonly Verdict[])[]): number => Math.max(0, cells.findIndex(each => each.some(one => one !== "eq" && one !== "na")));
const Half = ({ of }: { of: Verdict }) => <span class={`h ${of}`}>{of === "un" ? <i>?</i> : SIGN[of]}</span>;
const idOf = (of: Item): ObjectId => ({ cluster: of.cluster, namespace: of.namespace, resource: id(of), name: of.name });

/** An object at two moments. Where its lives say that it was not there, nobody is asked for it. */
async function see(of: Item, lives: readonly Item[], clusters: readonly ClusterItem[], a: string, b: string, sameName: boolean, signal: AbortSignal): Promise<Place> {
  const since = Date.parse(clusters.find(each => each.cluster === of.cluster)?.watched_since ?? "");
  const one = async (at: string): Promise<Seen> => {
    const t = instant(at, Date.now(), zone.peek()), known = t === undefined ? "there" : presence(lives, t, Number.isNaN(since) ? undefined : since);
    if (known !== "there") return known;
    try {
      return factsOf((await ask<ObjectAt>(objectPath(of), at === "now" ? {} : { at }, signal)).object);
    } catch (error) {
      if (!(error instanceof Refused) || (error.problem.status !== 404 && error.problem.status !== 410)) throw error;
      return error.problem.state === "deleted" || error.problem.state === "not-created" ? "missing" : "unknown";
    }
  };
  const [first, second] = await Promise.all([one(a), one(b)]);
  return { id: key(of), top: sameName ? of.cluster : of.name, sub: of.namespace || "cluster-wide", a: first, b: second };
}

function Chosen({ place, item, reference, label, b }: { place: Place; item: Item | undefined; reference: Place | undefined; label: string; b: string }) {
  const path = [place.b, place.a].map(each => (typeof each === "string" ? undefined : each.get(label)?.path)).find(Boolean);
  const differs = valueOf(place.a, label) !== valueOf(place.b, label) || (reference !== undefined && valueOf(place.b, label) !== valueOf(reference.b, label));
  const blame = useAnswer<Blame>(item && path && differs && typeof place.b !== "string" && place.b.has(label) ? `${objectPath(item)}/blame` : "", { path: path ?? "", ...(b === "now" ? {} : { at: b }) });
  const last = blame.outdated ? undefined : [...(blame.data?.fields ?? [])].sort((x, y) => Date.parse(y.since) - Date.parse(x.since))[0];
  return (
    <section class="sheet det" aria-label="Chosen setting"><h2><Path>{label}</Path></h2><div class="in stack">
      <Values of={place} label={label} name={`${place.top} / ${place.sub}`} />
      {reference && <Values of={reference} label={label} name={`reference ${reference.top} / ${reference.sub}`} />}
      {last && <p>{last.at_or_before ? "So at or before " : "So since "}<b><Time at={last.since} /></b>{last.by && <>, by <b><SafeText>{last.by}</SafeText></b></>}</p>}
      {item && <div class="row wrap"><a class="btn small" href={objectHref(idOf(item), { at: b === "now" ? "" : b })}>Open object</a><a class="btn small" href={objectHref(idOf(item), { tab: "diff", a: param("a") || param("from"), b })}>Diff A → B</a><a class="btn small" href={href("timeline", { cluster: item.cluster, ns: item.namespace || "_", name: `${item.name}*`, kind: "" })}>Timeline</a></div>}
    </div></section>
  );
}
function Values({ of, label, name }: { of: Place; label: string; name: string }) {
  const say = (seen: Seen) => { const value = valueOf(seen, label); return typeof value === "symbol" ? <span class="tag unknown"><span>not watched then</span></span> : value === null ? <span class="mut">not there</span> : <code>{visible(value.length > 600 ? `${value.slice(0, 598)}…` : value)}</code>; };
  return <div><div class="note"><SafeText>{name}</SafeText></div><dl><dt><span class="pin a">A</span></dt><dd>{say(of.a)}</dd><dt><span class="pin b">B</span></dt><dd>{say(of.b)}</dd></dl></div>;
}

function Everything({ diff, a, b, dim }: { diff: SnapshotDiff; a: string; b: string; dim: boolean }) {
  const [kind, choose] = useState("");
  const total = diff.summary.reduce((sum, each) => sum + each.added + each.removed + each.changed, 0);
  const objects = [...diff.removed.map(each => ["delete", each] as const), ...diff.added.map(each => ["create", each] as const), ...diff.changed.map(each => ["spec", each] as const)].filter(([, each]) => !kind || id(each) === kind);
  const most = Math.max(1, ...diff.summary.map(each => each.added + each.removed + each.changed));
  return (
    <section class={`sheet sum ${dim ? "outdated" : ""}`}>
      <header class="wrap"><h2>Everything in {visible(param("ns") || "all namespaces")}, A to B</h2><span class="mut">{many(total, "object")} differ{total === 1 ? "s" : ""}{diff.hidden.noise > 0 && `, ${count(diff.hidden.noise)} only by noise`}{diff.coverage.unwatched.length > 0 && `, ${many(diff.coverage.unwatched.length, "kind")} not watched`}</span><span class="grow" /><a class="desk" href={href("changes", { from: a, to: b })}>All changes between</a></header>
      {total === 0 ? <State title="Nothing differs">{diff.coverage.complete ? "All that was watched is equal at A and at B." : `What is known is equal. ${visible(diff.coverage.why[0] ?? "")}`}</State> : <>
        <table><thead><tr><th>Kind</th><th class="num">Added</th><th class="num">Removed</th><th class="num">Changed</th><th class="opt share">Share</th></tr></thead>
          <tbody>{diff.summary.map(each => { const n = id(each); return (
            <tr key={n} class={kind === n ? "chosen" : ""}><td><button type="button" class="linklike mono" aria-pressed={kind === n} onClick={() => choose(kind === n ? "" : n)}>{visible(n)}</button></td>
              {[each.added, each.removed, each.changed].map((value, m) => <td class={`num ${value ? "" : "mut"}`} key={m}>{count(value)}{m === 0 && each.recreated > 0 && <span class="mut"> ({each.recreated} anew)</span>}</td>)}
              <td class="opt share"><div class="barh" role="img" aria-label={`${each.added} added, ${each.removed} removed, ${each.changed} changed`} style={{ width: `${(100 * (each.added + each.removed + each.changed)) / most}%` }}>{[["ad", each.added], ["rm", each.removed], ["ch", each.changed]].map(([cls, value]) => (value ? <i key={cls} class={String(cls)} style={{ flex: Number(value) }} /> : null))}</div></td></tr>); })}</tbody></table>
        <ol class="objs">{objects.slice(0, LISTED).map(([op, each]) => <Differing key={`${op} ${each.cluster} ${id(each)} ${each.namespace} ${each.name}`} op={op} of={each} a={a} b={b} />)}</ol>
        {diff.next && <p class="note pad">The first {count(LISTED)} of {count(total)} are listed; choose a namespace or a kind in the scope to see the others.{diff.unjudged ? ` ${many(diff.unjudged, "object")} further on differ${diff.unjudged === 1 ? "s" : ""} as recorded; some may mean the same.` : ""}</p>}</>}
      <p class="note pad">Compared by content at A and B; what went there and back in between is not in this table.{diff.not_comparable.length > 0 && ` ${many(diff.not_comparable.length, "object")} could not be compared: redacted under different keys.`}</p>
    </section>
  );
}
function Differing({ op, of, a, b }: { op: "delete" | "create" | "spec"; of: ObjectChange; a: string; b: string }) {
  const fields = of.fields.filter(each => !each.noise).sort((x, y) => Number(x.path.startsWith("status")) - Number(y.path.startsWith("status")));
  const title = <><Mark of={op} /><Kind of={id(of)} /><b><SafeText>{of.namespace ? `${of.namespace}/${of.name}` : of.name}</SafeText></b><span class="mut">{op === "create" ? (of.recreated ? "created anew" : "added") : op === "delete" ? "removed" : many(fields.length, "field")}{of.when && <>, <Time at={of.when} /></>}{of.by && <> by <SafeText>{of.by}</SafeText></>}</span></>;
  const open = <a class="open" href={objectHref({ cluster: of.cluster, namespace: of.namespace, resource: id(of), name: of.name }, { tab: "diff", a, b })}>open<span class="sr"> {visible(of.name)}</span></a>;
  if (!fields.length) return <li><div class="ob row wrap">{title}</div>{open}</li>;
  return <li><details><summary class="ob row wrap">{title}</summary><div class="fds">{fields.slice(0, 30).map(each => <div class="fd" key={each.path}><Path>{each.path}</Path>{each.comparable ? <OldNew old={each.op === "add" ? undefined : inline(each.before)} fresh={each.op === "remove" ? undefined : inline(each.after)} /> : <span class="note"> redacted under different keys</span>}{each.by && <div class="note">by <SafeText>{each.by}</SafeText>{each.when && <>, <Time at={each.when} /></>}</div>}</div>)}{fields.length > 30 && <p class="note">and {fields.length - 30} more fields</p>}</div></details>{open}</li>;
}
