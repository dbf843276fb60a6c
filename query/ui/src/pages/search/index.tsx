/** Search: where a value ever stood, from when to when, who brought it and who ended it. */
import "./style.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import { ask } from "../../api/client";
import type { Actor, ClusterItem } from "../../api/types";
import { useAnswer, useTask } from "../../api/use";
import { addKeys } from "../../state/keys";
import { objectHref } from "../../state/object";
import { go, href, param, place } from "../../state/url";
import { command, copy, covered, now, zone } from "../../state/view";
import { drawAxis } from "../../timeline/strips";
import { DELETE } from "../../timeline/model";
import type { View } from "../../timeline/scale";
import { coverageSentence, verdict } from "../../ui/coverage";
import { Failure, FailureStrip, isHuman, Kind, Loading, State, Time } from "../../ui/parts";
import { inline, Path, SafeText, visible } from "../../ui/safe";
import { Strip } from "../../ui/strip";
import { count, duration, many } from "../../ui/time";
import { ground, mark, track, unwatched } from "../../ui/track";
import { Unwatched } from "../../ui/unwatched";
import { Kept, plain } from "../saved";
import { asCommand, type Found, isAsked, type Match, question, type Run, SHOWN, spanOf } from "./model";

const PAGE = 100;
const id = (of: Match): string => (of.group ? `${of.resource}.${of.group}` : of.resource);
const byHand = (by: string | null): boolean => by !== null && isHuman({ name: by } as Actor);
/** What a saved search may set; what it does not name is taken away. */
const FORM = { value: "", image: "", path: "", by: "", exact: "", span: "", cluster: "", ns: "", kind: "", name: "", selector: "" };

export default function SearchPage() {
  const { params } = place.value, asked = question(params), key = isAsked(params) ? JSON.stringify([asked, zone.value]) : "";
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters");
  const first = useTask<Found>(key, signal => ask<Found>("search", { ...asked, limit: String(PAGE), ...zoned() }, signal));
  const [more, setMore] = useState<{ key: string; items: Match[]; next: string | null; failed: Error | undefined; reading: boolean }>({ key: "", items: [], next: null, failed: undefined, reading: false });
  const mine = more.key === `${key} ${first.readAt}` ? more : undefined;
  const { data } = first;
  useEffect(() => { if (data) covered.value = { coverage: data.coverage, from: Date.parse(data.from ?? data.coverage.watched_since ?? data.to), to: asked["to"] && asked["to"] !== "now" ? Date.parse(data.to) : undefined }; }, [data]);
  useEffect(() => { command.value = key ? asCommand(asked) : ""; }, [key]);
  useEffect(() => addKeys([{ keys: ["s"], does: "what to search for", run: () => document.querySelector<HTMLInputElement>(".ask input")?.focus() }]), []);
  const read = async () => {
    const next = mine?.next ?? data?.next;
    if (!next || mine?.reading) return;
    const had = { key: `${key} ${first.readAt}`, items: mine?.items ?? [], next };
    setMore({ ...had, failed: undefined, reading: true });
    try {
      const page = await ask<Found>("search", { ...asked, limit: String(PAGE), cursor: next, ...zoned() });
      setMore({ ...had, items: [...had.items, ...page.items], next: page.next, failed: undefined, reading: false });
    } catch (error) {
      setMore({ ...had, failed: error instanceof Error ? error : new Error(String(error)), reading: false });
    }
  };
  const known = data !== undefined && !first.outdated, next = mine ? mine.next : data?.next;
  return (
    <>
      {first.error && known && <FailureStrip error={first.error} readAt={first.readAt} onRetry={first.reload} />}
      <div class={`page search ${first.outdated && key ? "outdated" : ""}`}>
        <div class="head"><h1>Search</h1><span class="mut">where a value ever stood, and when</span><span class="grow" />
          <button type="button" class="btn desk" disabled={!key} onClick={() => void copy(command.value, "Command copied")}>Copy as command</button></div>
        <Form key={JSON.stringify([params["value"], params["image"], params["path"], params["by"]])} />
        {(param("q") || param("class")) && <p class="note">Of the filter, names, labels, paths and managers narrow a search; words and classes do not.</p>}
        {!key ? <Start />
          : first.error && !known ? <section class="sheet"><Failure error={first.error} onRetry={first.reload} /></section>
            : data ? <Listed of={mine ? { ...data, items: [...data.items, ...mine.items] } : data} clusters={clusters.data?.items ?? []} />
              : first.slow ? <section class="sheet"><Loading>Searching {asked["from"] ? "the range" : "all of history"} …</Loading></section> : null}
        {known && next && <div class="row rest"><button type="button" class="btn" disabled={mine?.reading ?? false} onClick={() => void read()}>{mine?.reading ? "Reading …" : `${PAGE} more`}</button><span class="note">{count((data?.items.length ?? 0) + (mine?.items.length ?? 0))} objects are here, the newest first; there are more.</span></div>}
        {mine?.failed && <p class="wrong" role="alert">{visible(mine.failed.message)}</p>}
        <Kept kind="search" hint="who-uses-staging-db" of={known && key ? { kind: "search", text: asked["value"] ?? asked["image"] ?? "", params: asked } : undefined} choose={each => go({ ...FORM, ...pick(each.params) })} />
      </div>
    </>
  );
}
const zoned = (): Record<string, string> => (zone.value === "UTC" ? {} : { tz: Intl.DateTimeFormat().resolvedOptions().timeZone });
/** The parameters of a request as those of a link. */
function pick(params: Readonly<Record<string, unknown>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, value] of Object.entries(params)) { const mine = key === "namespace" ? "ns" : key; if (mine in FORM || mine === "from" || mine === "to") found[mine] = plain(value); }
  return found["from"] ? { ...found, span: "range" } : found;
}

