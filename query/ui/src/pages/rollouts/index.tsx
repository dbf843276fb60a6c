/** Rollouts: what was rolled out, by whom, how long it took, what failed, and whether it stayed. */
import "./style.css";
import { useEffect, useMemo } from "preact/hooks";
import type { Actor, ClusterItem, Coverage } from "../../api/types";
import { type Answer, useAnswer } from "../../api/use";
import { objectHref } from "../../state/object";
import { go, href, param, windowQuery } from "../../state/url";
import { command, copy, covered, now, zone } from "../../state/view";
import { drawAxis } from "../../timeline/strips";
import { type State as StateName, StateGlyph } from "../../ui/glyphs";
import { shellWord } from "../../ui/kinds";
import { Failure, FailureStrip, isHuman, Kind, Loading, OldNew, State, Time } from "../../ui/parts";
import { useRefresh } from "../../ui/refresh";
import { inline, Path, SafeText, visible } from "../../ui/safe";
import { Strip } from "../../ui/strip";
import { verdict } from "../../ui/coverage";
import { count, duration, many } from "../../ui/time";
import { track } from "../../ui/track";
import { Unwatched } from "../../ui/unwatched";
import { type Failure as Trouble, median, ofSort, outcome, pushed, type Rollout, type Sort, SORTS, tagOf, troubled, what } from "./model";
import { drawProgress } from "./progress";

interface Rollouts {
  items: Rollout[];
  next: string | null;
  truncated: boolean;
  from: string;
  to: string;
  coverage: Coverage;
}
const STEP = 50, MOST = 500;
const GLYPH: Readonly<Record<Rollout["result"], StateName>> = { complete: "ready", "rolled-back": "failing", failed: "failing", incomplete: "progressing", superseded: "exists", deleted: "gone" };
const id = (of: Rollout): string => (of.group ? `${of.resource}.${of.group}` : of.resource);
const byHand = (by: string | null): boolean => by !== null && isHuman({ name: by } as Actor);
const sort = (): Sort => (SORTS as readonly string[]).includes(param("show")) ? (param("show") as Sort) : "all";
const asked = (): Record<string, string> => { const { cluster, namespace, kind, name, selector, from, to, tz } = windowQuery(); return Object.fromEntries(Object.entries({ cluster, namespace, kind, name, selector, from, to, tz }).filter((pair): pair is [string, string] => Boolean(pair[1]))); };

export default function RolloutsPage() {
  const again = useRefresh();
  const limit = Math.min(MOST, Math.max(STEP, Number(param("limit")) || STEP)), query = asked();
  const answer = useAnswer<Rollouts>("rollouts", { ...query, limit: String(limit) }, again);
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters");
  const { data } = answer;
  useEffect(() => {
    if (data) covered.value = { coverage: data.coverage, from: Date.parse(data.from), to: param("to") === "now" ? undefined : Date.parse(data.to) };
    const flags = [query["namespace"] ? `-n ${shellWord(query["namespace"])}` : "-A", ...["cluster", "from", "to"].map(each => query[each] && query[each] !== "now" && `--${each} ${shellWord(query[each]!)}`)];
    command.value = `kubelapse rollouts ${flags.filter(Boolean).join(" ")}`;
  }, [data, JSON.stringify(query)]);
  const rows = useMemo(() => ofSort(data?.items ?? [], sort()), [data, sort()]);
  return (
    <>
      {answer.error && data && <FailureStrip error={answer.error} readAt={answer.readAt} onRetry={answer.reload} />}
      <div class={`page rollouts ${answer.outdated ? "outdated" : ""}`}>
        <div class="head"><h1>Rollouts</h1>{data && <span class="mut">{told(data)}</span>}<span class="grow" />
          <div class="join" role="group" aria-label="Which">{SORTS.map(each => <button type="button" class="btn" key={each} aria-pressed={sort() === each} onClick={() => go({ show: each === "all" ? "" : each }, { replace: true })}>{each[0]!.toUpperCase() + each.slice(1)}{data && ` ${count(ofSort(data.items, each).length)}`}</button>)}</div>
          <button type="button" class="btn desk" onClick={() => void copy(command.value, "Command copied")}>Copy as command</button></div>
        {data ? <Listed of={data} rows={rows} limit={limit} clusters={clusters.data?.items ?? []} /> : <Waiting answer={answer} />}
      </div>
    </>
  );
}
function told(of: Rollouts): string {
  const took = median(of.items.filter(each => each.completed_at).map(each => each.duration));
  return `${of.next ? "the newest " : ""}${many(of.items.length, "rollout")}${took === undefined ? "" : `, half of them complete within ${duration(took * 1000)}`}`;
}
const Waiting = ({ answer }: { answer: Answer<Rollouts> }) =>
  answer.error ? <section class="sheet"><Failure error={answer.error} onRetry={answer.reload} /></section> : answer.slow ? <section class="sheet"><Loading>Reading rollouts …</Loading></section> : null;

