/** Coverage: what is watched, since when, with which gaps, how far behind, and what is not watched and why. */
import "../home/style.css";
import "./style.css";
import { useEffect, useMemo } from "preact/hooks";
import type { ClusterItem, CoverageReport, Interval, KindItem, Span } from "../../api/types";
import { useAnswer } from "../../api/use";
import { href, param, windowQuery } from "../../state/url";
import { command, covered, now, zone } from "../../state/view";
import { drawAxis, drawWatch } from "../../timeline/strips";
import { coverageSentence, reasonText } from "../../ui/coverage";
import { Failure, FailureStrip, Kind, Loading, State } from "../../ui/parts";
import { useRefresh } from "../../ui/refresh";
import { SafeText, visible } from "../../ui/safe";
import { Strip } from "../../ui/strip";
import { duration, hms, many, moment } from "../../ui/time";

interface Line {
  readonly key: string;
  readonly cluster: string;
  readonly resource: string;
  readonly namespaces: string[];
  readonly watched: (readonly [number, number])[];
  readonly gaps: Span[];
  readonly late: Span[];
  readonly behind: number;
}
/** Streams advance in turn; less than this is no lag. */
const CURRENT = 15_000;

export default function CoveragePage() {
  const again = useRefresh(15_000, 15_000);
  const query = windowQuery();
  const answer = useAnswer<CoverageReport>("coverage", query, again);
  const kinds = useAnswer<{ items: KindItem[] }>("kinds", param("cluster") ? { cluster: param("cluster") } : {});
  const clusters = useAnswer<{ items: ClusterItem[] }>("clusters", {}, again);
  const report = answer.data;
  const lines = useMemo(() => (report ? gather(report) : []), [report]);
  useEffect(() => {
    if (report?.from) covered.value = { coverage: report.coverage, from: Date.parse(report.from), to: param("to") === "now" ? undefined : Date.parse(report.to) };
    command.value = `kubelapse coverage --gaps --from ${param("from")} --to ${param("to")}`;
  }, [report]);
  if (!report) return <div class="page"><h1 class="sr">Coverage</h1>{answer.error ? <Failure error={answer.error} onRetry={answer.reload} /> : answer.slow ? <Loading>Reading what was watched …</Loading> : null}</div>;
  const to = Date.parse(report.to), from = report.from ? Date.parse(report.from) : to - 36e5, view = { t0: from, t1: to }, z = zone.value;
  const off = (kinds.data?.items ?? []).filter(each => each.watching !== "yes");
  const trouble = lines.filter(each => each.gaps.length > 0), calm = lines.filter(each => !each.gaps.length);
  const last = clusters.data?.items.filter(each => !param("cluster") || param("cluster").split(",").includes(each.cluster)) ?? [];
  return (
    <>
      {answer.error && <FailureStrip error={answer.error} readAt={answer.readAt} onRetry={answer.reload} />}
      <div class="page">
        <div class="head"><h1>{report.coverage.complete ? "Everything was watched" : report.gaps.length ? `${many(report.gaps.length, "gap")} in this range` : "This range is not complete"}</h1><span class="mut">{moment(from, z, now.value)} – {hms(to, z)}, {many(lines.length, "kind")} watched</span></div>
        <p class="sec answer">{report.coverage.complete ? "Every change of every watched kind in this range is here." : visible(coverageSentence(report.coverage, zone.value))}</p>
        <section class="sheet"><header><h2>Clusters</h2></header><div class="scroll" tabIndex={0} role="group" aria-label="Clusters, table"><table><thead><tr><th>Cluster</th><th>Watched since</th><th>Complete up to</th><th>Behind</th><th class="num">Objects</th><th class="num">Changes</th></tr></thead><tbody>
          {last.map(each => { const mark = each.watermark ? Date.parse(each.watermark) : undefined, lag = mark === undefined ? undefined : to - mark; return (
            <tr key={each.cluster}><td><SafeText>{each.cluster}</SafeText>{each.uids.length > 1 && <div class="note">the name passed on: {each.uids.length} clusters bore it</div>}</td><td class="nowrap">{each.watched_since ? moment(Date.parse(each.watched_since), z, now.value) : "never"}</td><td class="nowrap">{mark === undefined ? "nothing" : moment(mark, z, now.value, true)}</td>
              <td class="nowrap">{lag === undefined || param("to") !== "now" ? "" : lag > CURRENT ? <b class="row"><span class="swatch" />{duration(lag)}</b> : duration(Math.max(0, lag))}</td><td class="num">{each.objects.toLocaleString("en-US")}</td><td class="num">{each.events.toLocaleString("en-US")}</td></tr>); })}
        </tbody></table></div></section>
        <section class="sheet"><header><h2>Gaps and late spans</h2></header>
          {!report.gaps.length && !report.late.length ? <State title="None">From {hms(from, z)} to {hms(to, z)} nothing was missed, as far as anything was watched.</State> : <Spans gaps={report.gaps} late={report.late} />}
        </section>
        <section class="sheet"><header><h2>By kind</h2><span class="mut">those with gaps first</span></header>
          <div class="covers"><div class="cov kinds"><span /><Strip height={16} draw={(g, p, w) => drawAxis(g, p, view, z, w)} /><span /></div>
            {[...trouble, ...calm].map(each => <KindLine key={each.key} line={each} view={view} many={last.length > 1} />)}</div>
          <p class="note under">Hatched: nobody was watching, changes there may be missing. Half height: read late, moments are estimates.</p>
        </section>
        {off.length > 0 && <section class="sheet"><header><h2>Not watched</h2><span class="mut">{many(off.length, "kind")}; no answer knows anything of them</span></header><div class="scroll" tabIndex={0} role="group" aria-label="Not watched, table"><table><thead><tr><th>Kind</th><th>Why</th></tr></thead><tbody>
          {off.map(each => <tr key={each.cluster + each.resource + each.group}><td><SafeText>{each.group ? `${each.resource}.${each.group}` : each.resource}</SafeText></td><td><b class="tag">{each.watching}</b> {visible(each.reason)}</td></tr>)}
        </tbody></table></div></section>}
      </div>
    </>
  );
}

