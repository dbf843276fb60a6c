/** Drift: what is not as a baseline has it, since when, by whom, how often it went to and fro. */
import "./style.css";
import { useEffect, useMemo, useState } from "preact/hooks";
import type { Actor, ClusterItem, Coverage } from "../../api/types";
import { type Answer, useAnswer } from "../../api/use";
import { objectHref } from "../../state/object";
import { go, href, param, scopeQuery } from "../../state/url";
import { command, copy, covered, now, zone } from "../../state/view";
import { drawAxis } from "../../timeline/strips";
import { shellWord } from "../../ui/kinds";
import { Failure, FailureStrip, isHuman, Kind, Loading, OldNew, State, Time } from "../../ui/parts";
import { useRefresh } from "../../ui/refresh";
import { inline, Path, SafeText, visible } from "../../ui/safe";
import { Strip } from "../../ui/strip";
import { count, duration, instant, many, moment, rfc3339 } from "../../ui/time";
import { track } from "../../ui/track";
import { GoToRecords } from "../../ui/unwatched";
import { partly } from "../../who";
import { basisText, type DriftItem, matching, type Order, ORDERS, severity, sorted, summary } from "./model";
import { drawOnset } from "./onset";

interface Drift {
  items: DriftItem[];
  not_comparable: DriftItem[];
  not_compared: { what: string; reason: string }[];
  compared: number;
  drifted: number;
  hidden: number;
  rules: { rule: string; applied: number; off: boolean }[];
  baseline: { baseline: string; at: string | null; objects: number; source: string };
  at: string;
  coverage: Coverage;
}
const SHOWN = 200;
const byHand = (by: string | null): boolean => by !== null && isHuman({ name: by } as Actor);
const id = (of: DriftItem): string => (of.group ? `${of.resource}.${of.group}` : of.resource);

export default function DriftPage() {
  const again = useRefresh(5_000);
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters");
  const chosen = param("baseline"), at = param("at"), ended = param("ended") === "on";
  const words = chosen || (clusters.data ? start(clusters.data.items) : "");
  const zoned: Record<string, string> = zone.value === "UTC" ? {} : { tz: Intl.DateTimeFormat().resolvedOptions().timeZone };
  const query = { ...scope(), ...zoned, baseline: words, at, noise: param("noise") === "off" ? "off" : "", without: param("without"), ended: ended ? "on" : "" };
  const answer = useAnswer<Drift>(words ? "drift" : "", query, at ? 0 : again);
  const { data } = answer;
  useEffect(() => {
    if (data) covered.value = { coverage: data.coverage, from: Date.parse(data.baseline.at ?? data.coverage.watched_since ?? data.at), to: at ? Date.parse(data.at) : undefined };
  }, [data]);
  useEffect(() => { command.value = asCommand(words); }, [words, JSON.stringify(query)]);
  return (
    <>
      {answer.error && data && <FailureStrip error={answer.error} readAt={answer.readAt} onRetry={answer.reload} />}
      <div class={`page drift ${answer.outdated ? "outdated" : ""}`}>
        <div class="head"><h1>Drift</h1>
          <span class="mut">actual {at ? <>at <Time at={instant(at, now.peek(), zone.value) ?? Date.now()} /></> : "now"}, against</span><Baselines chosen={chosen} words={words} clusters={clusters.data?.items ?? []} />
          {at && <button type="button" class="btn small" onClick={() => go({ at: "" })}>Now</button>}
          <span class="grow" />
          <div class="join" role="group" aria-label="Order">{ORDERS.map(each => <button type="button" class="btn" key={each} aria-pressed={order() === each} onClick={() => go({ sort: each === "newest" ? "" : each }, { replace: true })}>{each[0]!.toUpperCase() + each.slice(1)}</button>)}</div>
          <button type="button" class="btn desk" onClick={() => void copy(command.value, "Command copied")}>Copy as command</button></div>
        {data ? <Found of={data} ended={ended} clusters={clusters.data?.items ?? []} /> : <Waiting answer={words ? answer : clusters} ended={ended} />}
      </div>
    </>
  );
}
const order = (): Order => (ORDERS as readonly string[]).includes(param("sort")) ? (param("sort") as Order) : "newest";
const scope = (): Record<string, string> => { const { cluster, namespace, kind, name, selector } = scopeQuery(); return { cluster: cluster ?? "", namespace: namespace ?? "", kind: kind ?? "", name: name ?? "", selector: selector ?? "" }; };