function Listed({ of, rows, limit, clusters }: { of: Rollouts; rows: readonly Rollout[]; limit: number; clusters: readonly ClusterItem[] }) {
  const end = Date.parse(of.to), view = useMemo(() => track(Date.parse(of.from), end, of.coverage.watched_since), [of]);
  if (!rows.length) return <section class="sheet"><Nothing of={of} clusters={clusters} /></section>;
  return (
    <>
      <section class="sheet" aria-label="Rollouts">
        <table><thead><tr><th scope="col" class="st"><span class="sr">Result</span></th><th scope="col" class="obj">Workload</th><th scope="col" class="chg">Old → new</th><th scope="col" class="at">Started</th><th scope="col" class="how">How it went</th>
          <th scope="col" class="tl"><span class="sr">On the timeline</span><Strip height={16} draw={(g, p, w) => drawAxis(g, p, view, zone.value, w)} /></th></tr></thead>
          <tbody>{rows.map(each => <Row key={each.event + each.started} of={each} all={of} view={view} end={end} />)}</tbody></table>
        {of.next && <p class="note pad">{count(of.items.length)} are read, there are older ones. {limit < MOST ? <button type="button" class="linklike" onClick={() => go({ limit: String(Math.min(MOST, limit * 3)) })}>Read {count(Math.min(MOST, limit * 3))}</button> : "Choose a shorter range to see them."}</p>}
      </section>
      <p class="note">Striped: under way. Thin: complete, until something else came. Solid: pods of the new revision failed. Hatched: not watched. What came before is told, not what caused it.{of.truncated && " Some pods were not looked at: there are too many."}</p>
    </>
  );
}
function Nothing({ of, clusters }: { of: Rollouts; clusters: readonly ClusterItem[] }) {
  if (of.items.length) return <State title={sort() === "trouble" ? "No rollout failed" : "No rollout is under way"} actions={<button type="button" class="btn small" onClick={() => go({ show: "" })}>Show all {count(of.items.length)}</button>}>{many(of.items.length, "rollout")} in this range went another way.</State>;
  const known = verdict(of.coverage, Date.parse(of.from), Date.parse(of.to), now.peek(), zone.value).kind;
  return known === "unknown" ? <Unwatched clusters={clusters} /> : <State title="Nothing was rolled out">{of.coverage.complete ? "All workloads here were watched the whole time." : `As far as is known. ${visible(of.coverage.why[0] ?? "")}`}</State>;
}