function Form() {
  const image = param("image") !== "", [sort, turn] = useState<"value" | "image">(image ? "image" : "value");
  const submit = (form: HTMLFormElement) => {
    const said = new FormData(form), text = (name: string) => String(said.get(name) ?? "").trim();
    go({ value: sort === "value" ? text("what") : "", image: sort === "image" ? text("what") : "", path: text("path"), by: text("by"), exact: said.get("exact") ? "on" : "", span: param("span") });
  };
  return (
    <form class="sheet ask" role="search" aria-label="Search the history" onSubmit={event => { event.preventDefault(); submit(event.currentTarget); }}>
      <div class="join what"><select class="sel" aria-label="What is searched for" value={sort} onChange={event => turn(event.currentTarget.value === "image" ? "image" : "value")}><option value="value">a value</option><option value="image">an image</option></select>
        <input class="inp grow" name="what" aria-label={sort === "image" ? "Image" : "Value"} defaultValue={image ? param("image") : param("value")} spellcheck={false} autocomplete="off" placeholder={sort === "image" ? "registry.example/shop/web:1.9.0" : "db.staging.svc, part of it is enough, * stands for anything"} /></div>
      <label class="row"><span class="mut">at path</span><input class="inp" name="path" defaultValue={param("path")} spellcheck={false} autocomplete="off" placeholder="spec.replicas" /></label>
      <label class="row"><span class="mut">by</span><input class="inp" name="by" defaultValue={param("by")} spellcheck={false} autocomplete="off" placeholder="kubectl-*" /></label>
      <label class="row"><input type="checkbox" name="exact" defaultChecked={param("exact") === "on"} /> the whole value</label>
      <div class="join" role="group" aria-label="When">{([["", "All of history"], ["range", "This range"]] as const).map(([value, name]) => <button key={value} type="button" class="btn" aria-pressed={param("span") === value} onClick={() => go({ span: value })}>{name}</button>)}</div>
      <button type="submit" class="btn main">Search</button>
    </form>
  );
}

function Start() {
  const tries: [string, Record<string, string>][] = [["who had an image with the tag 1.9.0", { value: "*:1.9.0" }], ["how replicas went, everywhere", { path: "spec.replicas" }], ["what kubectl edit wrote into specs", { path: "spec", by: "kubectl-edit" }], ["what ran an image of this registry", { image: "registry.example" }]];
  return (
    <section class="sheet"><State title="Nothing was asked yet">A hostname, an image, a label, a password that should not be there: every object that ever held it, with the time it came, the time it went, and who did both. Redacted values cannot be found.</State>
      <ul class="tries">{tries.map(([words, change]) => <li key={words}><a href={href("search", { ...FORM, ...change })}>{words}</a></li>)}</ul></section>
  );
}

function Listed({ of, clusters }: { of: Found; clusters: readonly ClusterItem[] }) {
  const [from, to] = useMemo(() => spanOf(of), [of]), view = useMemo(() => track(from, to, of.coverage.watched_since), [of]);
  if (!of.items.length) return <section class="sheet"><Nothing of={of} clusters={clusters} /></section>;
  const standing = of.periods.filter(each => each.to === null).length;
  return (
    <>
      <p class="sec">{standing ? "It still stands" : "It stands nowhere any more"}{of.periods.length > 0 && <>: {of.periods.slice(-4).reverse().map((each, n) => <span key={each.from}>{n > 0 && "; "}{each.at_or_before ? "at or before " : ""}<Time at={each.from} /> – {each.to ? <Time at={each.to} /> : "now"} in {many(each.objects, "object")}</span>)}{of.periods.length > 4 && `; and ${of.periods.length - 4} times before`}</>}.</p>
      <section class="sheet" aria-label="Matches"><table><thead><tr><th scope="col" class="obj">Object</th><th scope="col" class="what">Value</th><th scope="col" class="when">From – to</th><th scope="col" class="who">Brought, ended by</th>
        <th scope="col" class="tl"><span class="sr">On the timeline</span><Strip height={16} draw={(g, p, w) => drawAxis(g, p, view, zone.value, w)} /></th></tr></thead>
        {of.items.map(each => <Life key={each.uid} of={each} all={of} view={view} end={to} />)}</table></section>
      <p class="note">The bar is the time it stood; × ended with the object. Hatched: not watched. {coverageSentence(of.coverage, zone.value)}</p>
    </>
  );
}
function Nothing({ of, clusters }: { of: Found; clusters: readonly ClusterItem[] }) {
  const known = verdict(of.coverage, Date.parse(of.from ?? of.coverage.watched_since ?? of.to), Date.parse(of.to), now.peek(), zone.value).kind;
  if (known === "unknown") return <Unwatched clusters={clusters} />;
  return <State title="Nothing ever held it" actions={param("span") === "range" ? <button type="button" class="btn small main" onClick={() => go({ span: "" })}>Search all of history</button> : undefined}>{of.coverage.complete ? "All of this time was watched." : `As far as is known. ${visible(coverageSentence(of.coverage, zone.value))}`} Values that were redacted cannot be found.</State>;
}