/** The start of the range, or the first moments of the records where those begin within it. */
function start(clusters: readonly ClusterItem[]): string {
  const read = instant(param("from"), now.peek(), zone.peek());
  const mine = clusters.filter(each => each.watched_since && (!param("cluster") || param("cluster").split(",").includes(each.cluster)));
  // Kinds are read one after another: a quarter of a minute later the first list of each is in.
  const since = Math.max(...mine.map(each => Date.parse(each.watched_since!) + 15_000));
  if (read === undefined) return `time:${param("from")}`;
  return `time:${rfc3339(Number.isFinite(since) && since > read ? since : param("from").startsWith("now") ? Math.floor(read / 60_000) * 60_000 : read)}`;
}

function asCommand(words: string): string {
  const { cluster, namespace, kind, name, selector } = scope();
  const flags = [namespace ? `-n ${shellWord(namespace)}` : "-A", cluster && `--cluster ${shellWord(cluster)}`, kind && `--kind ${shellWord(kind)}`, name && `--name ${shellWord(name)}`, selector && `-l ${shellWord(selector)}`,
    `--baseline ${shellWord(words)}`, param("at") && `--at ${shellWord(param("at"))}`, param("ended") === "on" && "--ended"];
  return `kubelapse drift ${flags.filter(Boolean).join(" ")}`;
}

/** Against what: everything that has a name, and words for the rest. */
function Baselines({ chosen, words, clusters }: { chosen: string; words: string; clusters: readonly ClusterItem[] }) {
  const stored = useAnswer<{ items: { name: string; objects: number; source: string }[] }>("baselines");
  const pins = useAnswer<{ items: { name: string; at: string }[] }>("pins");
  const [typing, type] = useState(false);
  const t = Date.parse(words.slice(5));
  const choices: [string, string][] = [
    ["", chosen || Number.isNaN(t) ? "start of the range" : `start of the range, ${moment(t, zone.value, now.peek())}`],
    ...(stored.data?.items ?? []).map((each): [string, string] => [`stored:${each.name}`, `baseline ${each.name}${each.source ? `, ${each.source}` : ""}`]),
    ...(pins.data?.items ?? []).map((each): [string, string] => [`pin:${each.name}`, `pin ${each.name}, ${moment(Date.parse(each.at), zone.value, now.peek())}`]),
    ["last-applied", "what kubectl apply wrote down"], ["time:1h", "1 hour ago"], ["time:24h", "24 hours ago"],
    ...(clusters.length > 1 ? clusters.filter(each => each.cluster !== param("cluster")).map((each): [string, string] => [`cluster:${each.cluster}`, `cluster ${each.cluster}`]) : []),
  ];
  if (chosen && !choices.some(([value]) => value === chosen)) choices.push([chosen, chosen]);
  if (typing) return (
    <input class="inp base" aria-label="Baseline" placeholder="time:yesterday 14:00, namespace:staging, helm-release:web" autofocus spellcheck={false} defaultValue={chosen} ref={el => el?.focus()}
      onBlur={() => type(false)} onKeyDown={event => { if (event.key === "Enter") { type(false); go({ baseline: event.currentTarget.value.trim(), without: "" }); } }} />
  );
  return (
    <select class="sel base" aria-label="Baseline" value={chosen} onChange={event => { const value = event.currentTarget.value; if (value === "?") type(true); else go({ baseline: value, without: "" }); }}>
      {choices.map(([value, text]) => <option key={value} value={value}>{visible(text)}</option>)}<option value="?">another …</option>{partly.value && <option disabled>pins and kept baselines: for who sees everything</option>}
    </select>
  );
}