function gather(report: CoverageReport): Line[] {
  const found = new Map<string, Line & { behind: number }>();
  const of = (each: Pick<Interval, "cluster" | "resource">) => {
    const key = `${each.cluster}/${each.resource}`;
    return found.get(key) ?? found.set(key, { key, cluster: each.cluster, resource: each.resource, namespaces: [], watched: [], gaps: [], late: [], behind: Infinity }).get(key)!;
  };
  const to = Date.parse(report.to);
  for (const each of report.watched) {
    const line = of(each);
    line.watched.push([Date.parse(each.from), Date.parse(each.to)]);
    if (each.namespace && !line.namespaces.includes(each.namespace)) line.namespaces.push(each.namespace);
    line.behind = Math.min(line.behind, to - Date.parse(each.to));
  }
  for (const each of report.gaps) of(each).gaps.push(each);
  for (const each of report.late) of(each).late.push(each);
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function KindLine({ line, view, many: several }: { line: Line; view: { t0: number; t1: number }; many: boolean }) {
  const pairs = (spans: readonly Span[]) => spans.map(each => [Date.parse(each.from), Date.parse(each.to)] as const);
  const gap = line.gaps.reduce((sum, each) => sum + Date.parse(each.to) - Date.parse(each.from), 0);
  const lag = param("to") === "now" && line.behind > CURRENT && Number.isFinite(line.behind);
  const words = gap ? `gap ${duration(gap)}` : lag ? `late ${duration(line.behind)}` : line.late.length ? "read late" : "complete";
  return (
    <div class="cov kinds"><span class="row"><Kind of={line.resource} /><a class="clip" href={href("timeline", { kind: line.resource })} title={line.resource}><SafeText>{several ? `${line.cluster} ${line.resource}` : line.resource}</SafeText></a></span>
      <Strip height={20} label={`${line.resource}: ${words}`} draw={(g, p, w, h) => drawWatch(g, p, view, line.watched, pairs(line.gaps), pairs(line.late), w, h)} />
      <span class={`row cover ${gap ? "gap" : lag || line.late.length ? "late" : "complete"}`}><i aria-hidden="true">{words === "complete" ? "✓" : ""}</i>{words}</span></div>
  );
}

function Spans({ gaps, late }: { gaps: readonly Span[]; late: readonly Span[] }) {
  const all = [...gaps.map(each => [each, false] as const), ...late.map(each => [each, true] as const)].sort((a, b) => Date.parse(b[0].from) - Date.parse(a[0].from)).slice(0, 500);
  return (
    <div class="scroll" tabIndex={0} role="group" aria-label="Gaps and late spans, table"><table><thead><tr><th>What</th><th>From</th><th>To</th><th>Length</th><th>Kind</th><th>Namespace</th><th>Why</th></tr></thead><tbody>
      {all.map(([each, slow]) => { const a = Date.parse(each.from), b = Date.parse(each.to); return (
        <tr key={each.id}><td class="nowrap"><span class={slow ? "swatch late" : "swatch"} /> {slow ? "read late" : "not watched"}</td><td class="nowrap"><a href={href("timeline", { from: new Date(a - (b - a) - 6e4).toISOString(), to: new Date(b + (b - a) + 6e4).toISOString(), at: each.from, live: "off" })}>{moment(a, zone.value, now.value, true)}</a></td><td class="nowrap">{hms(b, zone.value, true)}</td><td class="nowrap">{duration(b - a)}</td>
          <td><SafeText>{each.resource || "all kinds"}</SafeText></td><td>{each.namespace ? <SafeText>{each.namespace}</SafeText> : <span class="mut">all</span>}</td><td>{visible(reasonText(each.reason))}</td></tr>); })}
    </tbody></table></div>
  );
}