function Row({ of, all, view, end }: { of: Rollout; all: Rollouts; view: { t0: number; t1: number }; end: number }) {
  const resource = id(of), place = { cluster: of.cluster, namespace: of.namespace, resource, name: of.name }, human = byHand(of.by);
  const sel = [of.cluster, of.namespace || "_", resource, of.name].map(each => encodeURIComponent(each)).join("/");
  const gaps = useMemo(() => all.coverage.gaps.filter(each => !each.cluster || each.cluster === of.cluster).map(each => [Date.parse(each.from), Date.parse(each.to)] as const), [all]);
  const before = of.first_seen ? "at or before " : of.ts_error > 1 ? `within ${duration(of.ts_error * 1000)} before ` : "";
  return (
    <tr class={troubled(of) ? "bad" : ""}>
      <td class="st"><StateGlyph state={of.result === "complete" && of.failures.length ? "failing" : GLYPH[of.result]} label={false} /></td>
      <td class="obj"><Kind of={resource} /> <a href={objectHref(place, { at: of.started, show: "", limit: "" })}><SafeText>{of.namespace ? `${of.namespace}/${of.name}` : of.name}</SafeText></a>
        <div class="note">{revision(of)}{of.rollback && <> <span class="tag">back to {of.equals === null ? "an earlier one" : `revision ${of.equals}`}</span></>}</div></td>
      <td class="chg"><Change of={of} /></td>
      <td class="at"><a href={href("timeline", { sel, at: of.started, live: "off", show: "", limit: "" })} title="See this moment on the timeline">{before}<b><Time at={of.started} /></b></a><div class="note">{of.by ? <>by {human ? <b><SafeText>{of.by}</SafeText></b> : <SafeText>{of.by}</SafeText>}</> : "by whom is unknown"}</div></td>
      <td class="how"><span class={of.result === "failed" ? "tag failing" : ""}>{outcome(of)}</span>{of.waiting && <div class="note">waits: {visible(of.waiting)}</div>}
        <div class="note">{[of.pods.created && `${many(of.pods.created, "new pod")}`, of.pods.removed && `${of.pods.removed} removed`, of.pods.restarts && many(of.pods.restarts, "restart")].filter(Boolean).join(", ")}</div>
        {of.failures.slice(0, 4).map(each => <Failed key={each.source + each.reason + each.container} of={each} place={place} />)}{of.failures.length > 4 && <div class="note">and {of.failures.length - 4} more kinds of trouble</div>}</td>
      <td class="tl"><Strip height={26} label={`${of.name}: started ${of.started.slice(0, 19)}Z, ${outcome(of)}`} draw={(g, p, w, h) => drawProgress(g, p, of, view, end, gaps, human, zone.value, w, h)} /></td>
    </tr>
  );
}
const revision = (of: Rollout): string => (of.to.number === null ? "" : of.from?.number != null ? `revision ${of.from.number} → ${of.to.number}` : `revision ${of.to.number}`);

function Change({ of }: { of: Rollout }) {
  const images = pushed(of), rest = of.fields.filter(each => !/\.image$/.test(each.path));
  return (
    <>
      {images.slice(0, 3).map(each => <div key={each.container} title={`${each.container}: ${visible(each.old ?? "")} → ${visible(each.fresh)}`}><OldNew old={each.old === undefined ? undefined : visible(tagOf(each.old))} fresh={visible(tagOf(each.fresh))} /></div>)}
      {images.length > 3 && <div class="note">and {images.length - 3} more images</div>}
      {images.length === 0 && <div>{what(of)}</div>}
      {images.length > 0 && !of.from && <div class="note">{what(of)}</div>}
      {of.from && rest.length > 0 && <details><summary class="note linklike">{many(rest.length, "field")} of the template</summary>{rest.slice(0, 12).map(each => <div class="fd" key={each.path}><Path>{each.path}</Path>{each.comparable ? <OldNew old={each.op === "add" ? undefined : clip(inline(each.old))} fresh={each.op === "remove" ? undefined : clip(inline(each.new))} /> : <span class="note"> redacted under different keys</span>}</div>)}{rest.length > 12 && <div class="note">and {rest.length - 12} more</div>}</details>}
    </>
  );
}
const clip = (text: string): string => (text.length > 200 ? `${text.slice(0, 198)}…` : text);

function Failed({ of, place }: { of: Trouble; place: { cluster: string; namespace: string } }) {
  const pod = of.pods[0];
  return (
    <div class="bad1"><b><SafeText>{of.reason}</SafeText></b>{of.count > 1 && ` × ${count(of.count)}`}{of.container && <> in <SafeText>{of.container}</SafeText></>}{of.message && <>: <SafeText>{clip(of.message)}</SafeText></>}
      <div class="note"><Time at={of.first} />{of.last !== of.first && <> – <Time at={of.last} /></>}{of.after_completion && ", after it was complete"}{pod && <>; {of.source === "event" ? <SafeText>{pod}</SafeText> : <a href={objectHref({ ...place, resource: "pods", name: pod }, { at: of.first, show: "", limit: "" })}><SafeText>{pod}</SafeText></a>}{of.pods.length > 1 && ` and ${of.pods.length - 1} more`}</>}</div></div>
  );
}