function Life({ of, all, view, end }: { of: Match; all: Found; view: View; end: number }) {
  const [open, set] = useState(false);
  const newest = useMemo(() => [...of.runs].reverse(), [of]), shown = open ? newest : newest.slice(0, SHOWN);
  const place = { cluster: of.cluster, namespace: of.namespace, resource: id(of), name: of.name };
  const gaps = useMemo(() => all.coverage.gaps.filter(each => (!each.cluster || each.cluster === of.cluster) && (!each.resource || each.resource === id(of)) && (!each.namespace || each.namespace === of.namespace)).map(each => [Date.parse(each.from), Date.parse(each.to)] as const), [all]);
  return (
    <tbody>{shown.map((run, n) => (
      <tr key={run.event + run.path + run.from} class={n ? "again" : ""}>
        <td class="obj">{n === 0 && <><Kind of={id(of)} /> <a href={objectHref(place, { at: run.from, uid: of.uid })}><SafeText>{of.namespace ? `${of.namespace}/${of.name}` : of.name}</SafeText></a></>}</td>
        <td class="what"><Value of={run} /></td>
        <td class="when"><a href={objectHref(place, { at: run.from, uid: of.uid })}>{run.at_or_before ? "at or before " : ""}<b><Time at={run.from} /></b></a> – {run.to ? <Time at={run.to} /> : "now"}<div class="note">{duration(Math.max(0, (run.to ? Date.parse(run.to) : end) - Date.parse(run.from)))}{run.at_or_before && " or longer"}</div></td>
        <td class="who"><Who by={run.by} first={run.basis === "first-sight" || run.basis === "gap"} />{run.to && <div class="note">{run.deleted ? "deleted" : "ended"}{run.gone_by ? <> by <SafeText>{run.gone_by}</SafeText></> : run.deleted ? "" : ", by whom is unknown"}</div>}</td>
        <td class="tl"><Strip height={24} label={`${inline(run.value)} from ${run.from.slice(0, 19)}Z to ${run.to ? `${run.to.slice(0, 19)}Z` : "now"}`} draw={(g, p, w, h) => drawRun(g, p, run, view, end, gaps, w, h)} /></td>
      </tr>))}
      {newest.length > shown.length && <tr class="again"><td /><td colSpan={4}><button type="button" class="linklike" onClick={() => set(true)}>{count(newest.length - shown.length)} earlier</button></td></tr>}
      {open && of.more && <tr class="again"><td /><td colSpan={4} class="note">There are even more: open the object to see the history of the field.</td></tr>}</tbody>
  );
}
function Who({ by, first }: { by: string | null; first: boolean }) {
  if (first) return <span class="mut">{by ? <>so before, last by <SafeText>{by}</SafeText></> : "so before anybody watched"}</span>;
  return by ? byHand(by) ? <b><SafeText>{by}</SafeText></b> : <SafeText>{by}</SafeText> : <span class="mut">unknown</span>;
}
const LONG = 160;
function Value({ of }: { of: Run }) {
  const text = inline(of.value);
  return (
    <><Path>{of.path}</Path>
      {text.length > LONG ? <details><summary class="mono">{text.slice(0, LONG)}…</summary><pre class="all" tabIndex={0} role="region" aria-label="The whole value">{text}</pre></details> : <div class="mono">{text === "" ? <span class="mut">empty</span> : text}</div>}</>
  );
}

function drawRun(g: CanvasRenderingContext2D, p: Parameters<Parameters<typeof Strip>[0]["draw"]>[1], of: Run, view: View, end: number, gaps: readonly (readonly [number, number])[], width: number, height: number): void {
  const y = height / 2, x = (t: number) => ((t - view.t0) / (view.t1 - view.t0)) * width, from = x(Date.parse(of.from)), to = x(of.to ? Date.parse(of.to) : end);
  ground(g, p, view, zone.peek(), width, y, height);
  g.fillStyle = p.css["ink-2"];
  const a = Math.max(0, from);
  g.fillRect(a, y - 3, Math.max(to - a, 2), 6);
  if (of.at_or_before) { g.fillStyle = p.css.sheet; for (let at = a; at < Math.min(a + 12, to - 2); at += 4) g.fillRect(at, y - 3, 2, 6); } // how much longer is not known
  unwatched(g, p, view, gaps, width, height);
  if (of.deleted && to >= 0) mark(g, p, DELETE, false, to, y);
}