function Waiting({ answer, ended }: { answer: Pick<Answer<unknown>, "error" | "reload" | "slow">; ended: boolean }) {
  if (answer.error) return <section class="sheet"><Failure error={answer.error} onRetry={answer.reload} actions={ended ? <button type="button" class="btn small" onClick={() => go({ ended: "" })}>Without ended drift</button> : <button type="button" class="btn small" onClick={() => go({ baseline: "", without: "" })}>Against the start of the range</button>} /></section>;
  return answer.slow ? <section class="sheet"><Loading>Comparing with the baseline …</Loading></section> : null;
}

function Found({ of, ended, clusters }: { of: Drift; ended: boolean; clusters: readonly ClusterItem[] }) {
  const [most, more] = useState(SHOWN);
  const kept = useMemo(() => matching(of.items, param("by"), param("path"), param("q")), [of, param("by"), param("path"), param("q")]);
  const told = useMemo(() => summary(kept, byHand), [kept]);
  const rows = useMemo(() => sorted(kept, order()), [kept, order()]);
  const end = Date.parse(of.at), from = Math.min(instant(param("from"), now.peek(), zone.value) ?? end - 36e5, Date.parse(of.baseline.at ?? "") || Infinity);
  const view = useMemo(() => track(from, end, of.coverage.watched_since), [of, Math.round(from / 60_000)]);
  const left = of.items.length - kept.length;
  return (
    <>
      {of.compared + rows.length > 0 && <Figures of={of} told={told} />}
      <section class="sheet" aria-label="Drift">
        {rows.length === 0 ? <Nothing of={of} left={left} clusters={clusters} /> : (
          <table><thead><tr><th scope="col" class="fld">Field</th><th scope="col" class="val">Baseline → now</th><th scope="col" class="since">Since</th><th scope="col" class="by">By</th>
            <th scope="col" class="tl"><span class="sr">On the timeline</span><Strip height={16} draw={(g, p, w) => drawAxis(g, p, view, zone.value, w)} /></th><th scope="col" class="num opt">Flaps</th></tr></thead>
            <tbody>{rows.slice(0, most).map(each => <Row key={[each.cluster, id(each), each.namespace, each.name, each.path, each.within, each.lasts].join(" ")} of={each} drift={of} view={view} end={end} />)}</tbody></table>)}
        {rows.length > most && <p class="note pad">{count(most)} of {count(rows.length)} shown. <button type="button" class="linklike" onClick={() => more(most + SHOWN)}>{count(Math.min(SHOWN, rows.length - most))} more</button></p>}
      </section>
      {rows.length > 0 && <p class="note">The bar begins where the value left the baseline and stayed away. A whisker: the moment is only known to lie between its ends. Ringed: a person. Hatched: not watched.
        {left > 0 && ` ${many(left, "field")} left out by the filter.`}</p>}
      <p class="note">{ended ? <>{many(told.ended, "place")} that came back {told.ended === 1 ? "is" : "are"} shown too. <button type="button" class="linklike" onClick={() => go({ ended: "" })}>Only what lasts</button></> : <>Values that came back are not shown. <button type="button" class="linklike" onClick={() => go({ ended: "on" })}>Show ended drift</button></>}</p>
      {of.not_comparable.length > 0 && <p class="note">{many(of.not_comparable.length, "redacted value")} cannot be compared: whether {of.not_comparable.length === 1 ? "it drifts" : "they drift"} is unknown.</p>}
      {of.not_compared.length > 0 && <ul class="note">{of.not_compared.slice(0, 8).map(each => <li key={each.what}>Not compared: <SafeText>{each.what}</SafeText>. {visible(upper(each.reason))}.</li>)}{of.not_compared.length > 8 && <li>and {of.not_compared.length - 8} more</li>}</ul>}
    </>
  );
}
const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1).replace(/\.$/, "");

function Figures({ of, told }: { of: Drift; told: ReturnType<typeof summary> }) {
  const off = of.rules.filter(each => each.off), allowed = of.rules.reduce((sum, each) => sum + (each.off ? 0 : each.applied), 0);
  const without = (rule: string) => { const now = new Set(param("without").split(",").filter(Boolean)); if (!now.delete(rule)) now.add(rule); go({ without: [...now].join(",") }); };
  return (
    <section class="sheet figs" aria-label="Summary">
      <div><b>{count(told.fields)}</b><span class="mut">{told.fields === 1 ? "place" : "places"} on {many(told.objects, "object")} {told.fields === 1 ? "drifts" : "drift"}, of {count(of.compared)} compared</span></div>
      <div><b>{count(told.byHand)}</b><span class="mut">set by hand{told.people > 0 && `, ${many(told.people, "tool or person", "tools or people")}`}</span></div>
      <div><b>{told.oldest?.age == null ? "–" : duration(told.oldest.age * 1000)}</b><span class="mut">{told.oldest ? <>the oldest{told.byHand > 0 && " set by hand"}</> : "no onset is known"}{told.flapping > 0 && `, ${told.flapping} flapping`}</span></div>
      <div><b>{count(allowed + of.hidden)}</b><span class="mut">allowed to differ, </span>
        <details class="pop in"><summary class="linklike">why</summary><div class="stack"><h2>What was no drift, and why</h2>
          {of.hidden > 0 && <p>{many(of.hidden, "field")} hidden as noise. <button type="button" class="linklike" onClick={() => go({ noise: "off" })}>Show</button></p>}
          {of.rules.length === 0 && of.hidden === 0 && <p>Nothing had to be allowed.</p>}
          <ul class="rules">{of.rules.map(each => <li key={each.rule}><span class="mono">{each.rule}</span><span class="num">{each.off ? "off" : count(each.applied)}</span><button type="button" class="btn small" onClick={() => without(each.rule)}>{each.off ? "Switch on" : "Switch off"}</button></li>)}</ul>
        </div></details>{off.length > 0 && <span class="tag">{many(off.length, "rule")} off</span>}</div>
    </section>
  );
}

function Nothing({ of, left, clusters }: { of: Drift; left: number; clusters: readonly ClusterItem[] }) {
  if (left) return <State title="No drift of this filter" actions={<button type="button" class="btn small" onClick={() => go({ by: "", path: "", q: "" })}>Without filter</button>}>{many(left, "field")} {left === 1 ? "drifts" : "drift"}, none of them {left === 1 ? "is" : "are"} what the filter asks for.</State>;
  if (!of.compared) {
    const applied = of.baseline.baseline === "last-applied";
    return <State title="Nothing was compared" actions={applied ? <button type="button" class="btn small main" onClick={() => go({ baseline: "" })}>Against the start of the range</button> : <GoToRecords clusters={clusters} />}>
      {applied ? "No recorded object here carries what kubectl apply wrote down." : "The baseline names nothing that was recorded in this scope."}</State>;
  }
  return <State title="Nothing drifts">All {many(of.compared, "object")} are as the baseline has them{of.coverage.complete ? "." : `, as far as is known. ${visible(of.coverage.why[0] ?? "")}`}</State>;
}

function Row({ of, drift, view, end }: { of: DriftItem; drift: Drift; view: { t0: number; t1: number }; end: number }) {
  const resource = id(of), place = { cluster: of.cluster, namespace: of.namespace, resource, name: of.name };
  const gaps = useMemo(() => drift.coverage.gaps.filter(each => (!each.cluster || each.cluster === of.cluster) && (!each.resource || each.resource === resource) && (!each.namespace || each.namespace === of.namespace)).map(each => [Date.parse(each.from), Date.parse(each.to)] as const), [drift]);
  const human = byHand(of.by), whole = of.op === "missing" || of.op === "extra";
  return (
    <tr class={of.lasts ? `s${severity(of)}` : "past"}>
      <td class="fld"><div><Kind of={resource} /> <a href={objectHref(place, { at: of.since ?? "", tab: "" })}><SafeText>{of.namespace ? `${of.namespace}/${of.name}` : of.name}</SafeText></a>{of.of === "peer" && <span class="tag">the other side</span>}</div>
        {whole ? <div class="pth mut">{of.op === "missing" ? "the whole object is missing" : "the baseline does not have it"}</div> : <div class="pth"><Path>{of.path}</Path>{of.within && <> <span class="mut">in it </span><Path>{of.within}</Path></>}</div>}</td>
      <td class="val">{whole ? <span class="tag">{of.op}</span> : <OldNew old={of.op === "added" ? undefined : short(of.expected)} fresh={of.op === "removed" ? undefined : short(of.actual)} />}</td>
      <td class="since"><Since of={of} place={place} /></td>
      <td class="by">{of.by ? human ? <b><SafeText>{of.by}</SafeText></b> : <SafeText>{of.by}</SafeText> : <span class="mut">unknown{of.op === "missing" && (of.candidates.length ? <>, perhaps <SafeText>{of.candidates.map(each => each.manager).join(" or ")}</SafeText></> : ": a removal leaves no field manager")}</span>}
        {of.between.length > 1 && <div class="note">in conflict: <SafeText>{of.between.join(" and ")}</SafeText></div>}</td>
      <td class="tl"><Strip height={26} label={`${of.name} ${of.path} ${words(of)}`} draw={(g, p, w, h) => drawOnset(g, p, of, view, end, gaps, human, zone.value, w, h)} /></td>
      <td class={`num opt ${of.flaps ? "" : "none"}`}>{of.flaps ? <b title={of.period ? `on average every ${duration(of.period * 1000)}` : undefined}>{of.flaps} ×</b> : <span class="mut">0</span>}</td>
    </tr>
  );
}
const short = (value: unknown): string => { const text = inline(value); return text.length > 160 ? `${text.slice(0, 158)}…` : text; };

/** The onset as text, and as a link to that moment on the timeline. */
function Since({ of, place }: { of: DriftItem; place: { cluster: string; namespace: string; resource: string; name: string } }) {
  if (!of.lasts) return <>{of.spans.slice(-3).map((each, n) => <div class="note" key={n}>{each.from ? <Time at={each.from} /> : "before"} – {each.to ? <Time at={each.to} /> : "unknown"}</div>)}<div class="note">ended{of.spans.at(-1)?.ended_by ? <> by <SafeText>{of.spans.at(-1)!.ended_by!}</SafeText></> : ""}</div></>;
  if (!of.since) return <><span class="mut">unknown</span><div class="note">{basisText(of.basis)}</div></>;
  const t = Date.parse(of.since), before = of.basis === "first-sight" || of.basis === "horizon";
  const link = href("timeline", { sel: [place.cluster, place.namespace || "_", place.resource, place.name].map(each => encodeURIComponent(each)).join("/"), at: of.since, live: "off", ended: "", sort: "" });
  const age = of.age === null ? "" : of.after && of.after !== of.since ? `${duration(of.age * 1000)} to ${duration(of.age * 1000 + t - Date.parse(of.after))}` : duration(of.age * 1000);
  const notes = [age, basisText(of.basis), of.flaps > 0 ? `in and out ${many(of.flaps, "time")} before` : "", of.writes > 1 ? `${of.writes} values since` : ""];
  return <><a href={link} title="See this moment on the timeline">{before ? "at or before " : ""}{of.after && of.after !== of.since && !before ? <><Time at={of.after} /> – </> : ""}<b><Time at={of.since} /></b></a><div class="note">{notes.filter(Boolean).join("; ")}</div></>;
}
const words = (of: DriftItem): string => (of.lasts ? (of.since ? `drifts since ${of.since.slice(0, 19)}Z` : "drifts, since when is unknown") : `drifted ${many(of.spans.length, "time")} and came back`);
